package proxy_test

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// taken is the memory that the process has from the system.
func taken() int64 {
	debug.FreeOSMemory()
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// TestOverload: without memory to spare a request is answered with a 503 that
// says why and ends the connection, and new connections are refused; when there
// is memory again, all is as before.
func TestOverload(t *testing.T) {
	const room = 64 << 20
	b := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{MemoryLimit: taken() + room})
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr}))
	addr, socket := p.Addr(proxytest.HTTPListener), p.Stats().Socket(string(proxytest.HTTPListener))
	get := func(c *proxytest.Conn) bool {
		c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		r, err := c.ReadResponse("GET")
		return err == nil && r.Status == 200
	}
	old := proxytest.Dial(t, addr)
	if !get(old) {
		t.Fatal("request was not served before")
	}

	ballast := make([]byte, 2*room)
	for i := range ballast {
		ballast[i] = 1 // untouched memory is none
	}
	runtime.GC()
	proxytest.Eventually(t, "connections are refused", func() bool {
		fresh(addr, get)
		return socket.Refused("overload") > 0
	})
	old.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	r, err := old.ReadResponse("GET")
	if err != nil || r.Status != 503 || r.Header.Get("Fsm-Reason") != "overload" || !r.Close {
		t.Errorf("got %+v, %v", r, err)
	}
	if rest := old.ReadAll(); rest != "" {
		t.Errorf("got %q after it", rest)
	}
	runtime.KeepAlive(ballast)
	ballast = nil

	debug.FreeOSMemory()
	proxytest.Eventually(t, "requests are served again", func() bool { return fresh(addr, get) })
}
