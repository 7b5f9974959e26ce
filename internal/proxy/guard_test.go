package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// limited is a snapshot whose routes take from one limiter.
func limited(backend string, l ir.Limiter, paths ...string) *ir.Snapshot {
	var routes []*ir.Route
	for _, path := range paths {
		r := proxytest.To(path, "b")
		r.Filters = ir.Filters{&ir.RateLimit{Limiter: "l", Status: 429, Headers: []ir.HeaderField{{Name: "RateLimit-Limit", Value: "5"}}}}
		routes = append(routes, r)
	}
	s := proxytest.HTTP(routes, map[string]string{"b": backend})
	l.Name, l.Burst = "l", l.Requests
	s.Limiters["l"] = &l
	return s
}

// One limit is one bucket for all the routes that name it, exact over many
// connections, and what is left in it outlives an edit of the routes.
func TestRateLimit(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{})
	limiter := ir.Limiter{Requests: 500, Window: ir.Duration(time.Hour)}
	p.MustApply(limited(b.Addr, limiter, "/a", "/b"))
	addr := p.Addr(proxytest.HTTPListener)
	var passed, refused atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			c := proxytest.Dial(t, addr)
			for i := range 20 {
				c.Send(fmt.Sprintf("GET /%c HTTP/1.1\r\nHost: a\r\n\r\n", 'a'+i%2))
				r, err := c.ReadResponse("GET")
				switch {
				case err == nil && r.Status == 200:
					passed.Add(1)
				case err == nil && r.Status == 429 && r.Header.Get("RateLimit-Limit") == "5" && r.Header.Get("Fsm-Reason") == "rate_limited":
					refused.Add(1)
				default:
					t.Errorf("status %d, header %v, %v", r.Status, r.Header, err)
				}
			}
		})
	}
	wg.Wait()
	if passed.Load() != 500 || refused.Load() != 64*20-500 {
		t.Errorf("%d passed and %d were refused, want exactly 500 to pass", passed.Load(), refused.Load())
	}
	p.MustApply(limited(b.Addr, limiter, "/a", "/b", "/c"))
	if r := proxytest.Get(t, addr, "a", "/c"); r.Status != 429 {
		t.Errorf("after a route was added: status %d, want 429", r.Status)
	}
}

// Who waits in the backlog gets an answer after the refill. One who leaves takes
// nothing from the others.
func TestRateLimitBacklog(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(limited(b.Addr, ir.Limiter{Requests: 1, Backlog: 1, Window: ir.Duration(3 * time.Second)}, "/"))
	addr := p.Addr(proxytest.HTTPListener)
	begun := time.Now()
	if r := proxytest.Get(t, addr, "a", "/"); r.Status != 200 {
		t.Fatalf("status %d", r.Status)
	}
	leaver := proxytest.Dial(t, addr)
	leaver.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	proxytest.Eventually(t, "the backlog is full", func() bool { return p.Waiting("l") == 1 })
	if r := proxytest.Get(t, addr, "a", "/"); r.Status != 429 {
		t.Errorf("beyond the backlog: status %d", r.Status)
	}
	_ = leaver.Close()
	proxytest.Eventually(t, "the window ends", func() bool { return p.Waiting("l") == 0 })
	if r := proxytest.Get(t, addr, "a", "/"); r.Status != 200 || time.Since(begun) < 3*time.Second {
		t.Errorf("status %d after %v, want 200 after the refill", r.Status, time.Since(begun))
	}
}

// guarded is a snapshot with a route to a backend and a guard before it.
func guarded(backend string, g *ir.Guard) *ir.Snapshot {
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": backend})
	s.Listeners[0].Guard = g
	return s
}

func only(network string) *ir.Guard {
	return &ir.Guard{Access: &ir.PortAccess{AddressRule: ir.AddressRule{Allow: []netip.Prefix{netip.MustParsePrefix(network)}}}}
}

// answered tells whether a request gets any answer at all.
func answered(addr string) bool {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false // reset at once
	}
	defer c.Close()
	_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	n, _ := c.Read(make([]byte, 1))
	return n > 0
}

