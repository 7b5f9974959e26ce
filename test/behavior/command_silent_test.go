package behavior

import (
	"net"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdSilent starts a backend that takes connections and never says anything, with a
// Service that leads to it: "silent NAME".
func cmdSilent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: silent NAME")
	}
	s := stateOf(ts)
	b := &backend{name: args[0], service: args[0], port: s.nextPort, raw: true}
	s.nextPort++
	ln, err := net.Listen("tcp", s.address(strconv.Itoa(b.port))) // nobody accepts
	ts.Check(err)
	b.closers = append(b.closers, ln)
	s.backends[b.name] = b
	ts.Check(s.writeService("default", b.service))
	ts.Check(s.settle())
}
