package behavior

import (
	"fmt"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"fsm/internal/proxy/proxytest"
)

// cmdSeenBetween waits for a backend to have seen a share of requests that was
// left to chance: "seen-between NAME LEAST MOST".
func cmdSeenBetween(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: seen-between NAME LEAST MOST")
	}
	s := stateOf(ts)
	b := s.backend(ts, args[0])
	least, err := strconv.Atoi(args[1])
	ts.Check(err)
	most, err := strconv.Atoi(args[2])
	ts.Check(err)
	proxytest.Eventually(s.tb, fmt.Sprintf("%s sees %d requests", b.name, least), func() bool { return len(b.seen()) >= least })
	if n := len(b.seen()); n > most {
		ts.Fatalf("%s saw %d requests, want at most %d", b.name, n, most)
	}
}
