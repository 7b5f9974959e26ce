package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"fsm/internal/ir"
	"fsm/internal/proxy/proxytest"
)

// gate is a backend whose answers to paths under /wait are held back until it is
// opened. It counts the requests that are in progress.
type gate struct {
	addr          string
	open          chan struct{}
	now, most, in atomic.Int64
}

func newGate(t testing.TB) *gate {
	t.Helper()
	g := &gate{open: make(chan struct{})}
	g.addr = proxytest.ServeLoad(t, func(c *proxytest.Conn) {
		for {
			head, err := c.ReadHead()
			if err != nil {
				return
			}
			g.in.Add(1)
			if strings.Contains(head, " /wait") {
				g.wait(c)
				return
			}
			c.Send(ok)
		}
	}).Addr
	return g
}

// wait answers when the gate is opened, if the client still wants to know.
func (g *gate) wait(c *proxytest.Conn) {
	n := g.now.Add(1)
	defer g.now.Add(-1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, c.R)
		close(gone)
	}()
	select {
	case <-g.open:
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	case <-gone:
	}
}

// TestH2ResetCancels: a client that resets a stream has the backend released at
// once, and the connection goes on.
func TestH2ResetCancels(t *testing.T) {
	gone := make(chan time.Time, 1)
	b := proxytest.Serve(t, func(c *proxytest.Conn) {
		if head, err := c.ReadHead(); err != nil || strings.Contains(head, "/next") {
			c.Send(ok)
			return
		}
		c.ReadAll() // ends when the proxy gives up
		gone <- time.Now()
	})
	for name, send := range map[string]func(c *proxytest.H2){
		"waits for the response": func(c *proxytest.H2) { c.Get(1, "/") },
		"sends a body":           func(c *proxytest.H2) { c.Post(1, "/"); c.Data(1, false, "begin") },
	} {
		t.Run(name, func(t *testing.T) {
			c := h2Dial(t, b.Addr)
			was := b.Conns.Load()
			send(c)
			proxytest.Eventually(t, "backend has the request", func() bool { return b.Conns.Load() > was })
			begun := time.Now()
			c.Reset(1)
			select {
			case at := <-gone:
				if took := at.Sub(begun); took > 500*time.Millisecond {
					t.Errorf("backend was released after %v", took)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the request to the backend goes on")
			}
			c.Get(3, "/next")
			if r := c.Response(3); r.Status != "200" {
				t.Errorf("next request: got %+v", r)
			}
		})
	}
}

// steady waits until a number does not change any more, and returns it.
func steady(t testing.TB, n *atomic.Int64) int64 {
	t.Helper()
	last, same := int64(-1), 0
	proxytest.Eventually(t, "nothing moves any more", func() bool {
		if now := n.Load(); now != last {
			last, same = now, 0
		} else {
			same++
		}
		return same > 20
	})
	return last
}

// TestH2SlowReader: what a client does not read stays with the backend, and the
// connection is of use for everything else.
func TestH2SlowReader(t *testing.T) {
	const streams = 50
	var sent atomic.Int64
	piece := make([]byte, 16<<10)
	backend := served(t, func(w http.ResponseWriter, r *http.Request) {
		for r.URL.Path == "/endless" {
			n, err := w.Write(piece)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	p := h2Gateway(t, backend)
	before := heapInUse()
	// The connection's window is not what holds the streams up.
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{
		Deaf: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 10}},
	})
	for i := range uint32(streams) {
		c.Get(2*i+1, "/endless")
	}
	c.Await("every stream is stuck", func(s *proxytest.H2State) bool {
		got := 0
		for _, stream := range s.Streams {
			got += len(stream.Body)
		}
		return got == 10*streams
	})
	steady(t, &sent)
	if grew := int64(heapInUse()) - int64(before); grew > streams*(128<<10) {
		t.Errorf("%d streams that stand still take %d KiB", streams, grew>>10)
	}
	c.Get(2*streams+1, "/")
	if r := c.Response(2*streams + 1); r.Status != "200" {
		t.Errorf("request beside them: got %+v", r)
	}
}

// endless is a request body that counts what was taken of it.
type endless struct{ taken *atomic.Int64 }

func (e endless) Read(b []byte) (int, error) {
	e.taken.Add(int64(len(b)))
	return len(b), nil
}

// TestH2SlowBackend: of a request that the backend does not read the proxy takes
// no more than its window, and other requests of the connection pass.
func TestH2SlowBackend(t *testing.T) {
	stuck := make(chan struct{})
	p := h2Gateway(t, served(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			select {
			case <-stuck:
			case <-r.Context().Done():
			}
		}
	}))
	defer close(stuck)
	client, _ := h2Client(t, p.Addr(proxytest.HTTPListener), nil)
	if r, err := client.Get("http://a.example/"); err != nil || r.StatusCode != 200 { // makes the connection
		t.Fatalf("got %+v, %v", r, err)
	}
	before := heapInUse()
	const uploads = 10
	var taken atomic.Int64
	for range uploads {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://a.example/", endless{&taken})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = client.Do(r) }() // ends with the test
	}
	steady(t, &taken)
	if grew := int64(heapInUse()) - int64(before); grew > uploads*(512<<10) {
		t.Errorf("%d uploads that stand still take %d KiB", uploads, grew>>10)
	}
	for range 5 {
		r, err := client.Get("http://a.example/")
		if err != nil || r.StatusCode != 200 {
			t.Fatalf("request beside them: got %+v, %v", r, err)
		}
		_ = r.Body.Close()
	}
	if n := p.Sockets().Open(); n != 1 {
		t.Errorf("%d connections, want the same for all", n)
	}
}

