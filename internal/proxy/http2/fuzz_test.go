package http2

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	xhpack "golang.org/x/net/http2/hpack"

	"fsm/internal/proxy/hpack"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
)

// FuzzServer: whatever a client sends, its connection ends when it does, and so
// does all work that was begun for it; what it is sent are frames.
func FuzzServer(f *testing.F) {
	frames := func(write func(w *http2.Framer)) []byte {
		var b bytes.Buffer
		w := http2.NewFramer(&b, nil)
		w.AllowIllegalWrites = true
		_ = w.WriteSettings()
		write(w)
		return b.Bytes()
	}
	get := http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(getBlock), EndHeaders: true}
	f.Add(frames(func(w *http2.Framer) {
		_ = w.WriteHeaders(get)
		_ = w.WriteDataPadded(1, false, []byte("hello"), make([]byte, 3))
		_ = w.WriteData(1, true, nil)
	}))
	f.Add(frames(func(w *http2.Framer) {
		_ = w.WriteHeaders(get)
		_ = w.WriteRSTStream(1, http2.ErrCodeCancel)
		_ = w.WritePing(false, [8]byte{})
		_ = w.WriteWindowUpdate(0, 1<<20)
		_ = w.WriteGoAway(1, http2.ErrCodeNo, nil)
	}))
	f.Add(frames(func(w *http2.Framer) {
		_ = w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20})
		get.EndHeaders = false
		_ = w.WriteHeaders(get)
		_ = w.WriteContinuation(1, true, []byte("\x40\x01x\x01y"))
		_ = w.WriteData(1, false, []byte("hello"))
		_ = w.WritePriority(3, http2.PriorityParam{StreamDep: 1})
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte("\x40\x01x\x01y"), EndStream: true, EndHeaders: true})
	}))
	h := newHandler(echo)
	h.config.HeaderTimeout, h.config.IdleTimeout, h.config.BodyTimeout = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	s := newServer(f, h)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1<<16 {
			return
		}
		c, ended := s.connect(t)
		defer c.Close()
		go func() {
			_, _ = c.Write(append([]byte(preface), in...))
			_ = c.CloseWrite()
		}()
		r := http2.NewFramer(io.Discard, c)
		for {
			if _, err := r.ReadFrame(); err != nil {
				if _, broken := err.(http2.ConnectionError); broken {
					t.Fatalf("client was sent what is no frame: %v", err)
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

// FuzzDowngrade: a header list that is accepted means the same in HTTP/1.1.
func FuzzDowngrade(f *testing.F) {
	const usual = ":method\x1fGET\x1e:scheme\x1fhttp\x1e:authority\x1fa\x1e:path\x1f/a?b"
	for _, more := range []string{
		"", "\x1ex\x1fy\x1ecookie\x1fa=b\x1ecookie\x1fc=d", "\x1ete\x1ftrailers", "\x1ex\x1fy\r\nz: a", "\x1etransfer-encoding\x1fchunked",
		"\x1econtent-length\x1f5", "\x1ehost\x1fa", "\x1eexpect\x1f100-continue", "\x1ex_y\x1fz", "\x1eX\x1fy", "\x1e:protocol\x1fwebsocket", "\x1etrailer\x1fx",
	} {
		f.Add(usual+more, false)
		f.Add(usual+more, true)
	}
	f.Add(":method\x1fCONNECT\x1e:protocol\x1fwebsocket\x1e:scheme\x1fhttp\x1e:authority\x1fa\x1e:path\x1f/", false)
	cfg := http1.ServerConfig{Limits: http1.Limits{Bytes: 64 << 10, Fields: 100, Underscores: http1.AllowUnderscores}}
	f.Fuzz(func(t *testing.T, list string, end bool) {
		var block bytes.Buffer
		encoder := xhpack.NewEncoder(&block)
		for field := range strings.SplitSeq(list, "\x1e") {
			name, value, _ := strings.Cut(field, "\x1f")
			_ = encoder.WriteField(xhpack.HeaderField{Name: name, Value: value})
		}
		c := &ServerConn{info: &message.Connection{}}
		c.decoder = hpack.NewDecoder(tableSize)
		s := &serverStream{conn: c, x: &message.Exchange{}}
		s.stream.open(&c.conn, 1)
		if err := s.decode(&headerBlock{stream: 1, end: end, text: block.Bytes()}, &cfg); err != nil || s.refusal != nil {
			return
		}
		r := &s.x.Request
		out := http1.AppendRequest(nil, r)
		var again message.Request
		var info http1.RequestInfo
		lim := http1.Limits{Bytes: 1 << 20, Fields: 1000, Underscores: http1.AllowUnderscores, Paths: http1.KeepDotSegments}
		n, err := http1.ParseRequest(out, &again, &info, &lim)
		if err != nil || n != len(out) {
			t.Fatalf("%q was forwarded as %q, of which %d bytes are a head: %v", list, out, n, err)
		}
		if got, want := meaning(&again), meaning(r); got != want {
			t.Fatalf("%q was forwarded as %q\nwhich means %s\nand not     %s", list, out, got, want)
		}
	})
}

// meaning is what a backend makes of a request.
func meaning(r *message.Request) string {
	s := fmt.Sprintf("%q %q %q %q %d %q %t %t", r.Method, r.Authority, r.Path, r.Query, r.Length, r.Upgrade, r.Expects100, r.Trailers)
	for _, f := range r.Header.Fields() {
		if f.Name != nil {
			s += fmt.Sprintf(" %q=%q", f.Name, f.Value)
		}
	}
	return s
}
