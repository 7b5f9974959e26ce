package load

import (
	"strings"
	"testing"
	"time"
)

// printed is what h2load 1.52 prints about ten answers of 128 bytes.
const printed = `starting benchmark...
Main benchmark duration is over for thread #0. Stopping all clients.

finished in 1.50s, 6.67 req/s, 4.84KB/s
requests: 10 total, 12 started, 10 done, 10 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 10 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 4.84KB (4956) total, 3.27KB (3348) headers (space savings 51.02%), 1.25KB (1280) data
                     min         max         mean         sd        +/- sd
time for request:       28us      3.38ms       435us       203us    70.33%
`

func TestParseH2Load(t *testing.T) {
	got, err := (H2Load{Clients: 1, Streams: 2}).parse(printed)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Result{Count: 10, Elapsed: 1500 * time.Millisecond}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseH2LoadCountsErrors(t *testing.T) {
	tests := []struct {
		name, old, new string
		calls          bool
		errors         int
		problem        string
	}{
		{"status", "10 2xx, 0 3xx, 0 4xx, 0 5xx", "7 2xx, 0 3xx, 1 4xx, 2 5xx", false, 3, "3 answers with a status other than 2xx"},
		{"reset", "0 errored, 0 timeout", "4 errored, 0 timeout", false, 4, "4 streams that failed"},
		{"time-out", "0 errored, 0 timeout", "0 errored, 5 timeout", false, 5, "5 time-outs"},
		{"bodies of answers that the end has cut", "(1280) data", "(1024) data", false, 0, ""},
		{"no bodies", "(1280) data", "(0) data", false, 10, "10 answers without a body, or with part of one"},
		{"failed calls among others", "(1280) data", "(1024) data", true, 3, "3 answers without a body, or with part of one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := (H2Load{Clients: 1, Streams: 2, Calls: tt.calls}).parse(strings.Replace(printed, tt.old, tt.new, 1))
			if err != nil {
				t.Fatal(err)
			}
			problem := ""
			if got.Problem != nil {
				problem = got.Problem.Error()
			}
			if got.Errors != tt.errors || problem != tt.problem {
				t.Errorf("got %d errors: %q", got.Errors, problem)
			}
		})
	}
}

func TestParseH2LoadRefusesOtherOutput(t *testing.T) {
	without := func(line string) string {
		before, after, _ := strings.Cut(printed, line)
		_, after, _ = strings.Cut(after, "\n")
		return before + after
	}
	for _, out := range []string{"", without("finished in"), without("requests:"), without("status codes:"), without("traffic:")} {
		if r, err := (H2Load{}).parse(out); err == nil {
			t.Errorf("parse(%q) = %+v", out, r)
		}
	}
}