// TestH2BlockedStream: streams that wait for a backend, for content from the
// client or for its window hold up no other.
func TestH2BlockedStream(t *testing.T) {
	g := newGate(t)
	large := proxytest.ServeLoad(t, answer("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"+strings.Repeat("x", 1<<20)))
	p := routed(t, []*ir.Route{proxytest.To("/large", "large"), proxytest.To("/", "b")}, map[string]string{"b": g.addr, "large": large.Addr})
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{
		Deaf: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1000}},
	})
	c.Get(1, "/wait")
	c.Post(3, "/wait")
	c.Get(5, "/large")
	c.Await("the window is used up", proxytest.On(5, func(s *proxytest.H2Stream) bool { return len(s.Body) == 1000 }))
	for i := range uint32(50) {
		begun := time.Now()
		c.Get(7+2*i, "/")
		if r := c.Response(7 + 2*i); r.Status != "200" || string(r.Body) != "ok" {
			t.Fatalf("request %d: got %+v", i, r)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("request %d took %v", i, took)
		}
	}
	// A larger window gets exactly that much more.
	c.Write(func(f *http2.Framer) { _ = f.WriteWindowUpdate(5, 500) })
	c.Await("more of it", proxytest.On(5, func(s *proxytest.H2Stream) bool { return len(s.Body) == 1500 }))
	// So does a larger initial window, and a smaller one stops the stream.
	c.Write(func(f *http2.Framer) {
		_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1200})
	})
	c.Await("still more of it", proxytest.On(5, func(s *proxytest.H2Stream) bool { return len(s.Body) == 1700 }))
	c.Write(func(f *http2.Framer) {
		_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		_ = f.WriteWindowUpdate(5, 1200)
		_ = f.WritePing(false, [8]byte{1})
	})
	c.Await("answer to the ping", func(s *proxytest.H2State) bool { return s.Pongs == 1 })
	c.Write(func(f *http2.Framer) { _ = f.WriteWindowUpdate(5, 7) })
	c.Await("what is left", proxytest.On(5, func(s *proxytest.H2Stream) bool { return len(s.Body) == 1707 }))
	c.Data(3, true, "")
	close(g.open)
	for _, id := range []uint32{1, 3} {
		c.Write(func(f *http2.Framer) { _ = f.WriteWindowUpdate(id, 2) })
		if r := c.Response(id); r.Status != "200" || string(r.Body) != "ok" {
			t.Errorf("stream %d: got %+v", id, r)
		}
	}
}

// TestH2ConnectionWindow: the streams of a connection share its window, and all
// of them go on when it is enlarged.
func TestH2ConnectionWindow(t *testing.T) {
	body := strings.Repeat("x", 40_000)
	b := proxytest.ServeLoad(t, answer(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)))
	p := h2Gateway(t, b.Addr)
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{Deaf: true})
	const streams = 10
	received := func(s *proxytest.H2State) (n int) {
		for _, stream := range s.Streams {
			n += len(stream.Body)
		}
		return n
	}
	for i := range uint32(streams) {
		c.Get(2*i+1, "/")
	}
	for total := 65535; total < streams*len(body); total += 50_000 {
		c.Await("the window is used up", func(s *proxytest.H2State) bool { return received(s) == min(total, streams*len(body)) })
		c.Write(func(f *http2.Framer) { _ = f.WriteWindowUpdate(0, 50_000) })
	}
	for i := range uint32(streams) {
		if r := c.Response(2*i + 1); !r.Ended || string(r.Body) != body {
			t.Errorf("stream %d: got %d bytes, %+v", 2*i+1, len(r.Body), r.Header)
		}
	}
}

