package http1

import (
	"bytes"
	"errors"
	"io"
	"time"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// Handler serves the requests of connections.
type Handler interface {
	// Config is asked for before each request, so that connections follow changes.
	Config() *ServerConfig
	// Begin lends an exchange, End takes it back.
	Begin() *message.Exchange
	End(x *message.Exchange)
	// Serve answers a request, with x.Downstream.
	Serve(x *message.Exchange)
	// Refuse answers bytes that are no request; of the request only what could be
	// read is set.
	Refuse(x *message.Exchange, err *message.Reply)
}

// ServerConfig are the limits of a listener, resolved.
type ServerConfig struct {
	Limits        Limits
	HeaderTimeout time.Duration
	IdleTimeout   time.Duration
	BodyTimeout   time.Duration
	TunnelTimeout time.Duration
	// MaxBody bounds request bodies; 0 for no limit.
	MaxBody int64
}

// ServerConn is the client's side of a connection. It implements
// message.Downstream for the exchange in progress.
type ServerConn struct {
	stream  *socket.Stream
	handler Handler
	info    *message.Connection
	closed  func()
	step    func() (wait bool) // serveHeld, made once

	in   inbox
	body bodyReader
	x    *message.Exchange
	req  RequestInfo

	other  Server
	served uint32
	moved  int64 // content bytes of the response sent
	// keep is set while the connection may carry another request.
	keep bool
	// answered is set once the head of a final response was written, reset once a
	// response broke off.
	answered, reset bool
	// next is what to do when serveHeld returns, and ended why the connection did.
	next  next
	ended error
	// drained is set while a held read is known to have left nothing behind.
	drained bool
}

// next is what a connection needs outside of the held read.
type next uint8

const (
	nextRequest next = iota
	nextHead         // the rest of a request head
	nextBody         // the request that was read; its body, or what follows an upgrade, is not all there
	nextLinger       // to be closed, when the client has read the response
	nextEnd          // to be closed
	nextOther        // to be served by whoever speaks HTTP/2
)

// Preface is how a client begins that speaks HTTP/2 without having asked (RFC
// 9113, section 3.3).
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Serve serves a connection until it ends and closes it. It may return earlier,
// when the connection was parked: closed is called at the very end, once. A
// connection that begins with Preface is left to other, if that is not nil.
func Serve(stream *socket.Stream, info *message.Connection, h Handler, closed func(), other Server) {
	c := newServerConn(stream, info, h, closed)
	c.other = other
	c.serve()
}

// Server serves a connection as Serve does.
type Server func(stream *socket.Stream, info *message.Connection, h Handler, closed func())

func newServerConn(stream *socket.Stream, info *message.Connection, h Handler, closed func()) *ServerConn {
	c := &ServerConn{stream: stream, handler: h, info: info, closed: closed}
	c.body = bodyReader{stream: stream, in: &c.in, cut: errBodyCut, slow: errBodySlow}
	c.step = c.serveHeld
	return c
}

// serve serves requests until the connection ends or is parked. Most requests
// are served within one held read operation; those that take more reading than
// that are finished here.
func (c *ServerConn) serve() {
	for {
		c.next, c.drained = nextRequest, false
		if c.stream.TLS != nil || len(c.stream.Ahead()) > 0 {
			for c.serveHeld() {
			}
		} else if err := c.stream.Sock.Hold(c.step); err != nil {
			c.next, c.ended = nextEnd, err
		}
		if c.next == nextHead {
			c.finishHead()
		}
		if c.next == nextBody {
			c.exchange()
		}
		switch c.next {
		case nextLinger:
			c.linger()
			return
		case nextEnd:
			c.leave(c.ended)
			return
		case nextOther:
			c.stream.Unread(bytes.Clone(c.in.unread()))
			c.release()
			c.other(c.stream, c.info, c.handler, c.closed)
			return
		}
	}
}

// serveHeld serves the requests that are there and need no further reading. It
// returns true to be called again when there is more to read; otherwise next
// says what to do.
func (c *ServerConn) serveHeld() (wait bool) {
	for {
		if c.in.buf == nil || c.in.empty() {
			if again := c.read(); again {
				c.release()
				return true
			}
			if c.ended != nil {
				return c.then(nextEnd)
			}
		}
		cfg := c.handler.Config()
		if c.x == nil {
			c.x = c.handler.Begin()
		}
		n, refusal := c.parse(cfg)
		switch {
		case refusal != nil && c.isOther():
			return c.then(nextOther)
		case refusal != nil:
			c.refuse(refusal)
			return c.then(nextLinger)
		case n == 0:
			return c.then(nextHead)
		}
		c.begin(n, cfg)
		if c.x.Request.Body != nil && !c.body.whole() {
			return c.then(nextBody)
		}
		if c.exchange(); c.next != nextRequest {
			return false
		}
	}
}

// isOther reports whether what is no request is the beginning of HTTP/2, of which
// at least the version is there by then.
func (c *ServerConn) isOther() bool {
	begin := c.in.unread()
	begin = begin[:min(len(begin), len(Preface))]
	return c.other != nil && c.served == 0 && len(begin) >= len("PRI * HTTP/2") && string(begin) == Preface[:len(begin)]
}

// then leaves the held read.
func (c *ServerConn) then(n next) bool {
	c.next = n
	return false
}

// read reads the first bytes of a request. again is true when there are none
// now; then the connection is ready to wait for them.
func (c *ServerConn) read() (again bool) {
	cfg := c.handler.Config()
	sock := c.stream.Sock
	if c.served == 0 {
		sock.Enter(socket.Opening, sock.Coarse()+int64(cfg.HeaderTimeout))
	} else if sock.Draining() {
		c.ended = socket.ErrDraining
		return false
	} else {
		sock.Enter(socket.Idle, sock.Coarse()+int64(cfg.IdleTimeout))
	}
	if c.drained {
		c.drained = false
		return true
	}
	c.in.lease(buffer.Small)
	var n int
	if c.stream.TLS != nil || len(c.stream.Ahead()) > 0 {
		n, c.ended = c.stream.Read(c.in.buf.B)
	} else if n, again, c.ended = sock.TryRead(c.in.buf.B); again {
		return true
	} else {
		c.drained = n < len(c.in.buf.B)
	}
	c.in.took(n)
	return false
}

// finishHead reads on until the head is complete.
func (c *ServerConn) finishHead() {
	cfg := c.handler.Config()
	n, refusal, err := c.readHead(cfg)
	switch {
	case err != nil:
		c.next, c.ended = nextEnd, err
	case refusal != nil && c.isOther():
		c.next = nextOther
	case refusal != nil:
		c.refuse(refusal)
		c.next = nextLinger
	default:
		c.begin(n, cfg)
		c.next = nextBody
	}
}

// begin takes a request whose head has n bytes.
func (c *ServerConn) begin(n int, cfg *ServerConfig) {
	c.keep = c.req.KeepAlive
	c.start()
	c.in.r += n
	c.in.keep = c.in.r
	c.beginBody(cfg)
}

// start prepares the exchange.
func (c *ServerConn) start() {
	x := c.x
	x.Connection, x.Downstream = c.info, c
	c.moved, c.answered, c.reset = 0, false, false
	x.Start = socket.Now()
	x.Protocol = "HTTP/1.1"
	if c.req.Version10 {
		x.Protocol = "HTTP/1.0"
	}
}

// refuse answers bytes that are no request. Nothing that follows them can be
// believed.
func (c *ServerConn) refuse(refusal *message.Reply) {
	c.start()
	c.keep = false
	c.in.r = c.in.w
	c.body.begin(bodyLength, 0)
	c.x.Request.Length, c.x.Request.Body, c.x.Request.Upgrade = message.NoBody, nil, nil
	c.handler.Refuse(c.x, refusal)
}

// exchange serves the request that was begun, and says what is next.
func (c *ServerConn) exchange() {
	c.stream.Sock.Enter(socket.Busy, 0)
	c.handler.Serve(c.x)
	c.next = c.endExchange()
}

// readHead reads until the head is complete. It returns the length of the head,
// or why the request is refused, or that the connection ended.
func (c *ServerConn) readHead(cfg *ServerConfig) (n int, refusal *message.Reply, err error) {
	c.stream.Sock.Enter(socket.Head, socket.Now()+int64(cfg.HeaderTimeout))
	for {
		if c.in.w == len(c.in.buf.B) {
			c.in.grow(min(4*len(c.in.buf.B), max(2*cfg.Limits.Bytes, buffer.Medium)))
		}
		before := c.in.w
		n, err := c.stream.Read(c.in.buf.B[c.in.w:])
		c.in.took(n)
		if errors.Is(err, socket.ErrTimeout) {
			return 0, errHeadSlow, nil
		}
		if err != nil {
			return 0, nil, err
		}
		// A head that trickles in is parsed when it may be complete, not with every
		// byte.
		if !endsHead(c.in.buf.B[max(c.in.r, before-3):c.in.w]) {
			if refusal := tooLong(c.in.unread(), &cfg.Limits); refusal != nil {
				return 0, refusal, nil
			}
			continue
		}
		n, refusal := c.parse(cfg)
		if n > 0 || refusal != nil {
			return n, refusal, nil
		}
	}
}

// parse looks for a request head in what was read. What an incomplete one has
// set is forgotten, because the buffer it refers to may be replaced.
func (c *ServerConn) parse(cfg *ServerConfig) (n int, refusal *message.Reply) {
	n, refusal = ParseRequest(c.in.unread(), &c.x.Request, &c.req, &cfg.Limits)
	if n == 0 && refusal == nil {
		c.x.Request.Forget()
	}
	return n, refusal
}

// endsHead reports whether b has something like an empty line.
func endsHead(b []byte) bool {
	return bytes.Contains(b, []byte("\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}

// beginBody sets up the request's body.
func (c *ServerConn) beginBody(cfg *ServerConfig) {
	r, b := &c.x.Request, &c.body
	b.limits, b.max, b.wait = &cfg.Limits, cfg.MaxBody, int64(cfg.BodyTimeout)
	switch {
	case r.Upgrade != nil:
		if !c.in.empty() {
			// Whatever follows was sent before the switch was agreed to, and may be
			// meant as a request as well as for the new protocol.
			r.Upgrade = nil
			c.keep = false
			c.in.r = c.in.w
			b.begin(bodyLength, 0)
			return
		}
		b.begin(bodyTunnel, 0)
		b.wait, b.active = int64(cfg.TunnelTimeout), &c.x.Active
		r.Body = b
	case c.req.Chunked:
		b.begin(bodyChunked, 0)
		b.chunk.Reset(true)
		r.Body = b
	case c.req.Length > 0:
		b.begin(bodyLength, c.req.Length)
		r.Body = b
	default:
		b.begin(bodyLength, 0)
	}
}

// endExchange clears up after a request and says what is next.
func (c *ServerConn) endExchange() next {
	c.served++
	b := &c.body
	unfinished := !b.done && (b.kind != bodyLength || b.left > 0)
	if b.kind == bodyTunnel && !b.claimed {
		unfinished = false // the backend declined the upgrade
	}
	c.x.Reset()
	switch {
	case !c.answered || c.reset:
		c.ended = io.EOF
		return nextEnd
	case unfinished && (b.claimed || !c.keep || !c.skipBody()):
		return nextLinger
	case !c.keep && c.in.empty():
		c.ended = io.EOF
		return nextEnd
	case !c.keep:
		return nextLinger
	}
	c.in.finish()
	return nextRequest
}

// maxSkip is how much of a request body that nobody read is read and dropped to
// keep the connection.
const maxSkip = 64 << 10

// mayKeep reports whether the connection can be kept after a response that is
// made before the body was read.
func (c *ServerConn) mayKeep() bool {
	b := &c.body
	if b.claimed || b.done || b.kind == bodyTunnel {
		return true
	}
	return b.kind == bodyLength && b.left <= maxSkip && (b.left == 0 || !c.x.Request.Expects100)
}

func (c *ServerConn) skipBody() bool {
	for {
		switch _, err := c.body.Next(); {
		case err == io.EOF:
			return true
		case err != nil:
			return false
		}
	}
}

// leave ends the connection for the reason given: park it, or close it.
func (c *ServerConn) leave(err error) {
	c.release()
	c.ended = nil
	if errors.Is(err, socket.ErrParkable) && c.park() {
		return
	}
	if c.reset {
		_ = c.stream.Sock.Reset()
	} else {
		_ = c.stream.Close()
	}
	c.closed()
}

// resting is what is left of a connection while it is parked.
type resting struct {
	stream  *socket.Stream
	handler Handler
	info    *message.Connection
	closed  func()
}

// park leaves the connection to the keeper. False means that it could not.
func (c *ServerConn) park() bool {
	r := &resting{stream: c.stream, handler: c.handler, info: c.info, closed: c.closed}
	return r.stream.Sock.Park(r.resume) == nil
}

// resume serves a connection that was parked.
func (r *resting) resume() {
	c := newServerConn(r.stream, r.info, r.handler, r.closed)
	c.served = 1 // or it would not have idled
	c.serve()
}

// release gives back what a connection needs only while there is a request. The
// one that was used last is the one that is lent next, so that many connections
// share what lies in the processor's caches.
func (c *ServerConn) release() {
	if c.x != nil {
		c.handler.End(c.x)
		c.x = nil
	}
	c.in.release()
}

// lingerTime bounds the wait for a client to take in a last response.
const lingerTime = time.Second

// maxLinger bounds what is read and dropped meanwhile.
const maxLinger = 256 << 10

// linger closes the connection in such a way that a client that still sends gets
// to read the response (RFC 9112, section 9.6).
func (c *ServerConn) linger() {
	if c.stream.CloseWrite() == nil {
		c.stream.Sock.Enter(socket.Opening, socket.Now()+int64(lingerTime))
		c.in.lease(buffer.Small)
		for total := 0; total < maxLinger; {
			n, err := c.stream.Read(c.in.buf.B)
			if total += n; err != nil {
				break
			}
		}
	}
	c.leave(io.EOF)
}
