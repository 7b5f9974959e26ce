package http1

import (
	"errors"
	"fmt"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// Inform implements message.Downstream.
func (c *ServerConn) Inform(r *message.Response) error {
	if c.req.Version10 || c.answered {
		return nil // HTTP/1.0 has no 1xx (RFC 9110, section 15.2)
	}
	out := buffer.Get(buffer.Small)
	defer out.Put()
	head := appendResponse(out.B[:0], r, responseFraming{})
	if _, err := c.stream.Write(head); err != nil {
		return fmt.Errorf("write %d response: %w", r.Status, err)
	}
	if r.Status == 100 {
		c.x.Request.Expects100 = false
	}
	return nil
}

// Moved implements message.Downstream.
func (c *ServerConn) Moved() (received, sent int64) { return c.body.total, c.moved }

// Gone implements message.Downstream.
func (c *ServerConn) Gone() bool { return c.stream.Sock.HungUp() }

// Respond implements message.Downstream.
func (c *ServerConn) Respond(r *message.Response) error {
	if r.Upgraded {
		return c.respondUpgraded(r)
	}
	var f responseFraming
	body := r.Body
	switch {
	case r.Status == 204 || r.Status == 304 || string(c.x.Request.Method) == "HEAD":
		body = nil
	case body == nil:
		r.Length = max(r.Length, 0)
	case r.Length < 0 && c.req.Version10:
		c.keep = false // the end of the connection is the end of the body
	case r.Length < 0, !c.req.Version10 && r.Header.Has(message.HeaderTrailer):
		f.chunked = true // trailers, which HTTP/2 has with any body, need it
	}
	c.keep = c.keep && !c.x.Close && !c.stream.Sock.Draining() && c.mayKeep()
	f.close = !c.keep
	f.keepAlive = c.keep && c.req.Version10

	out := buffer.Get(buffer.Medium)
	defer out.Put()
	w := bodyWriter{stream: c.stream, out: appendResponse(out.B[:0], r, f), chunked: f.chunked}
	c.answered = true
	if body == nil {
		return c.sent(w.flush())
	}
	err := w.copy(body)
	c.moved = w.sent
	// On an error the client must not take what it has for the whole.
	c.reset = err != nil
	return c.sent(err)
}

// sent takes in how sending a response ended.
func (c *ServerConn) sent(err error) error {
	if err == nil {
		return nil
	}
	c.keep = false
	if failed, ok := errors.AsType[readError](err); ok {
		return failed.error
	}
	return &message.Reply{Reason: ReasonClientClosed, Cause: fmt.Errorf("write response: %w", err)}
}

// errEarlyData is answered with a 502 by nobody: the 101 is not sent, and the
// connection closes.
var errEarlyData = errors.New("client sent bytes for the new protocol before the switch was agreed to")

func (c *ServerConn) respondUpgraded(r *message.Response) error {
	c.keep = false
	if c.stream.TLS == nil && c.stream.Sock.Readable() {
		return &message.Reply{Status: 400, Reason: ReasonBadRequestBody, Cause: errEarlyData}
	}
	out := buffer.Get(buffer.Medium)
	defer out.Put()
	c.answered = true
	c.x.Active.Store(socket.Now())
	w := bodyWriter{stream: c.stream, out: appendSwitch(out.B[:0], r, c.x.Request.Upgrade)}
	if err := w.flush(); err != nil {
		return c.sent(err)
	}
	err := w.copy(r.Body)
	c.moved = w.sent
	if err == nil {
		err = c.stream.CloseWrite()
	}
	return c.sent(err)
}
