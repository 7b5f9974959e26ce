package http2

import (
	"fmt"
	"sync"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/hpack"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
)

// serverStream is a request of a client. It implements message.Downstream.
type serverStream struct {
	stream
	conn *ServerConn
	x    *message.Exchange
	// refusal answers the request; malformed ones are reset.
	refusal   *message.Reply
	malformed bool
	memory    []byte // of the request's head
	unpacked  int    // by how much the head exceeds its share of memory
	moved     int64
	why       errorCode // of the reset that ends a response early
}

var serverStreams sync.Pool

func newServerStream(c *ServerConn, id uint32) *serverStream {
	s, ok := serverStreams.Get().(*serverStream)
	if !ok {
		s = &serverStream{}
	}
	s.conn, s.x = c, c.handler.Begin()
	s.refusal, s.malformed, s.moved, s.why, s.memory = nil, false, 0, codeInternal, s.memory[:0]
	s.stream.open(&c.conn, id)
	s.exchange = s.x
	s.slow, s.cut = http1.ErrBodySlow, errReset
	return s
}

// errReset is what a reader of a request gets that the client has reset.
var errReset = &message.Reply{Reason: ReasonReset, Cause: fmt.Errorf("client reset the stream")}

// free gives everything back.
func (s *serverStream) free() {
	s.queue.drop()
	s.conn.handler.End(s.x)
	s.x, s.exchange = nil, nil
	if cap(s.memory) > 2*buffer.Small {
		s.memory = nil
	}
	serverStreams.Put(s)
}

// serve serves the request.
func (s *serverStream) serve(w *worker) {
	if s.refusal != nil {
		s.conn.handler.Refuse(s.x, s.refusal)
	} else {
		s.conn.handler.Serve(s.x)
	}
	s.finish(w)
}

// finish ends the stream and leaves its worker to others.
func (s *serverStream) finish(w *worker) {
	c := s.conn
	c.mu.Lock()
	s.exchange = nil
	if !s.done {
		delete(c.streams, s.id)
		s.done = true
		switch {
		case s.malformed:
			c.appendReset(s.id, codeProtocol)
			c.resets.spend(1, c.link.Sock.Coarse()) // the next header block notices
		case !s.sent:
			c.appendReset(s.id, s.why)
		case !s.received:
			c.appendReset(s.id, codeNone)
		}
	}
	c.active--
	c.unpacked -= s.unpacked
	over := c.active == 0 && c.finished
	c.keep(w)
	if c.active == 0 && c.drain == draining && !c.finished {
		c.link.Sock.Nudge()
	}
	c.wake()
	c.mu.Unlock()
	s.free()
	if over {
		c.closed()
	}
}

// Moved implements message.Downstream.
func (s *serverStream) Moved() (received, sent int64) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.total, s.moved
}

// Gone implements message.Downstream.
func (s *serverStream) Gone() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.broken != nil
}

// Inform implements message.Downstream.
func (s *serverStream) Inform(r *message.Response) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.sendable(); err != nil {
		return err
	}
	s.writeHead(r, r.Status, message.NoBody, false)
	c.wake()
	return nil
}

// Respond implements message.Downstream.
func (s *serverStream) Respond(r *message.Response) error {
	if s.malformed {
		return nil // finish resets it
	}
	body, length, status := r.Body, r.Length, r.Status
	switch {
	case r.Upgraded:
		status, length = 200, message.UnknownLength // RFC 8441, section 5
		r.Header.Remove(&acceptName)
	case status == 204 || status == 304 || string(s.x.Request.Method) == "HEAD":
		body = nil
	}
	if s.x.Close {
		s.conn.beginDrain()
	}
	c := s.c
	c.mu.Lock()
	if err := s.sendable(); err != nil {
		c.mu.Unlock()
		return s.gone(err)
	}
	s.writeHead(r, status, length, body == nil)
	if body == nil {
		c.wake()
	}
	c.mu.Unlock()
	if body == nil {
		return nil
	}
	unread, unsent := s.copy(body, &s.moved)
	if unsent != nil {
		return s.gone(unsent)
	}
	return s.blame(unread)
}

// blame says whose fault it is that a response breaks off: not the backend's, when
// its exchange was ended because the client had left. That a backend gave it up is
// passed on.
func (s *serverStream) blame(err error) error {
	if code, ok := ResetCode(err); ok && (code == Cancelled || code == Calm) {
		s.why = errorCode(code)
	}
	s.c.mu.Lock()
	broken := s.broken
	s.c.mu.Unlock()
	if err != nil && broken != nil {
		return s.gone(broken)
	}
	return err
}

var acceptName = message.MakeName("Sec-WebSocket-Accept")

// gone is the error for a response that cannot be sent.
func (s *serverStream) gone(err error) error {
	if reply, ok := err.(*message.Reply); ok && reply.Status == 0 {
		return reply
	}
	return &message.Reply{Reason: ReasonReset, Cause: fmt.Errorf("write response: %w", err)}
}

// writeHead writes the head of a response. The lock is held.
func (s *serverStream) writeHead(r *message.Response, status int, length int64, end bool) {
	c := s.c
	flags := uint8(0)
	if end {
		flags = flagEndStream
		s.endSent()
	}
	at := c.beginBlock(s.id, flags)
	c.out = hpack.AppendStatus(c.out, status)
	if length >= 0 {
		c.out = hpack.AppendLength(c.out, length)
	}
	c.out = appendFields(c.out, &r.Header)
	c.finishBlock(at)
}
