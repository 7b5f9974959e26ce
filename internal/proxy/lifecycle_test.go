package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// TestParking: connections that idle give their goroutines back, and serve the
// next request as if nothing had been.
func TestParking(t *testing.T) {
	ca := proxytest.NewAuthority(t, "ca")
	b := proxytest.Serve(t, answer(ok))
	for name, dial := range map[string]func(addr string) (net.Conn, error){
		"plain": func(addr string) (net.Conn, error) { return net.Dial("tcp", addr) },
		"TLS": func(addr string) (net.Conn, error) {
			return tls.Dial("tcp", addr, &tls.Config{RootCAs: ca.Pool(), ServerName: "a.example"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr})
			if name == "TLS" {
				s = secure()
				proxytest.AddBackend(s, "b", b.Addr)
				addSecret(s, ca.Secret("cert", proxytest.Names{DNS: []string{"a.example"}}))
				addHTTPS(s, "", &ir.ServerTLS{Certificates: []ir.SecretName{"cert"}}, "b")
			}
			p := proxytest.Start(t, proxy.Config{})
			p.MustApply(s)
			addr := p.Addr(proxytest.HTTPListener)
			before := runtime.NumGoroutine()
			const n = 100
			conns := make([]*proxytest.Conn, n)
			for i := range conns {
				c, err := dial(addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				conns[i] = proxytest.Wrap(c)
			}
			for round := range 2 {
				for i, c := range conns {
					c.Send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
					if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
						t.Fatalf("round %d, connection %d: %+v, %v", round, i, r, err)
					}
				}
				proxytest.Eventually(t, "connections are parked", func() bool { return runtime.NumGoroutine() < before+20 })
			}
			// A parked connection notices that its client is gone.
			for _, c := range conns {
				_ = c.Close()
			}
			proxytest.Eventually(t, "closed connections are forgotten", func() bool { return p.Sockets().Open() == 0 })
		})
	}
}

// TestHalfClosedRequest: a client that ends its side together with its request
// gets the answer, and its connection is not kept for ever.
func TestHalfClosedRequest(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	p := routed(t, []*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr})
	c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
	c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Errorf("got %+v, %v", r, err)
	}
	proxytest.Eventually(t, "connection ends", func() bool { return p.Sockets().Open() == 0 })
}

// TestDrain: a proxy that is told to end first says that it is not ready and
// serves as before; then it lets go of idle connections, and of others once they
// have their answer.
func TestDrain(t *testing.T) {
	release := make(chan struct{})
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			head, err := c.ReadHead()
			if err != nil {
				return
			}
			if strings.Contains(head, "/slow") {
				<-release
			}
			c.Send(ok)
		}
	})
	p := routed(t, []*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr})
	addr := p.Addr(proxytest.HTTPListener)
	idle, busy := proxytest.Dial(t, addr), proxytest.Dial(t, addr)
	idle.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, err := idle.ReadResponse("GET"); err != nil {
		t.Fatal(err)
	}
	busy.Send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	proxytest.Eventually(t, "request is in progress", func() bool { return strings.Contains(b.Seen(), "/slow") })
	if !p.Ready() {
		t.Fatal("proxy is not ready before it drains")
	}

	done := make(chan struct{})
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		p.Drain(ctx, 300*time.Millisecond)
		close(done)
	}()
	proxytest.Eventually(t, "proxy is not ready", func() bool { return !p.Ready() })
	if r := proxytest.Get(t, addr, "a", "/"); r.Status != 200 {
		t.Errorf("new connection during the notice: %+v", r)
	}
	if rest := idle.ReadAll(); rest != "" {
		t.Errorf("idle connection got %q", rest)
	}
	proxytest.Eventually(t, "no more connections are accepted", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	select {
	case <-done:
		t.Error("drain ended while a request was in progress")
	default:
	}
	close(release)
	if r, err := busy.ReadResponse("GET"); err != nil || r.Status != 200 || !r.Close {
		t.Errorf("request in progress: %+v, %v, want an answer that closes", r, err)
	}
	<-done
}

