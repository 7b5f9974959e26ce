package http1

import (
	"errors"
	"io"
	"sync/atomic"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// bodyReader streams the body of the message that a connection is receiving. It
// implements message.Body.
type bodyReader struct {
	stream *socket.Stream
	in     *inbox
	limits *Limits
	kind   bodyKind
	left   int64 // of a body with a known length
	total  int64 // content bytes delivered
	max    int64 // 0 for no limit
	chunk  ChunkReader
	// wait bounds the wait for each next piece; 0 leaves the deadline that the
	// connection has.
	wait int64
	// interim counts 1xx responses before the body.
	interim int
	// claimed is set once somebody asked for the body. It is set before the reading
	// moves to another goroutine; while it is, only that one touches the rest.
	claimed bool
	done    bool
	// active is when a byte last moved through the tunnel, in either direction.
	active *atomic.Int64
	// cut and slow are the errors for a sender that goes away or stops.
	cut, slow *message.Reply
}

type bodyKind uint8

const (
	bodyLength bodyKind = iota
	bodyChunked
	bodyUntilClose
	bodyTunnel
)

// begin prepares for a new body.
func (b *bodyReader) begin(kind bodyKind, length int64) {
	b.kind, b.left, b.total, b.claimed, b.done = kind, length, 0, false, false
}

// whole reports whether all of the body was read already.
func (b *bodyReader) whole() bool {
	return b.kind == bodyLength && b.left <= int64(b.in.w-b.in.r)
}

// Ready implements message.Body.
func (b *bodyReader) Ready() bool {
	b.claim()
	switch {
	case b.done, b.kind == bodyLength && b.left == 0:
		return true
	case b.in.buf == nil || b.in.empty():
		return false
	case b.kind != bodyChunked:
		return true
	}
	return b.chunk.ready(b.in.unread())
}

func (b *bodyReader) claim() {
	if !b.claimed {
		b.claimed = true
	}
}

// Next implements message.Body.
func (b *bodyReader) Next() ([]byte, error) {
	b.claim()
	for {
		if b.done {
			return nil, io.EOF
		}
		data, err := b.take()
		if err != nil {
			return nil, err
		}
		if len(data) > 0 {
			b.total += int64(len(data))
			if b.max > 0 && b.total > b.max {
				return nil, errBodyTooLarge
			}
			return data, nil
		}
		if b.done {
			return nil, io.EOF
		}
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
}

// take cuts the next piece out of what was read already.
func (b *bodyReader) take() ([]byte, error) {
	in := b.in
	switch b.kind {
	case bodyLength:
		if b.left == 0 {
			b.done = true
			return nil, nil
		}
		if in.buf == nil {
			return nil, nil
		}
		n := int(min(b.left, int64(in.w-in.r)))
		data := in.buf.B[in.r : in.r+n]
		in.r += n
		b.left -= int64(n)
		return data, nil
	case bodyChunked:
		if in.buf == nil {
			return nil, nil
		}
		data, used, err := b.chunk.Next(in.unread(), b.limits)
		in.r += used
		if err != nil {
			return nil, err
		}
		b.done = b.chunk.Done()
		return data, nil
	default:
		if in.buf == nil {
			return nil, nil
		}
		data := in.unread()
		in.r = in.w
		return data, nil
	}
}

// fill waits for more bytes.
func (b *bodyReader) fill() error {
	if b.kind == bodyTunnel {
		return b.fillTunnel()
	}
	if b.wait > 0 {
		b.stream.Sock.Enter(socket.Body, socket.Now()+b.wait)
	}
	b.in.lease(buffer.Medium)
	err := b.in.fill(b.stream)
	switch {
	case err == nil:
		return nil
	case b.kind == bodyUntilClose && err == io.EOF:
		b.done = true
		return nil
	case errors.Is(err, socket.ErrTimeout):
		return b.slow
	case errors.Is(err, socket.ErrAborted):
		return err
	}
	return b.cut
}

// fillTunnel waits for bytes of a tunnel, without holding a buffer meanwhile,
// for as long as bytes move in either direction.
func (b *bodyReader) fillTunnel() error {
	b.in.release()
	for {
		b.stream.Sock.Enter(socket.Tunnel, b.active.Load()+b.wait)
		err := b.stream.WaitReadable()
		if errors.Is(err, socket.ErrTimeout) && socket.Now() < b.active.Load()+b.wait {
			continue
		}
		if err == nil {
			b.in.lease(buffer.Medium)
			err = b.in.fill(b.stream)
		}
		if err == io.EOF {
			b.done = true
			return nil
		}
		if err == nil {
			b.active.Store(socket.Now())
		}
		return err
	}
}

// Trailer implements message.Body.
func (b *bodyReader) Trailer() *message.Header {
	if b.kind != bodyChunked {
		return nil
	}
	return b.chunk.Trailer
}

// Cancel implements message.Body.
func (b *bodyReader) Cancel() { b.stream.Sock.Abort() }
