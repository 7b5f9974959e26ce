package peer

import (
	"strings"
	"testing"

	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
	"fsm/test/bench/internal/load"
)

// TestPolicies: a site with policies has all of them in force, and lets requests
// through; whoever sends the cookie gets no other one.
func TestPolicies(t *testing.T) {
	backend := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			if _, err := c.ReadHead(); err != nil {
				return
			}
			c.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	s, err := snapshot(Site{Protocol: HTTP, Routes: 2, Policies: true, Backend: backend.Addr}, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	addr := p.Addr(s.Listeners[0].Name)
	first := proxytest.Get(t, addr, "bench.test", load.Path(1, load.Small))
	cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
	if first.Status != 200 || !strings.HasPrefix(cookie, SessionCookie+"=") {
		t.Fatalf("status %d, header %v", first.Status, first.Header)
	}
	again := proxytest.Get(t, addr, "bench.test", load.Path(1, load.Small), "Cookie: "+cookie)
	if again.Status != 200 || again.Header.Get("Set-Cookie") != "" {
		t.Errorf("with the cookie: status %d, header %v", again.Status, again.Header)
	}
	if left, _ := p.Limits().Bucket(limiterName).Left(); left != enough-2 {
		t.Errorf("%d requests are left in the bucket, want two less than %d", left, enough)
	}
}