// soakSnapshot is a configuration that differs from the others in everything
// that may change: backends, filters, weights, order and number of routes,
// certificates, options, and other listeners.
func soakSnapshot(i int, backends [2]string, ca *proxytest.Authority, other string) *ir.Snapshot {
	route := func(prefix string) *ir.Route {
		r := proxytest.To(prefix, "a", "b")
		f := forwardOf(r)
		f.Destinations[0].Weight, f.Destinations[1].Weight = uint32(1+i%3), uint32(i%2)
		if i%2 == 0 {
			r.Filters = ir.Filters{&ir.RequestHeaders{Set: []ir.HeaderField{{Name: "X-Swap", Value: fmt.Sprint(i)}}}}
		}
		if i%3 == 0 {
			f.Retry = &ir.Retry{Attempts: 2, Codes: []uint16{503}}
			f.Timeout = ir.Duration(20 * time.Second)
		}
		return r
	}
	routes := []*ir.Route{route("/ws")}
	for j := range i % 5 {
		routes = append(routes, route(fmt.Sprintf("/extra-%d", j)))
	}
	routes = append(routes, route("/"))
	s := proxytest.HTTP(routes, nil)
	s.Listeners[0].Options = &ir.Options{MaxHeaderFields: uint32(100 + i%2)}
	addrs := backends
	if i%2 == 1 {
		addrs[0], addrs[1] = addrs[1], addrs[0]
	}
	proxytest.AddBackend(s, "a", addrs[0])
	proxytest.AddBackend(s, "b", addrs[0]+" "+addrs[1])
	addSecret(s, ca.Secret("cert", proxytest.Names{CommonName: fmt.Sprint(i), DNS: []string{"a.example"}}))
	tlsPart := secure()
	addHTTPS(tlsPart, "", &ir.ServerTLS{Certificates: []ir.SecretName{"cert"}}, "a")
	tlsPart.Listeners[0].Name = "tcp/127.0.0.1:1"
	s.Listeners = append(s.Listeners, tlsPart.Listeners[0])
	for name, table := range tlsPart.Tables {
		s.Tables[name] = table
	}
	if i%4 < 2 { // a listener that comes and goes
		extra := proxytest.HTTP(nil, nil).Listeners[0]
		extra.Name = ir.ListenerName(other)
		s.Listeners = append(s.Listeners, extra)
	}
	return s
}

// TestListenerGoneBeforeFirstRequest: a connection whose listener goes away before its first request is served, however
// many snapshots come meanwhile.
func TestListenerGoneBeforeFirstRequest(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	p := proxytest.Start(t, proxy.Config{})
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr})
	s.Listeners[0].Options = &ir.Options{ProxyProtocol: true}
	p.MustApply(s)
	c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
	c.Send("PROXY TCP4 10.1.2.3 ")
	proxytest.Eventually(t, "the connection is accepted", func() bool { return p.Sockets().Open() == 1 })
	for range 3 {
		p.MustApply(proxytest.Empty())
	}
	c.Send("10.0.0.1 4711 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if r, err := c.ReadResponse("GET"); r.Status != 200 {
		t.Errorf("status %d, %v", r.Status, err)
	}
	if _, err := c.R.ReadByte(); !proxytest.Ended(err) {
		t.Errorf("after the answer: %v, want the end", err)
	}
}

// TestEarlierRequest: a request that began before its backend went is tried again
// there, and not refused because of a change that came after it. When the backend
// comes back it keeps its connections as before.
func TestEarlierRequest(t *testing.T) {
	release := make(chan struct{})
	var seen atomic.Int64
	old := proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			if _, err := c.ReadHead(); err != nil {
				return
			}
			if seen.Add(1) == 1 {
				<-release
				c.Send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				return
			}
			c.Send(ok)
		}
	})
	other := proxytest.Serve(t, answer(ok))
	r := proxytest.To("/", "old")
	forwardOf(r).Retry = &ir.Retry{Attempts: 1, Codes: []uint16{503}}
	before := proxytest.HTTP([]*ir.Route{r}, map[string]string{"old": old.Addr})
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(before)
	c := proxytest.Dial(t, p.Addr(proxytest.HTTPListener))
	c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	proxytest.Eventually(t, "request is in progress", func() bool { return strings.Contains(old.Seen(), "GET") })
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "other")}, map[string]string{"other": other.Addr}))
	close(release)
	if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
		t.Fatalf("got %+v, %v", r, err)
	}
	p.MustApply(before)
	connections := old.Conns.Load()
	for range 5 {
		c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
			t.Fatalf("got %+v, %v", r, err)
		}
	}
	if n := old.Conns.Load() - connections; n > 1 {
		t.Errorf("5 requests took %d connections", n)
	}
}

