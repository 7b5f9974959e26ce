package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fsm/test/bench/internal/procfs"
)

// costs makes a row whose rounds cost so many microseconds for each request.
func costs(peer string, micros ...int) *row {
	r := &row{Peer: peer}
	for round, cost := range micros {
		r.Samples = append(r.Samples, sample{
			Round: round, Count: 1000, Seconds: 1,
			Usage: procfs.Usage{Run: time.Duration(cost) * time.Millisecond},
		})
	}
	return r
}

func TestJudgeRatio(t *testing.T) {
	failing := costs(ours, 10, 10)
	failing.Samples[1].Errors, failing.Samples[1].Problem = 3, "connection reset"
	ended := costs(ours, 10)
	ended.fail(errors.New("fsm has ended"))
	failingPeer := costs("nginx", 20, 20)
	failingPeer.Samples[0].Errors, failingPeer.Samples[0].Problem = 2, "502"
	absent := &row{Peer: "nginx", Problems: []string{"not installed"}}
	tests := []struct {
		name       string
		ours, peer *row
		limit      float64
		want       state
		value      float64
		why        string
	}{
		{"cheaper", costs(ours, 8, 8, 8), costs("nginx", 10, 10, 10), 1, kept, 0.8, ""},
		{"dearer", costs(ours, 12, 12, 12), costs("nginx", 10, 10, 10), 1, broken, 1.2, ""},
		{"dearer, within what is allowed", costs(ours, 12, 12, 12), costs("nginx", 10, 10, 10), 1.25, kept, 1.2, ""},
		{"equal", costs(ours, 10), costs("nginx", 10), 1, kept, 1, ""},
		// The medians are equal, 20 each; in most rounds ours cost more.
		{"rounds are compared, not medians", costs(ours, 20, 30, 12), costs("nginx", 25, 20, 10), 1, broken, 1.2, ""},
		{"errors of ours", failing, costs("nginx", 20, 20), 1, broken, 0, "3 errors: connection reset"},
		{"errors of the peer", costs(ours, 10, 10), failingPeer, 1, notMeasured, 0, "2 errors of nginx: 502"},
		{"ours has ended", ended, costs("nginx", 20), 1, broken, 0, "fsm has ended"},
		{"no such peer here", costs(ours, 10), absent, 1, notMeasured, 0, "not installed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &outcome{Name: "test", Unit: "request", Rows: []*row{tt.ours, tt.peer}}
			v := o.judge(noMoreThan(tt.limit, "nginx"))
			if v.State != tt.want || v.Value != tt.value || v.Why != tt.why {
				t.Errorf("got %s %v %q, want %s %v %q", v.State, v.Value, v.Why, tt.want, tt.value, tt.why)
			}
		})
	}
}

func TestJudgeFigure(t *testing.T) {
	tests := []struct {
		name    string
		outcome outcome
		want    state
	}{
		{"below", outcome{Figures: []quantity{{Peer: ours, What: idleMemory, Value: 19}}}, kept},
		{"at the limit", outcome{Figures: []quantity{{Peer: ours, What: idleMemory, Value: 20}}}, kept},
		{"above", outcome{Figures: []quantity{{Peer: ours, What: idleMemory, Value: 21}}}, broken},
		{"of a peer", outcome{Figures: []quantity{{Peer: "nginx", What: idleMemory, Value: 1}}}, notMeasured},
		{"ours could not be measured", outcome{Figures: []quantity{{Peer: ours, Problem: "it has ended"}}}, broken},
		{"nothing could be measured", outcome{Problem: "too few files"}, notMeasured},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if v := tt.outcome.judge(atMost(20, "MiB", idleMemory)); v.State != tt.want {
				t.Errorf("got %+v, want %s", v, tt.want)
			}
		})
	}
}

func TestJudgeLeast(t *testing.T) {
	for value, want := range map[float64]state{1.4: broken, 1.5: kept, 1.6: kept} {
		o := outcome{Figures: []quantity{{Peer: ours, What: threadsBusy, Value: value}}}
		if v := o.judge(atLeast(1.5, "", threadsBusy)); v.State != want {
			t.Errorf("got %+v, want %s", v, want)
		}
	}
}

// A promise that was not checked is not one that is kept.
func TestKept(t *testing.T) {
	for want, states := range map[bool][]state{
		true:  {kept, kept},
		false: {kept, notMeasured},
	} {
		o := &outcome{}
		for _, s := range states {
			o.Verdicts = append(o.Verdicts, verdict{State: s})
		}
		if got := (report{Tests: []*outcome{o}}).kept(); got != want {
			t.Errorf("%v: got %v, want %v", states, got, want)
		}
	}
}

// Names select tests.
func TestTestsAreNamedOnce(t *testing.T) {
	seen := map[string]int{}
	for _, test := range tests() {
		seen[test.name]++
		if strings.ContainsAny(test.name, " \t") {
			t.Errorf("%q cannot be asked for by -run", test.name)
		}
	}
	want := map[string]int{}
	for name := range seen {
		want[name] = 1
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("tests by name (-want +got):\n%s", diff)
	}
}
