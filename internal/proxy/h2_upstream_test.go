package proxy_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// frames is a backend that speaks HTTP/2 frame by frame, as a test tells it.
type frames struct {
	addr     string
	settings []http2.Setting
	// handle is called with each frame, one at a time for a connection.
	handle func(c *framesConn, f http2.Frame)
	conns  atomic.Int32
}

// framesConn is a connection to such a backend.
type framesConn struct {
	*http2.Framer
	net.Conn
	number int32 // of the connection, from 1
	block  bytes.Buffer
	enc    *hpack.Encoder
}

// respond sends the head of a response.
func (c *framesConn) respond(id uint32, end bool, fields ...string) {
	c.block.Reset()
	for i := 0; i+1 < len(fields); i += 2 {
		_ = c.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.block.Bytes(), EndStream: end, EndHeaders: true})
}

// serveFrames runs the backend until the test ends.
func serveFrames(t testing.TB, b *frames) *frames {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	var wg sync.WaitGroup
	open := sync.Map{}
	t.Cleanup(func() {
		_ = l.Close()
		open.Range(func(c, _ any) bool { return c.(net.Conn).Close() != nil || true })
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(conn, true)
			wg.Go(func() { b.serve(conn) })
		}
	})
	return b
}

func (b *frames) serve(conn net.Conn) {
	defer conn.Close()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil || string(preface) != http2.ClientPreface {
		return
	}
	c := &framesConn{Framer: http2.NewFramer(conn, conn), Conn: conn, number: b.conns.Add(1)}
	c.AllowIllegalWrites = true
	c.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.enc = hpack.NewEncoder(&c.block)
	_ = c.WriteSettings(b.settings...)
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return
		}
		if s, ok := f.(*http2.SettingsFrame); ok && !s.IsAck() {
			_ = c.WriteSettingsAck()
		}
		b.handle(c, f)
	}
}

// h2cProxy runs a proxy in front of a backend that speaks HTTP/2.
func h2cProxy(t testing.TB, addr string, change func(*ir.Snapshot)) string {
	t.Helper()
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, nil)
	proxytest.AddBackend(s, "b", addr).Protocol = ir.BackendH2C
	if change != nil {
		change(s)
	}
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	return p.Addr(proxytest.HTTPListener)
}

// TestBackendReset: a client that goes away takes its request at the backend
// with it, and nothing else on the connection.
func TestBackendReset(t *testing.T) {
	reset := make(chan time.Time, 1)
	began := make(chan uint32, 2)
	b := serveFrames(t, &frames{handle: func(c *framesConn, f http2.Frame) {
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			if f.PseudoValue("path") == "/next" {
				c.respond(f.StreamID, true, ":status", "200")
			}
			began <- f.StreamID
		case *http2.RSTStreamFrame:
			if f.ErrCode == http2.ErrCodeCancel {
				reset <- time.Now()
			}
		}
	}})
	addr := h2cProxy(t, b.addr, nil)
	leave := map[string]func(){
		"reset": func() {
			c := proxytest.DialH2(t, addr, proxytest.H2Config{})
			c.Post(1, "/")
			<-began
			c.Reset(1)
		},
		"connection over HTTP/2": func() {
			c := proxytest.DialH2(t, addr, proxytest.H2Config{})
			c.Get(1, "/")
			<-began
			c.Close()
		},
		"connection over HTTP/1": func() {
			c := proxytest.Dial(t, addr)
			c.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			<-began
			_ = c.Close()
		},
	}
	for name, f := range leave {
		f()
		left := time.Now()
		select {
		case at := <-reset:
			if took := at.Sub(left); took > 500*time.Millisecond && !strings.Contains(name, "HTTP/1") || took > 3*time.Second {
				t.Errorf("%s: backend heard of it after %v", name, took)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the request to the backend goes on", name)
		}
	}
	if r := proxytest.Get(t, addr, "x", "/next"); r.Status != 200 || b.conns.Load() != 1 {
		t.Errorf("got %+v, %d connections", r, b.conns.Load())
	}
}