// Connections of clients that are not admitted are reset; a change is in force for
// the next connection.
func TestPortAccess(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(guarded(b.Addr, only("10.0.0.0/8")))
	addr := p.Addr(proxytest.HTTPListener)
	if answered(addr) {
		t.Error("a client outside of the network got an answer")
	}
	p.MustApply(guarded(b.Addr, only("127.0.0.0/8")))
	if r := proxytest.Get(t, addr, "a", "/"); r.Status != 200 {
		t.Errorf("a client inside of the network got %d", r.Status)
	}
	p.MustApply(guarded(b.Addr, &ir.Guard{Access: &ir.PortAccess{Closed: true}}))
	if answered(addr) {
		t.Error("a closed port answers")
	}
}

// Behind a proxy that says so, the client's own address counts.
func TestPortAccessWithProxyHeader(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{})
	s := guarded(b.Addr, only("10.0.0.0/8"))
	s.Listeners[0].Options = &ir.Options{ProxyProtocol: true}
	p.MustApply(s)
	for client, want := range map[string]int{"10.1.2.3": 200, "11.1.2.3": 0} {
		c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
		c.Send("PROXY TCP4 " + client + " 10.0.0.1 4711 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if r, _ := c.ReadResponse("GET"); r.Status != want {
			t.Errorf("client %s: status %d, want %d", client, r.Status, want)
		}
	}
}

// rate is so many bytes per second in each direction.
func rate(bytes uint64) *ir.Guard {
	return &ir.Guard{Rate: &ir.PortRate{BytesPerSecond: bytes}}
}

// took checks that something took as long as its bytes at a rate. Machines may be
// slow, so it may take longer; by how much does not matter.
func took(t *testing.T, what string, begun time.Time, bytes, perSecond int) {
	t.Helper()
	want := time.Duration(bytes) * time.Second / time.Duration(perSecond)
	if got := time.Since(begun); got < want*9/10 {
		t.Errorf("%s took %v, want at least %v", what, got, want)
	}
}

// The bytes of a port are spread over time in both directions, for HTTP, and a change
// is in force for connections that are open.
func TestPortRateHTTP(t *testing.T) {
	const size = 16 << 10
	body := strings.Repeat("x", size)
	b := proxytest.Serve(t, answer(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, body)))
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(guarded(b.Addr, rate(4*size)))
	c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
	begun := time.Now()
	c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if r, err := c.ReadResponse("GET"); err != nil || len(r.Body) != size {
		t.Fatalf("got %d bytes, %v", len(r.Body), err)
	}
	took(t, "the download", begun, size, 4*size)

	p.MustApply(guarded(b.Addr, nil))
	begun = time.Now()
	c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, err := c.ReadResponse("GET"); err != nil {
		t.Fatal(err)
	}
	if got := time.Since(begun); got > 200*time.Millisecond {
		t.Errorf("without a limit the same connection took %v", got)
	}
}

// The same for relayed bytes, which are otherwise moved by the kernel.
func TestPortRateRelay(t *testing.T) {
	const size = 200_000
	s := tcpRelay(proxytest.Serve(t, echo).Addr)
	s.Listeners[0].Guard = rate(2 * size)
	c := proxytest.Dial(t, relayed(t, s))
	begun := time.Now()
	go c.Send(strings.Repeat("x", size))
	if _, err := io.CopyN(io.Discard, c.R, size); err != nil {
		t.Fatal(err)
	}
	took(t, "the echo", begun, size, 2*size)
}

// Datagrams of clients that are not admitted are dropped.
func TestPortAccessUDP(t *testing.T) {
	s := tcpRelay(udpServer(t, "echo "))
	l := s.Listeners[0]
	l.Network, l.Name, l.Guard = ir.UDP, "udp/127.0.0.1:0", only("127.0.0.2/32")
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	to, err := net.ResolveUDPAddr("udp", p.Addr(l.Name))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"127.0.0.1", "127.0.0.2"} {
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, to)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if from == "127.0.0.2" {
			if got := udpExchange(t, c, "hello"); got != "echo hello" {
				t.Errorf("an admitted client got %q", got)
			}
		}
		_ = c.Close()
	}
	if got := p.Stats().Socket(string(l.Name)).Opened.Load(); got != 1 {
		t.Errorf("%d sessions, want the one of the admitted client", got)
	}
}