// TestH2StreamLimit: a hundred requests of a connection may be in progress. The
// next one is refused in a way that lets the client repeat it.
func TestH2StreamLimit(t *testing.T) {
	g := newGate(t)
	c := h2Dial(t, g.addr)
	c.Await("settings", func(s *proxytest.H2State) bool { return s.Settings[http2.SettingMaxConcurrentStreams] == 100 })
	for i := range uint32(101) {
		c.Get(2*i+1, "/wait")
	}
	if r := c.Response(201); !r.Reset || r.Code != http2.ErrCodeRefusedStream {
		t.Errorf("request 101: got %+v", r)
	}
	proxytest.Eventually(t, "backend has the others", func() bool { return g.now.Load() == 100 })
	close(g.open)
	for i := range uint32(100) {
		if r := c.Response(2*i + 1); r.Status != "200" || !r.Ended {
			t.Fatalf("request %d: got %+v", i+1, r)
		}
	}
	c.Get(203, "/")
	if r := c.Response(203); r.Status != "200" {
		t.Errorf("request after them: got %+v", r)
	}
	if g.in.Load() != 101 {
		t.Errorf("backend got %d requests, want 101", g.in.Load())
	}
}

// TestH2Spread: requests of one connection go to all endpoints.
func TestH2Spread(t *testing.T) {
	one, two := proxytest.Serve(t, answer(ok)), proxytest.Serve(t, answer(ok))
	c := h2Dial(t, one.Addr+" "+two.Addr)
	for i := range uint32(20) {
		c.Get(2*i+1, "/")
		if r := c.Response(2*i + 1); r.Status != "200" {
			t.Fatalf("got %+v", r)
		}
	}
	a, b := strings.Count(one.Seen(), "GET /"), strings.Count(two.Seen(), "GET /")
	if a != 10 || b != 10 {
		t.Errorf("endpoints got %d and %d requests, want 10 each", a, b)
	}
}

// TestH2BodyLimits: a body that is too large is answered with a 413, one that
// stops arriving with a 408, and its stream is closed.
func TestH2BodyLimits(t *testing.T) {
	b := proxytest.Serve(t, func(c *proxytest.Conn) { c.ReadAll() })
	c := h2Dial(t, b.Addr, &ir.Options{MaxBodyBytes: 1000, BodyTimeout: ir.Duration(300 * time.Millisecond)})
	c.Post(1, "/", "content-length", "1001")
	c.Data(1, true, strings.Repeat("x", 1001))
	c.Post(3, "/")
	c.Data(3, false, strings.Repeat("x", 1001))
	c.Post(5, "/")
	c.Data(5, false, "begin")
	for id, want := range map[uint32]string{1: "413", 3: "413", 5: "408"} {
		c.Await("stream ends", proxytest.On(id, func(s *proxytest.H2Stream) bool { return s.Reset || s.Ended && id == 1 }))
		if r := c.Response(id); r.Status != want || r.Code != http2.ErrCodeNo || !r.Ended {
			t.Errorf("stream %d: got %+v, want %s", id, r, want)
		}
	}
}

// TestH2StalledReader: a stream whose client does not take what it asked for is
// given up, and only that.
func TestH2StalledReader(t *testing.T) {
	released := make(chan struct{})
	p := h2Gateway(t, served(t, func(w http.ResponseWriter, r *http.Request) {
		for r.URL.Path == "/endless" {
			if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
				close(released)
				return
			}
		}
	}), &ir.Options{WriteTimeout: ir.Duration(400 * time.Millisecond)})
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{Deaf: true})
	c.Get(1, "/endless")
	if r := c.Response(1); !r.Reset {
		t.Errorf("got %+v", r)
	}
	<-released
	c.Get(3, "/")
	if r := c.Response(3); r.Status != "200" {
		t.Errorf("next request: got %+v", r)
	}
}
