package behavior

import (
	"fmt"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"fsm/internal/proxy/proxytest"
)

// cmdEventually repeats a request until the answer is the wanted one, for what
// the gateway finds out by itself and in its own time, such as names that lead
// elsewhere: "eventually FLAGS URL STATUS [BACKEND]".
func cmdEventually(ts *testscript.TestScript, neg bool, args []string) {
	c, want := parseCall(ts, args)
	if neg || len(want) == 0 {
		ts.Fatalf("usage: eventually %s STATUS [BACKEND]", callUsage)
	}
	s := stateOf(ts)
	proxytest.Eventually(s.tb, fmt.Sprintf("the answer is %q", want), func() bool {
		got, err := c.client.do(c.build())
		ts.Check(err)
		s.last = got
		return strconv.Itoa(got.status) == want[0] && (len(want) == 1 || got.backend() == want[1])
	})
}
