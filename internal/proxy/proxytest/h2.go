package proxytest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// H2 is a client that speaks HTTP/2 frame by frame. What it sends is for the test
// to say; what comes is read by a goroutine and kept, so that a client that
// floods never stands still because it does not read.
type H2 struct {
	t    testing.TB
	conn net.Conn
	c    H2Config

	out    sync.Mutex // guards what is below, up to the other lock
	w      *bufio.Writer
	framer *http2.Framer
	enc    *hpack.Encoder
	block  bytes.Buffer

	mu      sync.Mutex
	state   H2State
	changed chan struct{} // closed, and made anew, with every frame
}

// H2Config is how a client differs from a plain and polite one.
type H2Config struct {
	// TLS is nil for a client with prior knowledge.
	TLS *tls.Config
	// Settings are the client's.
	Settings []http2.Setting
	// Deaf clients never enlarge a window.
	Deaf bool
	// Mute clients answer neither SETTINGS nor PING.
	Mute bool
}

// H2State is what a client was sent.
type H2State struct {
	Settings map[http2.SettingID]uint32
	// Acks counts acknowledged SETTINGS, and Pongs answered pings.
	Acks, Pongs int
	GoAways     []H2GoAway
	// Window is by how much the connection's was enlarged.
	Window  int
	Streams map[uint32]*H2Stream
	// Ended is why the connection ended; nil while it has not.
	Ended error
}

// H2GoAway is a GOAWAY frame.
type H2GoAway struct {
	Last   uint32
	Code   http2.ErrCode
	Detail string
}

// H2Stream is what came on a stream.
type H2Stream struct {
	// Interim are the fields of 1xx responses; ":status" is one of them.
	Interim []H2Fields
	Status  string
	Header  H2Fields
	Trailer H2Fields
	Body    []byte
	Window  int // by how much it was enlarged
	Ended   bool
	Reset   bool
	Code    http2.ErrCode
}

// H2Fields are header fields by their names, which are in lower case.
type H2Fields map[string][]string

// Get is the value of a field, or of all with the name, joined.
func (f H2Fields) Get(name string) string { return strings.Join(f[name], ", ") }

// DialH2 connects to an address and sends the preface. The connection is closed
// when the test ends.
func DialH2(t testing.TB, addr string, config H2Config) *H2 {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if config.TLS != nil {
		own := config.TLS.Clone()
		own.NextProtos = []string{"h2"}
		conn = tls.Client(conn, own)
	}
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	h := &H2{t: t, conn: conn, c: config, w: bufio.NewWriterSize(conn, 32<<10), changed: make(chan struct{})}
	h.state.Settings, h.state.Streams = map[http2.SettingID]uint32{}, map[uint32]*H2Stream{}
	h.framer = http2.NewFramer(h.w, conn)
	h.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.framer.MaxHeaderListSize = 1 << 20
	h.framer.AllowIllegalWrites = true
	h.enc = hpack.NewEncoder(&h.block)
	h.Write(func(f *http2.Framer) {
		_, _ = h.w.WriteString(http2.ClientPreface)
		_ = f.WriteSettings(config.Settings...)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.read()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return h
}

// Close closes the connection without a word.
func (h *H2) Close() { _ = h.conn.Close() }

// Write has frames written, which go out together. Errors show in what is read.
func (h *H2) Write(write func(*http2.Framer)) {
	h.out.Lock()
	defer h.out.Unlock()
	write(h.framer)
	_ = h.w.Flush()
}

// Raw sends bytes as they are.
func (h *H2) Raw(b []byte) error {
	h.out.Lock()
	defer h.out.Unlock()
	_, err := h.conn.Write(b)
	return err
}

// Block encodes a header list, given as names and values in turn.
func (h *H2) Block(fields ...string) []byte {
	h.out.Lock()
	defer h.out.Unlock()
	return h.encode(fields)
}

func (h *H2) encode(fields []string) []byte {
	h.block.Reset()
	for i := 0; i+1 < len(fields); i += 2 {
		_ = h.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(h.block.Bytes())
}

// Headers sends a header list.
func (h *H2) Headers(id uint32, end bool, fields ...string) {
	h.out.Lock()
	defer h.out.Unlock()
	_ = h.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: h.encode(fields), EndStream: end, EndHeaders: true,
	})
	_ = h.w.Flush()
}

// H2Request is the header list of a request.
func H2Request(method, path string, fields ...string) []string {
	return append([]string{":method", method, ":scheme", "http", ":authority", "a.example", ":path", path}, fields...)
}

// Get sends a GET for a path.
func (h *H2) Get(id uint32, path string, fields ...string) {
	h.Headers(id, true, H2Request("GET", path, fields...)...)
}

// Post sends the head of a POST to a path.
func (h *H2) Post(id uint32, path string, fields ...string) {
	h.Headers(id, false, H2Request("POST", path, fields...)...)
}

// Data sends content.
func (h *H2) Data(id uint32, end bool, content string) {
	h.Write(func(f *http2.Framer) { _ = f.WriteData(id, end, []byte(content)) })
}

// Reset resets a stream.
func (h *H2) Reset(id uint32) {
	h.Write(func(f *http2.Framer) { _ = f.WriteRSTStream(id, http2.ErrCodeCancel) })
}

// Await waits until a condition holds of what came.
func (h *H2) Await(what string, holds func(*H2State) bool) {
	h.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		h.mu.Lock()
		ok, changed := holds(&h.state), h.changed
		h.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			h.mu.Lock()
			defer h.mu.Unlock()
			h.t.Fatalf("did not happen: %s; connection got %d streams, %+v, ended: %v",
				what, len(h.state.Streams), h.state.GoAways, h.state.Ended)
		}
	}
}