// TestBackendRefuses: a request that the backend has not begun with is sent again,
// with its body, whatever its method.
func TestBackendRefuses(t *testing.T) {
	for name, refuse := range map[string]func(c *framesConn, id uint32){
		"stream":     func(c *framesConn, id uint32) { _ = c.WriteRSTStream(id, http2.ErrCodeRefusedStream) },
		"connection": func(c *framesConn, id uint32) { _ = c.WriteGoAway(0, http2.ErrCodeNo, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var seen atomic.Int32
			b := serveFrames(t, &frames{handle: func(c *framesConn, f http2.Frame) {
				data, ok := f.(*http2.DataFrame)
				switch {
				case !ok || !data.StreamEnded():
				case seen.Add(1) == 1:
					refuse(c, data.StreamID)
				default:
					c.respond(data.StreamID, false, ":status", "200")
					_ = c.WriteData(data.StreamID, true, data.Data())
				}
			}})
			addr := h2cProxy(t, b.addr, nil)
			r, _ := proxytest.Exchange(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
			if r.Status != 200 || r.Body != "hello" || seen.Load() != 2 {
				t.Errorf("got %+v after %d requests", r, seen.Load())
			}
		})
	}
}

// TestBackendStreams: a backend that allows few streams gets more connections.
func TestBackendStreams(t *testing.T) {
	const streams, requests = 3, 10
	var open, most atomic.Int32
	release := make(chan struct{})
	b := serveFrames(t, &frames{
		settings: []http2.Setting{{ID: http2.SettingMaxConcurrentStreams, Val: streams}},
		handle: func(c *framesConn, f http2.Frame) {
			head, ok := f.(*http2.MetaHeadersFrame)
			if !ok {
				return
			}
			if open.Add(1) == requests {
				close(release)
			}
			most.Store(max(most.Load(), int32(head.StreamID+1)/2))
			go func() {
				<-release
				var block bytes.Buffer
				_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
				one := http2.NewFramer(c.Conn, nil)
				_ = one.WriteHeaders(http2.HeadersFrameParam{StreamID: head.StreamID, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
			}()
		},
	})
	addr := h2cProxy(t, b.addr, nil)
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			if r := proxytest.Get(t, addr, "x", "/"); r.Status != 200 {
				t.Errorf("got %+v", r)
			}
		})
	}
	wg.Wait()
	if b.conns.Load() != (requests+streams-1)/streams || most.Load() > streams {
		t.Errorf("%d connections with up to %d streams", b.conns.Load(), most.Load())
	}
}

// TestBackendMalformed: a malformed response costs its request, and what breaks
// the connection costs those on it; the next request is served.
func TestBackendMalformed(t *testing.T) {
	cases := map[string]func(c *framesConn, id uint32){
		"no status":         func(c *framesConn, id uint32) { c.respond(id, true, "a", "b") },
		"status twice":      func(c *framesConn, id uint32) { c.respond(id, true, ":status", "200", ":status", "200") },
		"status of letters": func(c *framesConn, id uint32) { c.respond(id, true, ":status", "2x0") },
		"switch":            func(c *framesConn, id uint32) { c.respond(id, true, ":status", "101") },
		"ends in 1xx":       func(c *framesConn, id uint32) { c.respond(id, true, ":status", "103") },
		"request field":     func(c *framesConn, id uint32) { c.respond(id, true, ":status", "200", ":path", "/") },
		"late status":       func(c *framesConn, id uint32) { c.respond(id, true, "a", "b", ":status", "200") },
		"upper case":        func(c *framesConn, id uint32) { c.respond(id, true, ":status", "200", "X-Up", "b") },
		"connection field":  func(c *framesConn, id uint32) { c.respond(id, true, ":status", "200", "transfer-encoding", "chunked") },
		"control character": func(c *framesConn, id uint32) { c.respond(id, true, ":status", "200", "a", "b\r\nc: d") },
		"many interim": func(c *framesConn, id uint32) {
			for range 100 {
				c.respond(id, false, ":status", "103")
			}
		},
		"wrong length": func(c *framesConn, id uint32) { c.respond(id, true, ":status", "200", "content-length", "5") },
		"bad block": func(c *framesConn, id uint32) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, EndHeaders: true})
		},
		"push": func(c *framesConn, id uint32) {
			_ = c.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: 2, EndHeaders: true})
		},
		"unasked":     func(c *framesConn, id uint32) { c.respond(id+100, true, ":status", "200") },
		"window of 0": func(c *framesConn, id uint32) { _ = c.WriteWindowUpdate(0, 0) },
		"interrupted": func(c *framesConn, id uint32) {
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: id})
			_ = c.WritePing(false, [8]byte{})
		},
		"large headers": func(c *framesConn, id uint32) {
			c.respond(id, true, ":status", "200", "a", strings.Repeat("x", 15<<10), "b", strings.Repeat("x", 60<<10))
		},
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			b := serveFrames(t, &frames{handle: func(c *framesConn, f http2.Frame) {
				head, ok := f.(*http2.MetaHeadersFrame)
				switch {
				case ok && head.PseudoValue("path") == "/next":
					c.respond(head.StreamID, true, ":status", "200")
				case ok:
					answer(c, head.StreamID)
				}
			}})
			addr := h2cProxy(t, b.addr, nil)
			c := proxytest.DialH2(t, addr, proxytest.H2Config{})
			c.Get(1, "/")
			if r := c.Response(1); r.Status != "502" || r.Header.Get("fsm-reason") != "upstream_protocol" {
				t.Errorf("got %+v", r)
			}
			c.Get(3, "/next")
			if r := c.Response(3); r.Status != "200" {
				t.Errorf("next request: got %+v", r)
			}
		})
	}
}

