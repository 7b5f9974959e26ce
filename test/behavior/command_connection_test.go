package behavior

import (
	"io"
	"net"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdConnection opens a TCP connection, or a UDP socket, and keeps it:
// "connection [-udp] NAME PORT".
func cmdConnection(ts *testscript.TestScript, neg bool, args []string) {
	s, f := stateOf(ts), newFlags(ts)
	udp := f.Bool("udp", false, "datagrams")
	rest := f.parse(args)
	if neg || len(rest) != 2 {
		ts.Fatalf("usage: connection [-udp] NAME PORT")
	}
	network := "tcp"
	if *udp {
		network = "udp"
	}
	c, err := net.DialTimeout(network, s.address(rest[1]), exchangeTimeout)
	ts.Check(err)
	ts.Defer(func() { _ = c.Close() })
	s.connections[rest[0]] = c
}

// cmdConnectionSend sends a line, or a datagram, and compares the answer:
// "connection-send NAME TEXT ANSWER".
func cmdConnectionSend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: connection-send NAME TEXT ANSWER")
	}
	c := stateOf(ts).connections[args[0]]
	if c == nil {
		ts.Fatalf("there is no connection %s", args[0])
	}
	_ = c.SetDeadline(time.Now().Add(exchangeTimeout))
	_, err := io.WriteString(c, args[1]+"\n")
	ts.Check(err)
	// Backends answer with one write, which is short enough to come as one.
	buf := make([]byte, 4<<10)
	n, err := c.Read(buf)
	ts.Check(err)
	expect(ts, false, "answer", strings.TrimSuffix(string(buf[:n]), "\n"), args[2])
}
