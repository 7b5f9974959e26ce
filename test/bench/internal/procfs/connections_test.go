package procfs

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

func TestConnections(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	to := netip.MustParseAddrPort(ln.Addr().String())
	want := func(n int) {
		t.Helper()
		if got, err := Connections([]int{os.Getpid()}, to); err != nil || got != n {
			t.Errorf("got %d connections (%v), want %d", got, err, n)
		}
	}
	want(0)
	for range 3 {
		c, err := net.Dial("tcp4", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	want(3) // and not their other ends, which this process has too
}