// TestBackendSlowClient: what a client does not read stays at the backend.
func TestBackendSlowClient(t *testing.T) {
	var sent atomic.Int64
	b := serveFrames(t, &frames{handle: func(c *framesConn, f http2.Frame) {
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			c.respond(f.StreamID, false, ":status", "200")
			for range 4 {
				_ = c.WriteData(f.StreamID, false, make([]byte, 16383)) // the window
				sent.Add(16383)
			}
		case *http2.WindowUpdateFrame:
			if f.StreamID != 0 {
				_ = c.WriteData(f.StreamID, false, make([]byte, f.Increment))
				sent.Add(int64(f.Increment))
			}
		}
	}})
	addr := h2cProxy(t, b.addr, nil)
	c := proxytest.DialH2(t, addr, proxytest.H2Config{Deaf: true})
	c.Get(1, "/")
	c.Await("window is used up", proxytest.On(1, func(s *proxytest.H2Stream) bool { return len(s.Body) == 4*16383 }))
	var was int64
	proxytest.Eventually(t, "backend has to wait", func() bool {
		still := was == sent.Load()
		was = sent.Load()
		time.Sleep(100 * time.Millisecond)
		return still
	})
	if most := int64(4 * 64 << 10); was > most {
		t.Errorf("backend could send %d bytes, want %d at most", was, most)
	}
}

// TestBackendTimeout: a backend that does not answer in time is told to stop.
func TestBackendTimeout(t *testing.T) {
	reset := make(chan http2.ErrCode, 1)
	b := serveFrames(t, &frames{handle: func(_ *framesConn, f http2.Frame) {
		if f, ok := f.(*http2.RSTStreamFrame); ok {
			reset <- f.ErrCode
		}
	}})
	addr := h2cProxy(t, b.addr, func(s *ir.Snapshot) {
		s.Tables["t"].Routes[0].Action.(*ir.Forward).Timeout = ir.Duration(100 * time.Millisecond)
	})
	begun := time.Now()
	r := proxytest.Get(t, addr, "x", "/")
	if took := time.Since(begun); r.Status != 504 || r.Header.Get("Fsm-Reason") != "upstream_timeout" || took < 100*time.Millisecond || took > 2*time.Second {
		t.Errorf("got %+v after %v", r, took)
	}
	if code := <-reset; code != http2.ErrCodeCancel {
		t.Errorf("backend was told %v", code)
	}
}

// TestBackendNoHTTP2: a backend that speaks something else is not mistaken for
// one that is away.
func TestBackendNoHTTP2(t *testing.T) {
	b := proxytest.Serve(t, answer("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	r := proxytest.Get(t, h2cProxy(t, b.Addr, nil), "x", "/")
	if r.Status != 502 || r.Header.Get("Fsm-Reason") != "upstream_protocol" {
		t.Errorf("got %+v", r)
	}
}
