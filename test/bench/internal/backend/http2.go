package backend

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"fsm/test/bench/internal/load"
)

// H2Pages starts a server that answers each HTTP/2 request with the small body, at
// less cost than nginx: it writes the answers to all that it has read at once.
func H2Pages() (*Server, error) {
	body := bytes.Repeat([]byte("b"), load.Small.Size())
	return serveH2(h2Answer{head: fields(":status", "200", "content-type", "text/plain"), body: body})
}

// h2Answer is what each request gets. The header block uses no dynamic table, so it
// is the same for all.
type h2Answer struct{ head, body []byte }

// fields encodes a list of names and values.
func fields(list ...string) []byte {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	e.SetMaxDynamicTableSize(0)
	for i := 0; i < len(list); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: list[i], Value: list[i+1]}) // to memory
	}
	return block.Bytes()
}

// h2Conn is a connection of a client. The client's header blocks are not decoded:
// all requests get the same answer.
type h2Conn struct {
	answer h2Answer
	in     *bufio.Reader
	out    *bufio.Writer
	framer *http2.Framer
	// window is how much content the client takes in, over all streams. A stream's
	// own window has room for one answer.
	window int
	owed   []uint32 // streams whose answer waits for the window
	taken  uint32   // content that the client has yet to be told of
}

func serveH2(a h2Answer) (*Server, error) {
	return serve(func(c net.Conn) error {
		h := &h2Conn{answer: a, in: bufio.NewReaderSize(c, 64<<10), out: bufio.NewWriterSize(c, 64<<10), window: 65535}
		h.framer = http2.NewFramer(h.out, h.in)
		h.framer.SetReuseFrames()
		return h.serve()
	})
}

func (h *h2Conn) serve() error {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(h.in, preface); err != nil {
		return err
	}
	if string(preface) != http2.ClientPreface {
		return errors.New("client does not speak HTTP/2")
	}
	if err := h.framer.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 128}); err != nil {
		return err
	}
	for {
		f, err := h.framer.ReadFrame()
		if err == nil {
			err = h.take(f)
		}
		if err == nil && h.in.Buffered() == 0 {
			err = h.out.Flush()
		}
		if err != nil {
			return err
		}
	}
}

// take handles a frame.
func (h *h2Conn) take(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.HeadersFrame:
		if f.StreamEnded() {
			h.owed = append(h.owed, f.StreamID)
		}
	case *http2.DataFrame:
		if f.StreamEnded() {
			h.owed = append(h.owed, f.StreamID)
		}
		return errors.Join(h.refill(f.Length), h.pay())
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			h.window += int(f.Increment)
		}
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return h.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return h.framer.WritePing(true, f.Data)
		}
	}
	return h.pay()
}

// refill opens the window of the connection again. Those of streams last for as
// long as streams do.
func (h *h2Conn) refill(n uint32) error {
	const enough = 32 << 10
	if h.taken += n; h.taken < enough {
		return nil
	}
	n, h.taken = h.taken, 0
	return h.framer.WriteWindowUpdate(0, n)
}

// pay writes the answers that the window has room for.
func (h *h2Conn) pay() error {
	for len(h.owed) > 0 && h.window >= len(h.answer.body) {
		id := h.owed[0]
		h.owed = h.owed[1:]
		h.window -= len(h.answer.body)
		if err := h.write(id); err != nil {
			return err
		}
	}
	return nil
}

func (h *h2Conn) write(id uint32) error {
	err := h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: h.answer.head, EndHeaders: true})
	if err != nil {
		return err
	}
	return h.framer.WriteData(id, true, h.answer.body)
}
