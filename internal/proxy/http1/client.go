package http1

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// Reasons for which an attempt at a backend fails.
const (
	ReasonUpstreamReset   = "upstream_reset"
	ReasonUpstreamTimeout = "upstream_timeout"
)

// ErrStale is the cause of a failure on a pooled connection that the backend had
// closed: the request was not answered with a single byte, and another
// connection may do better.
var ErrStale = errors.New("pooled connection was closed by the backend")

// ErrUnanswered is the same on a new connection. A server that stops closes those too
// that it has not accepted yet; their makers hold them for connected.
var ErrUnanswered = errors.New("backend closed the connection without an answer")

// Timeouts of an attempt.
type Timeouts struct {
	// Deadline, on the socket package's clock, bounds all of the attempt, to the
	// millisecond. 0 leaves it to the others.
	Deadline int64
	// Response bounds the wait for the response head, Body that for each next
	// piece of the body, and Tunnel the silence after an upgrade.
	Response, Body, Tunnel time.Duration
}

// ResponseLimits bound what a backend may send as a head. Backends are less of a
// threat than clients, and some send more.
var ResponseLimits = Limits{Bytes: 64 << 10, Fields: 256, Underscores: AllowUnderscores}

// max1xx bounds the interim responses to one request.
const max1xx = 32

// ClientConn is a connection to a backend. One exchange at a time uses it:
// RoundTrip, then the reading of the response's body, then Finish.
type ClientConn struct {
	stream *socket.Stream
	x      *message.Exchange // in progress
	in     inbox
	body   bodyReader
	res    ResponseInfo
	// uploaded delivers how the sending of a request body in the background
	// ended; uploading says that it is to come.
	uploaded  chan error
	uploading bool
	unsent    error // how it ended, if that was asked for before Finish
	tunnel    bool
	// used counts exchanges.
	used uint64
	// aborted says that nobody wants the response any more.
	aborted atomic.Bool
}

// NewClientConn makes a connection ready for requests.
func NewClientConn(stream *socket.Stream) *ClientConn {
	c := &ClientConn{stream: stream}
	stream.Sock.SetCheck(c.checkClient)
	c.body = bodyReader{
		stream: stream, in: &c.in, limits: &ResponseLimits, cut: errResponseCut,
		slow: &message.Reply{Status: 504, Reason: ReasonUpstreamTimeout, Cause: socket.ErrTimeout},
	}
	return c
}

// Stream is the connection itself.
func (c *ClientConn) Stream() *socket.Stream { return c.stream }

// Used reports whether an earlier exchange used the connection.
func (c *ClientConn) Used() bool { return c.used > 0 }

// Uploading reports whether the request's body is still on its way. A body whose
// end is all that is missing gets a moment: the backend may have answered at once.
func (c *ClientConn) Uploading() bool {
	if c.uploading {
		err, done := AwaitUpload(c.uploaded, Moment)
		c.unsent, c.uploading = err, !done
	}
	return c.uploading
}

// Abort ends the exchange; it may be called from any goroutine before Finish.
func (c *ClientConn) Abort() {
	c.aborted.Store(true)
	c.stream.Sock.Abort()
}

// RoundTrip sends x.Request and reads the head of the response into x.Response.
// A request body that is not all there yet is sent in the background, so that
// the response may begin before it ends. Errors are *message.Reply.
func (c *ClientConn) RoundTrip(x *message.Exchange, t *Timeouts) error {
	c.x = x
	c.enter(socket.Head, t.Deadline, t.Response)
	c.body.wait = 0
	if t.Deadline == 0 {
		c.body.wait = int64(t.Body)
	}
	c.in.lease(buffer.Medium)
	c.tunnel = false
	out := buffer.Get(buffer.Medium)
	w := bodyWriter{
		stream: c.stream, out: AppendRequest(out.B[:0], &x.Request),
		chunked: x.Request.Length == message.UnknownLength,
	}
	whole, pending, err := c.gather(&w, &x.Request)
	if err != nil {
		out.Put()
		return err
	}
	var n int
	if whole {
		n, err = c.stream.WriteThenRead(w.out, c.in.buf.B)
		out.Put()
	} else {
		c.startUpload(x.Request.Body, w, pending, out)
		n, err = c.stream.Read(c.in.buf.B)
	}
	c.in.took(n)
	for first := true; ; first = false {
		if err != nil {
			return c.failed(err, first)
		}
		done, err2 := c.readHead(x, t)
		if err2 != nil || done {
			return err2
		}
		if c.in.w == len(c.in.buf.B) {
			c.in.grow(min(4*len(c.in.buf.B), 2*ResponseLimits.Bytes))
		}
		n, err = c.stream.Read(c.in.buf.B[c.in.w:])
		c.in.took(n)
	}
}

