package http2

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// handler answers requests with a function.
type handler struct {
	config http1.ServerConfig
	serve  func(x *message.Exchange)
}

func newHandler(serve func(x *message.Exchange)) *handler {
	return &handler{serve: serve, config: http1.ServerConfig{
		Limits:        http1.Limits{Bytes: 64 << 10, Fields: 100},
		HeaderTimeout: 5 * time.Second, IdleTimeout: 5 * time.Second, BodyTimeout: 5 * time.Second, TunnelTimeout: 5 * time.Second,
	}}
}

func (h *handler) Config() *http1.ServerConfig { return &h.config }
func (h *handler) Begin() *message.Exchange    { return &message.Exchange{} }
func (h *handler) End(*message.Exchange)       {}
func (h *handler) Serve(x *message.Exchange)   { h.serve(x) }

func (h *handler) Refuse(x *message.Exchange, err *message.Reply) {
	x.Response.Status, x.Response.Length = max(err.Status, 400), 0
	_ = x.Downstream.Respond(&x.Response)
}

// echo answers with the request's body.
func echo(x *message.Exchange) {
	x.Response.Status, x.Response.Length, x.Response.Body = 200, x.Request.Length, x.Request.Body
	if x.Response.Body == nil {
		x.Response.Length = 0
	}
	_ = x.Downstream.Respond(&x.Response)
}

// server takes connections of its own.
type server struct {
	t      testing.TB
	ln     net.Listener
	keeper *socket.Keeper
	h      *handler
}

func newServer(t testing.TB, h *handler) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := socket.NewKeeper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { keeper.Run(ctx) })
	t.Cleanup(func() {
		_ = ln.Close()
		cancel()
		wg.Wait()
	})
	return &server{t, ln, keeper, h}
}

// connect serves a connection; ended is closed when all of it is over.
func (s *server) connect(t testing.TB) (client *net.TCPConn, ended chan struct{}) {
	t.Helper()
	c, err := net.Dial("tcp", s.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := s.ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	sock, err := socket.NewConn(accepted.(*net.TCPConn), s.keeper, 0)
	if err != nil {
		t.Fatal(err)
	}
	ended = make(chan struct{})
	info := &message.Connection{Remote: netip.MustParseAddrPort("127.0.0.1:1"), RemoteText: []byte("127.0.0.1")}
	go Serve(socket.NewStream(sock, nil), info, s.h, func() { close(ended) })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn), ended
}

// greet makes a framer of a client's connection, after the preface.
func greet(t testing.TB, c net.Conn) *http2.Framer {
	t.Helper()
	if _, err := io.WriteString(c, preface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(tableSize, nil)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

// await reads frames up to one of a stream with a type.
func await(t testing.TB, f *http2.Framer, kind http2.FrameType, stream uint32) http2.Frame {
	t.Helper()
	for {
		got, err := f.ReadFrame()
		if err != nil {
			t.Fatalf("no %v on stream %d: %v", kind, stream, err)
		}
		if h := got.Header(); h.Type == kind && h.StreamID == stream {
			return got
		}
	}
}

// getBlock is GET / as indexed fields and an authority.
const getBlock = "\x82\x86\x84\x41\x01a"

// TestTwoThreads: the work of two streams of one connection is done at the same
// time, on two threads.
func TestTwoThreads(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("there is one thread only")
	}
	var inside atomic.Int32
	var threads sync.Map
	s := newServer(t, newHandler(func(x *message.Exchange) {
		inside.Add(1)
		for end := time.Now().Add(5 * time.Second); inside.Load() < 2 && time.Now().Before(end); {
			continue // keeps its thread busy
		}
		threads.Store(syscall.Gettid(), true)
		echo(x)
	}))
	c, _ := s.connect(t)
	defer c.Close()
	f := greet(t, c)
	for i := uint32(0); i < 100; i++ {
		inside.Store(0)
		for _, id := range []uint32{4*i + 1, 4*i + 3} {
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte(getBlock), EndStream: true, EndHeaders: true}); err != nil {
				t.Fatal(err)
			}
		}
		for got := 0; got < 2; {
			frame, err := f.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			if frame.Header().Type == http2.FrameHeaders {
				got++
			}
		}
		n := 0
		threads.Range(func(any, any) bool { n++; return true })
		if n >= 2 {
			return
		}
	}
	t.Error("one thread did all the work")
}

// TestOverrun: content beyond the window of a stream is refused, and a byte less
// is not.
func TestOverrun(t *testing.T) {
	release := make(chan struct{})
	s := newServer(t, newHandler(func(x *message.Exchange) {
		<-release
		echo(x)
	}))
	c, ended := s.connect(t)
	f := greet(t, c)
	post(t, f, 1, defaultWindow)
	post(t, f, 3, defaultWindow+1)
	if r := await(t, f, http2.FrameRSTStream, 3).(*http2.RSTStreamFrame); r.ErrCode != http2.ErrCodeFlowControl {
		t.Errorf("got %v", r)
	}
	close(release)
	if h := await(t, f, http2.FrameHeaders, 1).(*http2.MetaHeadersFrame); h.PseudoValue("status") != "200" {
		t.Errorf("got %v", h)
	}
	_ = c.Close()
	<-ended
}

// TestClientLeaves: that a client has left is noticed even if its end came together
// with its last bytes.
func TestClientLeaves(t *testing.T) {
	s := newServer(t, newHandler(func(x *message.Exchange) {
		_, _ = x.Request.Body.Next()
		echo(x)
	}))
	s.h.config.BodyTimeout = time.Minute
	c, ended := s.connect(t)
	var all bytes.Buffer
	post(t, http2.NewFramer(&all, nil), 1, 0)
	if _, err := io.WriteString(c, preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"+all.String()); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	select {
	case <-ended:
	case <-time.After(15 * time.Second):
		t.Error("connection does not end")
	}
}

// post sends a POST with n bytes, and not its end.
func post(t testing.TB, f *http2.Framer, id uint32, n int) {
	t.Helper()
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte("\x83" + getBlock[1:]), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	for n > 0 {
		piece := make([]byte, min(n, maxFrame))
		if err := f.WriteData(id, false, piece); err != nil {
			t.Fatal(err)
		}
		n -= len(piece)
	}
}
