package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// h2Secure is a snapshot with an HTTPS listener that offers HTTP/2 and HTTP/1.1,
// and a client's settings for it.
func h2Secure(t testing.TB, backend string) (*ir.Snapshot, *tls.Config) {
	t.Helper()
	ca := proxytest.NewAuthority(t, "ca")
	s := secure()
	proxytest.AddBackend(s, "b", backend)
	addSecret(s, ca.Secret("cert", proxytest.Names{DNS: []string{"a.example"}}))
	addHTTPS(s, "", &ir.ServerTLS{Certificates: []ir.SecretName{"cert"}, ALPN: []string{"h2", "http/1.1"}}, "b")
	return s, &tls.Config{RootCAs: ca.Pool(), ServerName: "a.example"}
}

// TestH2Parking: connections that idle give their goroutines and buffers back,
// and serve the next request as if nothing had been.
func TestH2Parking(t *testing.T) {
	b := proxytest.Serve(t, answer(ok))
	s, cfg := h2Secure(t, b.Addr)
	secure := proxytest.Start(t, proxy.Config{})
	secure.MustApply(s)
	plain := h2Gateway(t, b.Addr)
	const n = 50
	var conns [n]*proxytest.H2
	before := runtime.NumGoroutine() + n // each client has one
	for i := range conns {
		if i%2 == 0 {
			conns[i] = proxytest.DialH2(t, plain.Addr(proxytest.HTTPListener), proxytest.H2Config{})
		} else {
			conns[i] = proxytest.DialH2(t, secure.Addr(proxytest.HTTPListener), proxytest.H2Config{TLS: cfg})
		}
	}
	for round := range uint32(2) {
		for i, c := range conns {
			c.Get(1+2*round, "/")
			if r := c.Response(1 + 2*round); r.Status != "200" {
				t.Fatalf("round %d, connection %d: %+v", round, i, r)
			}
		}
		proxytest.Eventually(t, "connections are parked", func() bool { return runtime.NumGoroutine() < before+20 })
	}
	for _, c := range conns {
		c.Close()
	}
	proxytest.Eventually(t, "closed connections are forgotten", func() bool { return plain.Sockets().Open()+secure.Sockets().Open() == 0 })
}

// TestH2IdleTimeout: a connection without a request is closed in time, with a
// word, and one with a request is not.
func TestH2IdleTimeout(t *testing.T) {
	g := newGate(t)
	p := h2Gateway(t, g.addr, &ir.Options{IdleTimeout: ir.Duration(500 * time.Millisecond)})
	busy := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{})
	busy.Get(1, "/wait")
	for _, used := range []bool{false, true} {
		c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{})
		if used {
			c.Get(1, "/")
			c.Response(1)
		}
		begun := time.Now()
		s := c.AwaitEnd()
		if len(s.GoAways) != 1 || s.GoAways[0].Code != http2.ErrCodeNo || s.Ended != io.EOF {
			t.Errorf("got %+v, %v", s.GoAways, s.Ended)
		}
		if took := time.Since(begun); took < 400*time.Millisecond || took > 5*time.Second {
			t.Errorf("closed after %v", took)
		}
	}
	close(g.open)
	if r := busy.Response(1); r.Status != "200" {
		t.Errorf("connection with a request: got %+v", r)
	}
}

// TestH2HeaderTimeout: what was begun has to be completed: the preface, a frame,
// a header block.
func TestH2HeaderTimeout(t *testing.T) {
	p := h2Gateway(t, proxytest.Serve(t, answer(ok)).Addr, &ir.Options{HeaderTimeout: ir.Duration(400 * time.Millisecond)})
	addr := p.Addr(proxytest.HTTPListener)
	preface := http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	begun := time.Now()
	conns := map[string]*proxytest.Conn{}
	for name, raw := range map[string]string{
		"preface":      preface[:10],
		"frame header": preface + "\x00\x00\x08\x06",
		"frame":        preface + "\x00\x00\x08\x06\x00\x00\x00\x00\x00....",
		"header block": preface + "\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82",
	} {
		conns[name] = proxytest.Dial(t, addr)
		conns[name].Send(raw)
	}
	for name, c := range conns {
		c.ReadAll()
		if took := time.Since(begun); took < 300*time.Millisecond || took > 5*time.Second {
			t.Errorf("%s: closed after %v", name, took)
		}
	}
}

// TestH2SlowUpload: a client on a slow link is served for as long as its bytes
// come, however its frames are cut.
func TestH2SlowUpload(t *testing.T) {
	p := h2Gateway(t, served(t, mirror), &ir.Options{HeaderTimeout: ir.Duration(400 * time.Millisecond)})
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{Deaf: true, Mute: true}) // writes nothing between
	c.Post(1, "/")
	frame := "\x00\x00\x0a\x00\x00\x00\x00\x00\x01" + "0123456789"
	rest := strings.Repeat(frame, 15)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for _, n := range []int{12, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19} { // always in the middle of a frame
		if err := c.Raw([]byte(rest[:n])); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
		<-ticker.C
	}
	_ = c.Raw([]byte(rest))
	c.Data(1, true, "")
	if r := c.Response(1); r.Status != "200" || len(r.Body) != 150 {
		t.Errorf("got %d bytes, %+v", len(r.Body), r)
	}
}

