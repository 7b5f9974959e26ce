//go:build !race

package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// quietBackend answers requests without bodies and allocates nothing for them.
func quietBackend(t testing.TB, response string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf, out := make([]byte, 4096), []byte(response)
				for {
					n, err := c.Read(buf)
					if err != nil || !bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
						return
					}
					if _, err := c.Write(out); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// typicalRoutes are a hundred routes with a header filter.
func typicalRoutes(n int) []*ir.Route {
	routes := make([]*ir.Route, n)
	for i := range routes {
		routes[i] = proxytest.To(fmt.Sprintf("/route-%d", i), "b")
		routes[i].Filters = ir.Filters{&ir.RequestHeaders{Set: []ir.HeaderField{{Name: "X-Bench", Value: "1"}}}}
	}
	return routes
}

// roundTripper sends the same request again and again over one connection.
func roundTripper(t testing.TB, addr, request string, size int) func() {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	in, out := make([]byte, 64<<10), []byte(request)
	return func() {
		if _, err := c.Write(out); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < size; {
			n, err := c.Read(in)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	}
}

const (
	plainRequest  = "GET /route-42/index.html?a=b HTTP/1.1\r\nHost: foo.example.com\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"
	plainResponse = "HTTP/1.1 200 OK\r\nServer: b\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
)

// TestAllocForward: forwarding a request allocates nothing.
func TestAllocForward(t *testing.T) {
	for name, log := range map[string]io.Writer{"plain": nil, "access log": io.Discard} {
		t.Run(name, func(t *testing.T) {
			p := proxytest.Start(t, proxy.Config{AccessLog: log})
			p.MustApply(proxytest.HTTP(typicalRoutes(100), map[string]string{"b": quietBackend(t, plainResponse)}))
			trip := roundTripper(t, p.Addr(proxytest.HTTPListener), plainRequest, len(plainResponse))
			for range 100 {
				trip()
			}
			// The keeper's ticks and the garbage collector's pools make for a few
			// allocations per second, which are none per request.
			if n := testing.AllocsPerRun(5000, trip); n >= 1 {
				t.Errorf("%v allocations per request", n)
			}
			begun := time.Now()
			result := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					trip()
				}
			})
			if per := float64(result.MemAllocs) / float64(result.N); per > 0.02 {
				t.Errorf("%.3f allocations per request over %v", per, time.Since(begun))
			}
		})
	}
}

// BenchmarkForward is the whole way through the proxy and back, with client and
// backend in the same process.
func BenchmarkForward(b *testing.B) {
	p := proxytest.Start(b, proxy.Config{})
	p.MustApply(proxytest.HTTP(typicalRoutes(100), map[string]string{"b": quietBackend(b, plainResponse)}))
	trip := roundTripper(b, p.Addr(proxytest.HTTPListener), plainRequest, len(plainResponse))
	b.ReportAllocs()
	for b.Loop() {
		trip()
	}
}