// ErrClientGone is the answer to nobody.
var ErrClientGone = &message.Reply{Reason: ReasonClientClosed, Cause: errors.New("client closed while it waited")}

// checkClient is asked now and then during a long wait for the backend.
func (c *ClientConn) checkClient() error {
	if c.x.Downstream.Gone() {
		return ErrClientGone
	}
	return nil
}

// enter sets the deadline for what comes next.
func (c *ClientConn) enter(p socket.Phase, deadline int64, otherwise time.Duration) {
	if deadline != 0 {
		c.stream.Sock.EnterExact(p, deadline)
		return
	}
	c.stream.Sock.Enter(p, c.stream.Sock.Coarse()+int64(otherwise))
}

// gather adds as much of the request's body to the head as is there without
// waiting. whole says that this is all of it; pending is a piece that was taken
// and does not fit.
func (c *ClientConn) gather(w *bodyWriter, r *message.Request) (whole bool, pending []byte, err error) {
	if r.Body == nil || r.Upgrade != nil {
		return true, nil, nil
	}
	for r.Body.Ready() && !r.Expects100 {
		data, err := r.Body.Next()
		if err == io.EOF {
			if w.chunked {
				w.out = appendLastChunk(w.out, r.Body.Trailer())
			}
			return true, nil, nil
		}
		if err != nil {
			return false, nil, err
		}
		if !w.fits(data) {
			return false, data, nil
		}
		w.sent += int64(len(data))
		w.add(data)
	}
	return false, nil, nil
}

// startUpload sends the rest of the request in a goroutine of its own. Finish
// waits for it.
func (c *ClientConn) startUpload(body message.Body, w bodyWriter, pending []byte, out *buffer.Buffer) {
	c.expectUpload()
	go func() {
		err := c.upload(body, &w, pending)
		out.Put()
		c.uploaded <- err
	}()
}

func (c *ClientConn) upload(body message.Body, w *bodyWriter, pending []byte) error {
	if len(pending) > 0 {
		if err := w.write(pending); err != nil {
			return err
		}
	}
	err := w.copy(body)
	if failed, ok := errors.AsType[readError](err); ok {
		// No answer to a broken request is worth waiting for.
		c.stream.Sock.Abort()
		return failed.error
	}
	return err
}

// readHead looks for a response head in what was read. done is false when more
// is needed. Interim responses are passed on.
func (c *ClientConn) readHead(x *message.Exchange, t *Timeouts) (done bool, err error) {
	for {
		head := string(x.Request.Method) == "HEAD"
		n, perr := ParseResponse(c.in.unread(), &x.Response, &c.res, &ResponseLimits, head)
		if perr != nil {
			return false, perr
		}
		if n == 0 {
			return false, nil
		}
		c.in.r += n
		if x.Response.Status == 101 {
			return true, c.beginTunnel(x, t)
		}
		if x.Response.Status >= 200 {
			c.beginBody(x)
			return true, nil
		}
		if c.body.interim++; c.body.interim > max1xx {
			return false, errTooMany1xx
		}
		if x.Response.Status != 100 || x.Request.Expects100 {
			if err := x.Downstream.Inform(&x.Response); err != nil {
				return false, &message.Reply{Reason: ReasonClientClosed, Cause: err}
			}
		}
	}
}

func (c *ClientConn) beginBody(x *message.Exchange) {
	c.in.keep = c.in.r
	b := &c.body
	switch {
	case !c.res.HasBody:
		b.begin(bodyLength, 0)
	case c.res.Chunked:
		b.begin(bodyChunked, 0)
		b.chunk.Reset(false)
		x.Response.Body = b
	case c.res.Length >= 0:
		b.begin(bodyLength, c.res.Length)
		if c.res.Length > 0 {
			x.Response.Body = b
		}
	default:
		b.begin(bodyUntilClose, 0)
		x.Response.Body = b
	}
}

// beginTunnel makes both bodies streams of bytes.
func (c *ClientConn) beginTunnel(x *message.Exchange, t *Timeouts) error {
	if x.Request.Upgrade == nil {
		return errUnexpected101
	}
	c.tunnel = true
	c.in.keep = c.in.r
	c.body.begin(bodyTunnel, 0)
	c.body.wait, c.body.active = int64(t.Tunnel), &x.Active
	x.Active.Store(socket.Now())
	x.Response.Upgraded = true
	x.Response.Body = &tunnelBody{bodyReader: &c.body, conn: c, client: x.Request.Body}
	return nil
}

