//go:build !race

package proxy_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// h2Frames makes the bytes of frames.
func h2Frames(write func(*http2.Framer)) []byte {
	var b bytes.Buffer
	write(http2.NewFramer(&b, nil))
	return b.Bytes()
}

// h2Blocks encodes header lists, one after the other, as one connection would.
func h2Blocks(lists ...[]string) [][]byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	blocks := make([][]byte, len(lists))
	for i, list := range lists {
		b.Reset()
		for j := 0; j < len(list); j += 2 {
			_ = e.WriteField(hpack.HeaderField{Name: list[j], Value: list[j+1]}) // to memory
		}
		blocks[i] = bytes.Clone(b.Bytes())
	}
	return blocks
}

// onStream puts a stream's number into each of a few frames.
func onStream(frames []byte, id uint32) {
	for len(frames) > 0 {
		binary.BigEndian.PutUint32(frames[5:], id)
		frames = frames[9+int(frames[0])<<16+int(frames[1])<<8+int(frames[2]):]
	}
}

// h2Reader takes frames from a connection and allocates nothing for them.
type h2Reader struct {
	conn net.Conn
	buf  []byte
	have []byte
}

func newH2Reader(c net.Conn) *h2Reader { return &h2Reader{conn: c, buf: make([]byte, 64<<10)} }

// ended returns the next stream that was ended, 0 for none in what has come.
func (r *h2Reader) ended() uint32 {
	for len(r.have) >= 9 {
		f := r.have
		size := 9 + int(f[0])<<16 + int(f[1])<<8 + int(f[2])
		if len(f) < size {
			break
		}
		r.have = f[size:]
		kind, flags := http2.FrameType(f[3]), http2.Flags(f[4])
		if (kind == http2.FrameHeaders || kind == http2.FrameData) && flags.Has(http2.FlagDataEndStream) {
			return binary.BigEndian.Uint32(f[5:])
		}
	}
	return 0
}

// more waits for bytes.
func (r *h2Reader) more() error {
	n := copy(r.buf, r.have)
	m, err := r.conn.Read(r.buf[n:])
	r.have = r.buf[:n+m]
	return err
}

// quietH2Backend answers requests with the same frames and allocates nothing for
// them.
func quietH2Backend(t testing.TB, answer []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	greeting := h2Frames(func(f *http2.Framer) {
		_ = f.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1000})
		_ = f.WriteSettingsAck()
		_ = f.WriteWindowUpdate(0, 1<<30)
	})
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go answerH2(c, greeting, bytes.Clone(answer))
		}
	}()
	return ln.Addr().String()
}

func answerH2(c net.Conn, greeting, answer []byte) {
	defer c.Close()
	if _, err := io.CopyN(io.Discard, c, int64(len(http2.ClientPreface))); err != nil {
		return
	}
	in, out := newH2Reader(c), append(make([]byte, 0, 64<<10), greeting...)
	for {
		for id := in.ended(); id != 0; id = in.ended() {
			onStream(answer, id)
			out = append(out, answer...)
		}
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
		if in.more() != nil {
			return
		}
	}
}

// h2RoundTripper sends the same request on so many streams at a time, again and
// again over one connection.
func h2RoundTripper(t testing.TB, addr string, streams int, first, request []byte) func() {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	in, out := newH2Reader(c), h2Frames(func(f *http2.Framer) {
		_ = f.WriteSettings()
		_ = f.WriteSettingsAck()
		_ = f.WriteWindowUpdate(0, 1<<30)
	})
	out = append([]byte(http2.ClientPreface), out...)
	id := uint32(1)
	trip := func(request []byte, streams int) {
		for range streams {
			onStream(request, id)
			out = append(out, request...)
			id += 2
		}
		if _, err := c.Write(out); err != nil {
			t.Fatal(err)
		}
		out = out[:0]
		for streams > 0 {
			if in.ended() != 0 {
				streams--
			} else if err := in.more(); err != nil {
				t.Fatal(err)
			}
		}
	}
	trip(first, 1) // fills the dynamic table
	return func() { trip(request, streams) }
}

