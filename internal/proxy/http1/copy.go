package http1

import (
	"io"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// bodyWriter sends a head and a body in as few writes as the body's arrival
// allows: what is there goes out together, and nothing waits for what is not.
type bodyWriter struct {
	stream  *socket.Stream
	out     []byte // waits to be written; begins with the head
	chunked bool
	// sent counts content bytes.
	sent int64
}

// gather is the size up to which a piece is copied behind what waits to be
// written; larger ones are handed to the kernel as they lie.
const gather = 4 << 10

// readError marks errors of the body that is copied, as opposed to those of the
// stream that it is copied to.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// copy sends the body to its end and flushes.
func (w *bodyWriter) copy(body message.Body) error {
	for {
		if !body.Ready() {
			if err := w.flush(); err != nil {
				return err
			}
		}
		data, err := body.Next()
		if err == io.EOF {
			if w.chunked {
				w.out = appendLastChunk(w.out, body.Trailer())
			}
			return w.flush()
		}
		if err != nil {
			return readError{err}
		}
		if err := w.write(data); err != nil {
			return err
		}
	}
}

// write adds a piece of the body.
func (w *bodyWriter) write(data []byte) error {
	w.sent += int64(len(data))
	if w.fits(data) {
		w.add(data)
		return nil
	}
	var end []byte
	if w.chunked {
		w.out = appendChunkSize(w.out, len(data))
		end = crlf
	}
	_, err := w.stream.Write3(w.out, data, end)
	w.out = w.out[:0]
	return err
}

// fits reports whether a piece is to be copied.
func (w *bodyWriter) fits(data []byte) bool {
	const frame = 16 // more than a chunk's size line and end
	return len(data) <= gather && len(w.out)+len(data)+frame <= buffer.Medium
}

func (w *bodyWriter) add(data []byte) {
	if w.chunked {
		w.out = appendChunkSize(w.out, len(data))
	}
	w.out = append(w.out, data...)
	if w.chunked {
		w.out = append(w.out, crlf...)
	}
}

func (w *bodyWriter) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.stream.Write(w.out)
	w.out = w.out[:0]
	return err
}

var crlf = []byte("\r\n")
