package http2

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	xhpack "golang.org/x/net/http2/hpack"

	"fsm/internal/proxy/hpack"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// client is the listener of a backend to which connections are made.
type client struct {
	*server
}

// dial connects to a backend, and returns the backend's end of the connection too.
// ended is closed when the connection is.
func (c client) dial(t testing.TB) (conn *ClientConn, backend *net.TCPConn, ended chan struct{}) {
	t.Helper()
	tcp, err := net.Dial("tcp", c.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := c.ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	sock, err := socket.NewConn(tcp.(*net.TCPConn), c.keeper, socket.Now()+int64(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	ended = make(chan struct{})
	conn = NewClientConn(&socket.Stream{Sock: sock}, func(*ClientConn) { close(ended) })
	return conn, accepted.(*net.TCPConn), ended
}

// roundTrip makes an exchange and reads all of the response.
func roundTrip(s *ClientStream, body message.Body) (x *message.Exchange, content []byte, err error) {
	x = &message.Exchange{Downstream: nobody{}}
	x.Request = message.Request{
		Method: []byte("POST"), Authority: []byte("a"), Path: []byte("/"), Length: message.UnknownLength, Body: body,
	}
	wait := time.Second
	err = s.RoundTrip(x, &http1.Timeouts{Response: wait, Body: wait})
	for err == nil && x.Response.Body != nil {
		var piece []byte
		if piece, err = x.Response.Body.Next(); err == io.EOF {
			err = nil
			break
		}
		content = append(content, piece...)
	}
	s.Finish(x, err == nil)
	return x, content, err
}

// FuzzClient: whatever a backend sends, exchanges with it end in time, and so does
// its connection; what it is sent are frames.
func FuzzClient(f *testing.F) {
	var b bytes.Buffer
	add := func(write func(w *http2.Framer)) {
		b.Reset()
		w := http2.NewFramer(&b, nil)
		w.AllowIllegalWrites = true
		write(w)
		f.Add(bytes.Clone(b.Bytes()))
	}
	var block bytes.Buffer
	_ = xhpack.NewEncoder(&block).WriteField(xhpack.HeaderField{Name: ":status", Value: "200"})
	head := http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}
	add(func(w *http2.Framer) {
		_ = w.WriteSettings()
		_ = w.WriteHeaders(head)
		_ = w.WriteData(1, true, []byte("hello"))
	})
	add(func(w *http2.Framer) {
		_ = w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("\x48\x03103"), EndHeaders: true})
		_ = w.WriteHeaders(head)
		_ = w.WriteWindowUpdate(1, 5)
		_ = w.WriteDataPadded(1, false, []byte("hello"), make([]byte, 3))
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("\x40\x01x\x01y"), EndStream: true, EndHeaders: true})
	})
	add(func(w *http2.Framer) {
		_ = w.WriteSettings()
		_ = w.WriteGoAway(0, http2.ErrCodeNo, []byte("bye"))
		_ = w.WriteRSTStream(1, http2.ErrCodeRefusedStream)
		_ = w.WritePing(false, [8]byte{})
		_ = w.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: block.Bytes(), EndHeaders: true})
	})
	c := client{newServer(f, newHandler(echo))}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<16 {
			return
		}
		conn, backend, ended := c.dial(t)
		defer backend.Close()
		var wg sync.WaitGroup
		defer wg.Wait()
		for range 2 {
			wg.Go(func() {
				if s := conn.Lend(); s != nil {
					_, _, _ = roundTrip(s, &message.BytesBody{Content: []byte("hello")})
				}
			})
		}
		wg.Go(func() {
			_, _ = backend.Write(in)
			_ = backend.CloseWrite()
		})
		begin := make([]byte, len(preface))
		if _, err := io.ReadFull(backend, begin); err != nil || string(begin) != preface {
			t.Fatalf("connection begins with %q, %v", begin, err)
		}
		r := http2.NewFramer(io.Discard, backend)
		for {
			if _, err := r.ReadFrame(); err != nil {
				if _, broken := err.(http2.ConnectionError); broken {
					t.Fatalf("backend was sent what is no frame: %v", err)
				}
				break
			}
		}
		select {
		case <-ended:
		case <-time.After(15 * time.Second):
			t.Fatal("connection does not end")
		}
	})
}

// FuzzUpgrade: a request of HTTP/1.1 that is accepted means the same in HTTP/2.
func FuzzUpgrade(f *testing.F) {
	for _, more := range []string{
		"", "X: y\r\nCookie: a=b; c=d\r\n", "TE: trailers\r\n", "Connection: x, TE\r\nX: y\r\nTE: trailers\r\n", "Transfer-Encoding: chunked\r\n",
		"Content-Length: 5\r\n", "Expect: 100-continue\r\nContent-Length: 1\r\n", "X_y: z\r\n", "Trailer: x\r\n", "Set-Cookie: a\r\nSet-Cookie: b\r\n", "A:\r\n",
	} {
		f.Add("GET /a%2F?b HTTP/1.1\r\nHost: a\r\n" + more + "\r\n")
	}
	f.Add("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
	f.Add("GET http://b/ HTTP/1.0\r\nHost: b\r\n\r\n")
	lim := http1.Limits{Bytes: 64 << 10, Fields: 100, Underscores: http1.AllowUnderscores, Paths: http1.KeepDotSegments}
	cfg := http1.ServerConfig{Limits: http1.Limits{Bytes: 1 << 20, Fields: 1000, Underscores: http1.AllowUnderscores, Paths: http1.KeepDotSegments}}
	f.Fuzz(func(t *testing.T, in string) {
		var r message.Request
		var info http1.RequestInfo
		n, refusal := http1.ParseRequest([]byte(in), &r, &info, &lim)
		if n == 0 || refusal != nil || r.Upgrade != nil || len(r.Authority) == 0 {
			return
		}
		end := r.Length == message.NoBody || r.Length == 0
		c := &ServerConn{info: &message.Connection{}}
		c.decoder = hpack.NewDecoder(tableSize)
		s := &serverStream{conn: c, x: &message.Exchange{}}
		s.stream.open(&c.conn, 1)
		block := appendRequest(nil, &r, false)
		if err := s.decode(&headerBlock{stream: 1, end: end, text: block}, &cfg); err != nil || s.refusal != nil {
			t.Fatalf("%q was forwarded as a request that is refused: %v, %v", in, err, s.refusal)
		}
		again := &s.x.Request
		if end { // what has no content need not expect to send it
			r.Expects100 = false
		}
		if again.Header.Has(message.HeaderTrailer) && r.Length > 0 {
			r.Length = message.UnknownLength
		}
		joinCookies(&r.Header, new([]byte)) // as decode does
		lower(&r.Header)
		if got, want := meaning(again), meaning(&r); got != want {
			t.Fatalf("%q was forwarded as\n%s\nand not\n%s", in, got, want)
		}
	})
}

// lower makes the names of fields those of HTTP/2.
func lower(h *message.Header) {
	for i := range h.Fields() {
		if f := &h.Fields()[i]; f.Name != nil {
			f.Name = bytes.ToLower(f.Name)
		}
	}
}