// tunnelBody is what a backend sends after an upgrade. Its first piece is asked
// for when the client was told of the switch; from then on the client may send.
type tunnelBody struct {
	*bodyReader
	conn *ClientConn
	// client is what the client sends; nil once its forwarding has begun.
	client message.Body
}

// Next implements message.Body.
func (t *tunnelBody) Next() ([]byte, error) {
	if t.client != nil {
		t.conn.startTunnel(t.client)
		t.client = nil
	}
	return t.bodyReader.Next()
}

func (c *ClientConn) startTunnel(client message.Body) {
	out := buffer.Get(buffer.Small)
	c.expectUpload()
	go func() {
		w := bodyWriter{stream: c.stream, out: out.B[:0]}
		err := w.copy(client)
		out.Put()
		if err == nil {
			err = c.stream.CloseWrite()
		} else {
			c.stream.Sock.Abort()
		}
		c.uploaded <- err
	}()
}

func (c *ClientConn) expectUpload() {
	if c.uploaded == nil {
		c.uploaded = make(chan error, 1)
	}
	c.uploading = true
}

// Unanswered is the failure of an exchange for which nothing at all came back.
func Unanswered(err error) *message.Reply {
	cause := ErrUnanswered
	if err != io.EOF {
		cause = fmt.Errorf("%w: %w", ErrUnanswered, err)
	}
	return &message.Reply{Status: 502, Reason: ReasonUpstreamReset, Cause: cause}
}

// failed says why the response head did not come.
func (c *ClientConn) failed(err error, nothing bool) error {
	switch {
	case err == ErrClientGone:
		return err
	case c.aborted.Load():
		return ErrClientGone
	case errors.Is(err, socket.ErrAborted) && c.uploading:
		c.uploading = false
		return <-c.uploaded
	case errors.Is(err, socket.ErrTimeout):
		return &message.Reply{Status: 504, Reason: ReasonUpstreamTimeout, Cause: errors.New("backend did not answer in time")}
	case nothing && c.used > 0 && c.in.empty():
		return &message.Reply{Status: 502, Reason: ReasonUpstreamReset, Cause: ErrStale}
	case nothing && c.in.empty():
		return Unanswered(err)
	case err == io.EOF:
		return &message.Reply{Status: 502, Reason: ReasonUpstreamReset, Cause: errors.New("backend closed the connection within the head of its answer")}
	}
	return &message.Reply{Status: 502, Reason: ReasonUpstreamReset, Cause: fmt.Errorf("exchange with backend: %w", err)}
}

const (
	// LingerUpload is how long a request body may go on after the response ended.
	LingerUpload = 5 * time.Second
	// Moment is how long an end takes that has come already.
	Moment = 100 * time.Millisecond
)

// Finish ends the exchange. ok says that the response was used to its end. It
// reports whether the connection can be used for another exchange; otherwise it
// has closed it.
func (c *ClientConn) Finish(x *message.Exchange, ok bool) (reusable bool) {
	if c.uploading {
		ok = c.finishUpload(x.Request.Body, ok) && ok
	}
	ok, c.unsent = ok && c.unsent == nil, nil
	// An Abort that came too late for the exchange would end the next one.
	reusable = ok && !c.aborted.Load() && !c.tunnel && c.res.KeepAlive && c.in.empty() &&
		(c.body.done || c.body.kind == bodyLength && c.body.left == 0)
	c.in.release()
	c.body.interim = 0
	c.x = nil
	c.used++
	if !reusable {
		_ = c.stream.Close()
		return false
	}
	c.stream.Sock.Enter(socket.Busy, 0)
	return true
}

// AwaitUpload waits for the word that a request body was sent.
func AwaitUpload[T any](uploaded <-chan T, within time.Duration) (word T, done bool) {
	select {
	case word = <-uploaded:
		return word, true
	default:
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case word = <-uploaded:
		return word, true
	case <-timer.C:
		return word, false
	}
}

// finishUpload waits for the request body to be sent, within reason.
func (c *ClientConn) finishUpload(body message.Body, ok bool) bool {
	c.uploading = false
	if ok {
		if err, done := AwaitUpload(c.uploaded, LingerUpload); done {
			return err == nil
		}
	}
	// Both ends: the upload may be waiting for the client or for the backend.
	body.Cancel()
	_ = c.stream.Sock.Close()
	<-c.uploaded
	return false
}

// Close closes a connection that no exchange uses.
func (c *ClientConn) Close() { _ = c.stream.Close() }
