package proxy_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// limitedClients is a snapshot whose routes count together what each client does.
func limitedClients(backend string, l ir.ClientLimits, paths ...string) *ir.Snapshot {
	var routes []*ir.Route
	for _, path := range paths {
		r := proxytest.To(path, "b")
		r.Filters = ir.Filters{&ir.ClientLimit{Limiter: "l", Status: 503}}
		routes = append(routes, r)
	}
	s := proxytest.HTTP(routes, map[string]string{"b": backend})
	s.Limiters["l"] = &ir.Limiter{Name: "l", Clients: &l}
	return s
}

// from opens a connection from another address of this machine.
func from(t *testing.T, source, addr string) *proxytest.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return proxytest.Wrap(c)
}

// got sends a request from an address, and returns status and reason of the answer.
func got(t *testing.T, source, addr string) string {
	t.Helper()
	c := from(t, source, addr)
	c.Send("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n")
	r, err := c.ReadResponse("GET")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprint(r.Status, " ", r.Header.Get("Fsm-Reason")))
}

// One client's requests are refused when they come too fast, over all routes that name
// the limiter and whatever connection they come over; others' are not, and an edit of the
// routes gives nobody new ones.
func TestClientRate(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{})
	l := ir.ClientLimits{PerMinute: ir.ClientRate{Requests: 1, Burst: 2}}
	p.MustApply(limitedClients(b.Addr, l, "/plain", "/other"))
	addr := p.Addr(proxytest.HTTPListener)
	proxytest.Get(t, addr, "a", "/other")
	for n, want := range []string{"200", "200", "503 rate_limited", "503 rate_limited"} {
		if status := got(t, "127.0.0.1", addr); status != want {
			t.Errorf("request %d: %s, want %s", n, status, want)
		}
	}
	if status := got(t, "127.0.0.2", addr); status != "200" {
		t.Errorf("another client: %s", status)
	}
	p.MustApply(limitedClients(b.Addr, l, "/plain", "/other", "/new"))
	if status := got(t, "127.0.0.1", addr); status != "503 rate_limited" {
		t.Errorf("after a route was added: %s", status)
	}
}

// unfinished answers "/plain", says nothing to "/silent", sends without end to "/large", and
// switches protocols for "/upgrade".
func unfinished(c *proxytest.Conn) {
	for {
		head, err := c.ReadHead()
		switch path := strings.SplitN(head+" ", " ", 3)[1]; {
		case err != nil:
			return
		case path == "/plain":
			c.Send(ok)
		case path == "/silent":
			c.ReadAll()
		case path == "/large":
			c.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			piece := "8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n"
			for {
				if _, err := c.Write([]byte(piece)); err != nil {
					return
				}
			}
		case path == "/upgrade":
			c.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			c.ReadAll()
		}
	}
}

// TestClientConcurrency: a request counts until it is over, however it ends.
func TestClientConcurrency(t *testing.T) {
	b := proxytest.Serve(t, unfinished)
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(limitedClients(b.Addr, ir.ClientLimits{Concurrent: 1}, "/"))
	addr := p.Addr(proxytest.HTTPListener)
	sent := func(t *testing.T, request string) *proxytest.Conn {
		c := from(t, "127.0.0.1", addr)
		c.Send(strings.Replace(request, "\r\n", " HTTP/1.1\r\nHost: a\r\n", 1) + "\r\n")
		return c
	}
	closed := func(request string) func(t *testing.T) func() {
		return func(t *testing.T) func() {
			c := sent(t, request)
			return func() { _ = c.Close() }
		}
	}
	for name, begin := range map[string]func(t *testing.T) (end func()){
		"client leaves before the answer": closed("GET /silent\r\n"),
		"client leaves amid the answer":   closed("GET /large\r\n"),
		"upgraded connection ends":        closed("GET /upgrade\r\nConnection: Upgrade\r\nUpgrade: x\r\n"),
		"backend fails": func(t *testing.T) func() {
			sent(t, "POST /silent\r\n") // which is not repeated
			return b.CloseConns
		},
		"stream is reset before the answer": func(t *testing.T) func() {
			c := proxytest.DialH2(t, addr, proxytest.H2Config{})
			c.Get(1, "/silent")
			return func() { c.Reset(1) }
		},
		"stream is reset amid the answer": func(t *testing.T) func() {
			c := proxytest.DialH2(t, addr, proxytest.H2Config{})
			c.Get(1, "/large")
			return func() { c.Reset(1) }
		},
		"HTTP/2 connection breaks": func(t *testing.T) func() {
			c := proxytest.DialH2(t, addr, proxytest.H2Config{})
			c.Get(1, "/silent")
			return c.Close
		},
	} {
		t.Run(name, func(t *testing.T) {
			requests := func() int { return strings.Count(b.Seen(), "X-Forwarded-For") }
			before := requests()
			end := begin(t)
			proxytest.Eventually(t, "the request reaches the backend", func() bool { return requests() > before })
			if status := got(t, "127.0.0.1", addr); status != "503 concurrency_limited" {
				t.Errorf("a second request: %s", status)
			}
			if status := got(t, "127.0.0.2", addr); status != "200" {
				t.Errorf("a request of another client: %s", status)
			}
			end()
			proxytest.Eventually(t, "a further request is served", func() bool { return got(t, "127.0.0.1", addr) == "200" })
		})
	}
}

// TestResponseRate: what follows the first bytes of a response takes its time, and the first
// bytes do not wait for it.
func TestResponseRate(t *testing.T) {
	const size, rate = 24 << 10, 16 << 10
	body := strings.Repeat("x", size)
	b := proxytest.Serve(t, answer(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, body)))
	p := proxytest.Start(t, proxy.Config{})
	r := proxytest.To("/", "b")
	r.Filters = ir.Filters{&ir.ResponseRate{BytesPerSecond: rate, After: size - rate}}
	p.MustApply(proxytest.HTTP([]*ir.Route{r}, map[string]string{"b": b.Addr}))
	addr := p.Addr(proxytest.HTTPListener)
	begun := time.Now()
	first := proxytest.Dial(t, addr)
	first.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	second := proxytest.DialH2(t, addr, proxytest.H2Config{})
	second.Get(1, "/")
	if got, err := first.ReadN(size - rate); err != nil || len(got) != size-rate {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	early := time.Since(begun)
	rest, err := first.ReadN(rate)
	if took(t, "HTTP/1", begun, rate, rate); err != nil || !strings.HasSuffix(rest, "xx") {
		t.Errorf("got %d bytes, %v", len(rest), err)
	}
	if late := time.Since(begun); early > late/2 {
		t.Errorf("the first bytes took %v, all of them %v", early, late)
	}
	if r := second.Response(1); string(r.Body) != body {
		t.Errorf("HTTP/2: got %d bytes", len(r.Body))
	}
	took(t, "HTTP/2", begun, rate, rate)
}