// TestH2Drain: a proxy that ends first asks for no more requests, and serves those
// that come all the same; then it says which ones it will finish, and finishes
// them.
func TestH2Drain(t *testing.T) {
	for _, name := range []string{"plain", "TLS"} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t)
			s, cfg := h2Secure(t, g.addr)
			if name == "plain" {
				s, cfg = proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": g.addr}), nil
			}
			p := proxytest.Start(t, proxy.Config{})
			p.MustApply(s)
			addr := p.Addr(proxytest.HTTPListener)
			idle := proxytest.DialH2(t, addr, proxytest.H2Config{TLS: cfg})
			idle.Get(1, "/")
			idle.Response(1)
			busy := proxytest.DialH2(t, addr, proxytest.H2Config{TLS: cfg, Mute: true})
			busy.Get(1, "/wait")
			proxytest.Eventually(t, "request is in progress", func() bool { return g.now.Load() == 1 })

			done := make(chan struct{})
			go func() {
				defer close(done)
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				p.Drain(ctx, 10*time.Millisecond)
			}()
			busy.Await("announcement", func(s *proxytest.H2State) bool { return len(s.GoAways) == 1 })
			busy.Get(3, "/wait") // was sent before the client heard of it
			busy.Await("the end of new requests", func(s *proxytest.H2State) bool { return len(s.GoAways) == 2 })
			busy.Get(5, "/wait")
			if r := busy.Response(5); !r.Reset || r.Code != http2.ErrCodeRefusedStream {
				t.Errorf("request that comes too late: got %+v", r)
			}
			if s := idle.AwaitEnd(); s.Ended != io.EOF || s.GoAways[len(s.GoAways)-1].Last != 1 {
				t.Errorf("idle connection: got %+v, %v", s.GoAways, s.Ended)
			}
			select {
			case <-done:
				t.Error("drain ended while requests were in progress")
			default:
			}
			close(g.open)
			for _, id := range []uint32{1, 3} {
				if r := busy.Response(id); r.Status != "200" || !r.Ended {
					t.Errorf("stream %d: got %+v", id, r)
				}
			}
			got := busy.AwaitEnd()
			if got.Ended != io.EOF || got.GoAways[0].Last != 1<<31-1 || got.GoAways[1].Last != 3 || got.GoAways[1].Code != http2.ErrCodeNo {
				t.Errorf("got %+v, %v", got.GoAways, got.Ended)
			}
			<-done
		})
	}
}

// TestH2DrainUnderLoad: clients that repeat what they are told to repeat notice
// nothing of proxies that are replaced.
func TestH2DrainUnderLoad(t *testing.T) {
	backend := served(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	current := h2Gateway(t, backend)
	var addr atomic.Pointer[string]
	use := func(p *proxytest.Proxy) {
		a := p.Addr(proxytest.HTTPListener)
		addr.Store(&a)
	}
	use(current)
	transport := &http.Transport{Protocols: &http.Protocols{}, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", *addr.Load())
	}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var stop atomic.Bool
	var served atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for !stop.Load() {
				r, err := client.Post("http://a.example/", "", strings.NewReader("hello"))
				if err != nil {
					t.Errorf("after %d requests: %v", served.Load(), err)
					return
				}
				body, err := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if r.StatusCode != 200 || err != nil || string(body) != "hello" {
					t.Errorf("after %d requests: %d, %q, %v", served.Load(), r.StatusCode, body, err)
					return
				}
				served.Add(1)
			}
		})
	}
	for round := range 3 {
		was := served.Load()
		proxytest.Eventually(t, fmt.Sprintf("requests are served in round %d", round), func() bool { return t.Failed() || served.Load() > was+100 })
		next := h2Gateway(t, backend)
		use(next)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		current.Drain(ctx, 10*time.Millisecond)
		cancel()
		current = next
	}
	stop.Store(true)
	wg.Wait()
}

// TestH2ClientLeaves: a client that is gone keeps no backend busy, and leaves
// nothing behind.
func TestH2ClientLeaves(t *testing.T) {
	g := newGate(t)
	p := h2Gateway(t, g.addr)
	before := runtime.NumGoroutine()
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{})
	for i := range uint32(50) {
		c.Get(1+2*i, "/wait")
	}
	proxytest.Eventually(t, "requests are in progress", func() bool { return g.now.Load() == 50 })
	c.Close()
	proxytest.Eventually(t, "backends are released", func() bool { return g.now.Load() == 0 })
	// Others are gone by the time that their request is read.
	for range 30 {
		c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{Mute: true})
		c.Get(1, "/wait")
		c.Close()
	}
	proxytest.Eventually(t, "backends are released", func() bool { return g.now.Load() == 0 })
	proxytest.Eventually(t, "connection is forgotten", func() bool { return p.Sockets().Open() == 0 })
	proxytest.Eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before+10 })
}

// TestH2Faults: a client that breaks the protocol is told so, and it is counted
// and logged.
func TestH2Faults(t *testing.T) {
	var log lines
	p := proxytest.Start(t, proxy.Config{AccessLog: &log})
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": proxytest.Serve(t, answer(ok)).Addr}))
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{})
	c.Write(func(f *http2.Framer) { _ = f.WriteRawFrame(http2.FramePushPromise, 0, 1, []byte{0, 0, 0, 2}) })
	s := c.AwaitEnd()
	if len(s.GoAways) != 1 || s.GoAways[0].Code != http2.ErrCodeProtocol || s.GoAways[0].Detail == "" {
		t.Errorf("got %+v, %v", s.GoAways, s.Ended)
	}
	line := decodeLine(t, log.wait(t, 1)[0])
	if line["protocol"] != "HTTP/2" || line["reason"] != "http2_protocol" || line["client"] != "127.0.0.1" {
		t.Errorf("logged %v", line)
	}
	if n := p.Stats().Listener("Gateway default/gw listener http").Replies("http2_protocol"); n != 1 {
		t.Errorf("counted %d times", n)
	}
}
