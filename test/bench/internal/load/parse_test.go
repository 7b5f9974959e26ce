package load

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScheduleIsPoisson(t *testing.T) {
	const rate, n = 10_000, 200_000
	s := newSchedule(rate, 1)
	mean := float64(time.Second) / rate
	longer, last := 0, time.Duration(0)
	for range n {
		gap := s.due() - last
		if gap < 0 {
			t.Fatalf("goes back by %v", -gap)
		}
		if float64(gap) > mean {
			longer++
		}
		last = s.due()
		s.advance()
	}
	if got := n / last.Seconds(); math.Abs(got/rate-1) > 0.01 {
		t.Errorf("rate is %.0f, want %d", got, rate)
	}
	// Of exponential gaps 1/e are longer than the mean; of even ones none would be.
	if share := float64(longer) / n; math.Abs(share-1/math.E) > 0.01 {
		t.Errorf("%.3f of the gaps are longer than the mean, want %.3f", share, 1/math.E)
	}
}

func TestScheduleRepeats(t *testing.T) {
	times := func(seed uint64) (list []time.Duration) {
		s := newSchedule(1000, seed)
		for range 100 {
			list = append(list, s.due())
			s.advance()
		}
		return list
	}
	if diff := cmp.Diff(times(1), times(1)); diff != "" {
		t.Errorf("equal seeds differ:\n%s", diff)
	}
	if cmp.Equal(times(1), times(2)) {
		t.Error("other seeds make the same times")
	}
}

func TestResponseSize(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 3\r\nX: y\r\n\r\n"
	tests := []struct {
		name, in string
		want     int
		ok       bool
	}{
		{"nothing", "", 0, true},
		{"part of the head", head[:20], 0, true},
		{"head only", head, len(head) + 3, true},
		{"whole", head + "abc", len(head) + 3, true},
		{"small letters, no space", "HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\n", 37 + 3, true},
		{"body that looks like a length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\r\nContent-Length: 9", 38 + 3, true},
		{"no length", "HTTP/1.1 200 OK\r\nX-Content-Length: 3\r\n\r\n", 0, false},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 0, false},
		{"other status", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := responseSize([]byte(tt.in))
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("responseSize = %d, %v; want %d, ok %v", got, err, tt.want, tt.ok)
			}
		})
	}
}

func TestParseWrk(t *testing.T) {
	got, err := parseWrk("Running 3s test\nRequests/sec: 40\nfigures: 1200 3000000  0 0 0 0 0  150 900 1500\n")
	if err != nil {
		t.Fatal(err)
	}
	want := Result{Count: 1200, Elapsed: 3 * time.Second, Latency: Latency{
		P50: 150 * time.Microsecond, P99: 900 * time.Microsecond, P999: 1500 * time.Microsecond,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestParseWrkAddsErrorsUp(t *testing.T) {
	got, err := parseWrk("figures: 1200 3000000  1 0 0 7 2  150 900 1500\n")
	if err != nil {
		t.Fatal(err)
	}
	if got.Errors != 10 || got.Problem == nil || got.Problem.Error() != "1 connect errors\n7 status errors\n2 timeout errors" {
		t.Errorf("errors = %d: %v", got.Errors, got.Problem)
	}
}

func TestParseWrkRefusesOtherOutput(t *testing.T) {
	for _, out := range []string{"", "unable to connect", "figures: 1 2 3", "figures: a 3000000 0 0 0 0 0 150 900 1500"} {
		if r, err := parseWrk(out); err == nil {
			t.Errorf("parseWrk(%q) = %+v", out, r)
		}
	}
}