// h2Path is a way through the proxy that begins with HTTP/2.
type h2Path struct {
	name           string
	protocol       ir.BackendProtocol
	backend        func(testing.TB) string
	first, request []byte
}

func h2Paths() []h2Path {
	get := proxytest.H2Request("GET", "/route-42/index.html?a=b", "user-agent", "test", "accept", "*/*")
	call := proxytest.H2Request("POST", "/route-42/Method", "content-type", "application/grpc", "te", "trailers", "user-agent", "test")
	message := []byte("\x00\x00\x00\x00\x05hello")
	head := h2Blocks([]string{":status", "200", "server", "b", "content-type", "text/plain", "content-length", "5"})[0]
	grpc := h2Blocks([]string{":status", "200", "content-type", "application/grpc"}, []string{"grpc-status", "0"})
	page := h2Frames(func(f *http2.Framer) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head, EndHeaders: true})
		_ = f.WriteData(1, true, []byte("hello"))
	})
	reply := h2Frames(func(f *http2.Framer) {
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: grpc[0], EndHeaders: true})
		_ = f.WriteData(1, false, message)
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: grpc[1], EndHeaders: true, EndStream: true})
	})
	return []h2Path{
		newH2Path("to HTTP1", ir.BackendHTTP1, func(t testing.TB) string { return quietBackend(t, plainResponse) }, get, nil),
		newH2Path("to h2c", ir.BackendH2C, func(t testing.TB) string { return quietH2Backend(t, page) }, get, nil),
		newH2Path("gRPC", ir.BackendH2C, func(t testing.TB) string { return quietH2Backend(t, reply) }, call, message),
	}
}

// newH2Path makes the frames of requests: those of the first one on a connection,
// and those of the others, which refer to the dynamic table.
func newH2Path(name string, p ir.BackendProtocol, backend func(testing.TB) string, fields []string, content []byte) h2Path {
	blocks := h2Blocks(fields, fields)
	frames := func(block []byte) []byte {
		return h2Frames(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndHeaders: true, EndStream: content == nil})
			if content != nil {
				_ = f.WriteData(1, true, content)
			}
		})
	}
	return h2Path{name: name, protocol: p, backend: backend, first: frames(blocks[0]), request: frames(blocks[1])}
}

// start starts a proxy for the path.
func (w *h2Path) start(t testing.TB, streams int) (trip func()) {
	p := proxytest.Start(t, proxy.Config{})
	s := proxytest.HTTP(typicalRoutes(100), nil)
	proxytest.AddBackend(s, "b", w.backend(t)).Protocol = w.protocol
	p.MustApply(s)
	return h2RoundTripper(t, p.Addr(proxytest.HTTPListener), streams, w.first, w.request)
}

// TestAllocMultiplexed: forwarding what comes over HTTP/2 allocates nothing, also
// when many streams are open at a time.
func TestAllocMultiplexed(t *testing.T) {
	for _, w := range h2Paths() {
		for _, streams := range []int{1, 32} {
			t.Run(fmt.Sprintf("%s/%d", w.name, streams), func(t *testing.T) {
				trip := w.start(t, streams)
				for range 100 {
					trip()
				}
				result := testing.Benchmark(func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						trip()
					}
				})
				per := float64(result.MemAllocs) / float64(result.N*streams)
				t.Logf("%.3f allocations, %d bytes, %v", per, int(result.MemBytes)/(result.N*streams), result.T/time.Duration(result.N*streams))
				if per > 0.05 {
					t.Errorf("%.3f allocations per request", per)
				}
			})
		}
	}
}

// BenchmarkMultiplexed is BenchmarkForward over HTTP/2.
func BenchmarkMultiplexed(b *testing.B) {
	for _, w := range h2Paths() {
		b.Run(w.name, func(b *testing.B) {
			trip := w.start(b, 1)
			b.ReportAllocs()
			for b.Loop() {
				trip()
			}
		})
	}
}