// TestSoak changes the configuration every 200 ms under load: not one request
// fails, no upgraded connection drops, and nothing is left behind. It runs for
// FSM_SOAK, up to two minutes; by default for a few seconds.
//
// Long because the kinds of load share their counters and their end.
func TestSoak(t *testing.T) {
	serve := func(c *proxytest.Conn) {
		for {
			head, err := c.ReadHead()
			if err != nil {
				return
			}
			if strings.Contains(head, "Upgrade: ") {
				c.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
				echo(c)
				return
			}
			if strings.HasPrefix(head, "POST") {
				if _, err := c.ReadN(5); err != nil {
					return
				}
			}
			c.Send(ok)
		}
	}
	backends := [2]string{proxytest.ServeLoad(t, serve).Addr, proxytest.ServeLoad(t, serve).Addr}
	ca := proxytest.NewAuthority(t, "ca")
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(soakSnapshot(0, backends, ca, "tcp/127.0.0.1:2"))
	addr, tlsAddr := p.Addr(proxytest.HTTPListener), p.Addr("tcp/127.0.0.1:1")

	var requests, messages, failures atomic.Int64
	fail := func(format string, args ...any) {
		if failures.Add(1) < 10 {
			t.Errorf(format, args...)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	worker := func(work func() error) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := work(); err != nil {
					fail("%v", err)
					return
				}
			}
		})
	}
	var conns []*proxytest.Conn
	dial := func() *proxytest.Conn {
		c := proxytest.Dial(t, addr)
		_ = c.SetDeadline(time.Now().Add(5 * time.Minute))
		conns = append(conns, c)
		return c
	}
	load := func() {
		for range 6 { // requests over kept connections
			c := dial()
			n := 0
			worker(func() error {
				n++
				method, request := "GET", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
				if n%3 == 0 {
					method, request = "POST", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
				}
				c.Send(request)
				r, err := c.ReadResponse(method)
				if err != nil || r.Status != 200 || r.Close {
					return fmt.Errorf("%s after %d requests: %+v, %w", method, n, r, err)
				}
				requests.Add(1)
				return nil
			})
		}
		for range 2 { // a connection for each request
			worker(func() error {
				r, _, err := getTLS(t, tlsAddr, &tls.Config{RootCAs: ca.Pool(), ServerName: "a.example"}, "a.example")
				if err != nil || r.Status != 200 {
					return fmt.Errorf("TLS: %+v, %w", r, err)
				}
				requests.Add(1)
				return nil
			})
		}
		for range 50 { // upgraded connections
			c := dial()
			c.Send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			if head, err := c.ReadHead(); err != nil || !strings.HasPrefix(head, "HTTP/1.1 101") {
				fail("upgrade: %q, %v", head, err)
				return
			}
			worker(func() error {
				c.Send("hello")
				if got, err := c.ReadN(5); got != "hello" {
					return fmt.Errorf("upgraded connection: %q, %w", got, err)
				}
				messages.Add(1)
				time.Sleep(100 * time.Millisecond)
				return nil
			})
		}
	}
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	load()
	for end, i := time.Now().Add(soakTime()), 1; time.Now().Before(end) && failures.Load() == 0; i++ {
		p.MustApply(soakSnapshot(i, backends, ca, "tcp/127.0.0.1:2"))
		time.Sleep(200 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
	t.Logf("%d requests, %d messages on upgraded connections", requests.Load(), messages.Load())
	if requests.Load() == 0 || messages.Load() == 0 {
		t.Error("there was no load")
	}
	for _, c := range conns {
		_ = c.Close()
	}
	p.MustApply(proxytest.Empty()) // takes all listeners away, and idle connections with them
	proxytest.Eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines+10 })
	if now := heapInUse(); now > heap*12/10+8<<20 {
		t.Errorf("heap grew from %d to %d KiB", heap>>10, now>>10)
	}
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