// AwaitEnd waits until the connection is closed and returns all that came.
func (h *H2) AwaitEnd() H2State {
	h.t.Helper()
	var s H2State
	h.Await("connection ends", func(state *H2State) bool {
		s = *state
		return s.Ended != nil
	})
	return s
}

// Response waits for the end of a stream, or of the connection.
func (h *H2) Response(id uint32) H2Stream {
	h.t.Helper()
	var r H2Stream
	h.Await("stream ends", func(s *H2State) bool {
		if got := s.Streams[id]; got != nil {
			r = *got
		}
		return r.Ended || r.Reset || s.Ended != nil
	})
	return r
}

// On makes a condition for Await about one stream; it does not hold before
// something came on it.
func On(id uint32, holds func(*H2Stream) bool) func(*H2State) bool {
	return func(s *H2State) bool { return s.Streams[id] != nil && holds(s.Streams[id]) }
}

// Calm reports whether the connection was ended for a flood.
func (s *H2State) Calm() bool {
	return slices.ContainsFunc(s.GoAways, func(g H2GoAway) bool { return g.Code == http2.ErrCodeEnhanceYourCalm })
}

// read takes in frames until there are no more.
func (h *H2) read() {
	for {
		f, err := h.framer.ReadFrame()
		h.mu.Lock()
		if err != nil {
			h.state.Ended = err
		} else {
			h.state.take(f)
		}
		close(h.changed)
		h.changed = make(chan struct{})
		h.mu.Unlock()
		if err != nil {
			return
		}
		h.answer(f)
	}
}

// answer does what the protocol asks of a receiver.
func (h *H2) answer(f http2.Frame) {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() && !h.c.Mute {
			h.Write(func(w *http2.Framer) { _ = w.WriteSettingsAck() })
		}
	case *http2.PingFrame:
		if !f.IsAck() && !h.c.Mute {
			h.Write(func(w *http2.Framer) { _ = w.WritePing(true, f.Data) })
		}
	case *http2.DataFrame:
		if n := f.Length; n > 0 && !h.c.Deaf {
			h.Write(func(w *http2.Framer) {
				_ = w.WriteWindowUpdate(0, n)
				if !f.StreamEnded() {
					_ = w.WriteWindowUpdate(f.StreamID, n)
				}
			})
		}
	}
}

// take keeps what a frame says.
func (s *H2State) take(f http2.Frame) {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if f.IsAck() {
			s.Acks++
		}
		_ = f.ForeachSetting(func(v http2.Setting) error {
			s.Settings[v.ID] = v.Val
			return nil
		})
		return
	case *http2.PingFrame:
		if f.IsAck() {
			s.Pongs++
		}
		return
	case *http2.GoAwayFrame:
		s.GoAways = append(s.GoAways, H2GoAway{f.LastStreamID, f.ErrCode, string(f.DebugData())})
		return
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			s.Window += int(f.Increment)
			return
		}
	}
	id := f.Header().StreamID
	if s.Streams[id] == nil {
		s.Streams[id] = &H2Stream{}
	}
	s.Streams[id].take(f)
}

func (s *H2Stream) take(f http2.Frame) {
	switch f := f.(type) {
	case *http2.WindowUpdateFrame:
		s.Window += int(f.Increment)
	case *http2.DataFrame:
		s.Body = append(s.Body, f.Data()...)
		s.Ended = f.StreamEnded()
	case *http2.RSTStreamFrame:
		s.Reset, s.Code = true, f.ErrCode
	case *http2.MetaHeadersFrame:
		h := H2Fields{}
		for _, field := range f.Fields {
			h[field.Name] = append(h[field.Name], field.Value)
		}
		s.Ended = f.StreamEnded()
		switch status := f.PseudoValue("status"); {
		case strings.HasPrefix(status, "1"):
			s.Interim = append(s.Interim, h)
		case status != "":
			s.Status, s.Header = status, h
		default:
			s.Trailer = h
		}
	}
}
