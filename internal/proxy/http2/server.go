package http2

import (
	"errors"
	"time"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

const (
	// maxStreams is how many streams of a connection may be open.
	maxStreams = 100
	// maxActive is how many requests may be in progress, those included whose streams
	// the client has reset: what it gave up counts until the work has ended
	// (CVE-2025-8671).
	maxActive = 2 * maxStreams
	// maxUnpacked is by how much the heads of requests in progress may exceed
	// unpackRatio times what they were on the wire: a client may hold little memory
	// with few bytes (CVE-2026-47774).
	maxUnpacked = 1 << 20
	unpackRatio = 10
)

// ServerConn is the client's side of a connection.
type ServerConn struct {
	conn
	handler http1.Handler
	info    *message.Connection
	closed  func()

	// Of the goroutine that reads.
	since int64 // when something incomplete began to arrive; 0 if nothing is

	// Guarded by the lock.
	last     uint32 // the highest stream of the client's
	active   int    // requests in progress
	unpacked int    // what their heads exceed their share by
	workers  workers
	idle     bool
	drain    drainState
	drainBy  int64
	final    uint32 // the last stream that is served, once draining
	finished bool   // the connection is closed
}

// drainState is how far a gentle end has come (RFC 9113, section 6.8): first the
// client is told to open no more streams, and when it must have heard of it, which
// ones it may repeat elsewhere.
type drainState uint8

const (
	serving drainState = iota
	announced
	draining
)

const (
	// drainPing is the ping that goes with the announcement.
	drainPing = 0x66736d2d64726e31
	// drainNotice bounds the wait for its answer.
	drainNotice = time.Second
)

// Serve serves a connection until it ends and closes it. It may return earlier,
// when the connection was parked or requests are in progress: closed is called at
// the very end, once.
func Serve(stream *socket.Stream, info *message.Connection, h http1.Handler, closed func()) {
	c := &ServerConn{handler: h, info: info, closed: closed}
	limits := &h.Config().Limits
	c.init(stream, c, limits.Bytes)
	c.awaited = preface
	c.resets = newBudget(resetBurst, resetRate)
	stream.Sock.SetCheck(c.check)
	stream.Sock.OnTick(c.tick)
	c.mu.Lock()
	c.out = appendSettings(c.pending(), setting{settingMaxStreams, maxStreams}, setting{settingMaxHeaderList, uint32(limits.Bytes)}, setting{settingConnect, 1})
	c.out = appendWindowUpdate(c.out, 0, connWindow-defaultWindow)
	c.wake()
	c.mu.Unlock()
	c.serve()
}

// serve reads until the connection ends or is parked.
func (c *ServerConn) serve() {
	for c.read() {
		if c.park() {
			return
		}
	}
	c.end()
}

// pausing implements side.
func (c *ServerConn) pausing() {
	cfg := c.handler.Config()
	sock := c.link.Sock
	if c.incomplete() {
		timeout, content := cfg.HeaderTimeout, c.inContent()
		if c.since == 0 || content || c.whole && c.block == nil {
			c.since = socket.Now()
		}
		if content {
			timeout = max(timeout, cfg.BodyTimeout) // of bytes, however they are cut
		}
		c.whole = false
		sock.Enter(socket.Head, c.since+int64(timeout))
		return
	}
	c.since = 0
	c.mu.Lock()
	c.idle = c.active == 0 && c.drain == serving
	idle := c.idle
	c.mu.Unlock()
	if idle {
		sock.Enter(socket.Idle, sock.Coarse()+int64(cfg.IdleTimeout))
	} else {
		sock.Enter(socket.Shared, 0)
	}
}

// check implements side.
func (c *ServerConn) check() error {
	if c.link.Sock.Draining() {
		c.beginDrain()
	}
	c.mu.Lock()
	over := c.over()
	c.mu.Unlock()
	if over {
		return errClosed
	}
	if !c.incomplete() {
		c.pausing()
	}
	return nil
}

// over implements side.
func (c *ServerConn) over() bool { return c.drain == draining && c.active == 0 }

// tick looks after streams, and after the connection when none is left.
func (c *ServerConn) tick(now int64) {
	c.conn.tick(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.workers.trim()
	if c.drain == announced && now >= c.drainBy {
		c.finishDrain()
	}
	if c.active == 0 && (c.drain == draining || !c.idle) && !c.finished {
		c.link.Sock.Nudge()
	}
}

// beginDrain announces the end.
func (c *ServerConn) beginDrain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drain != serving {
		return
	}
	c.drain, c.drainBy, c.idle = announced, socket.Now()+int64(drainNotice), false
	c.out = appendGoAway(c.pending(), maxID, codeNone, "")
	c.out = appendPing(c.out, 0, drainPing)
	c.wake()
}

// sayGoodbye writes a GOAWAY. What it says was served never grows (RFC 9113,
// section 6.8). The lock is held.
func (c *ServerConn) sayGoodbye(code errorCode, detail string) {
	last := c.last
	if c.drain == draining {
		last = c.final
	}
	c.out = appendGoAway(c.pending(), last, code, detail)
	c.wake()
}

// finishDrain refuses new streams from here on. The lock is held.
func (c *ServerConn) finishDrain() {
	c.drain, c.final = draining, c.last
	c.sayGoodbye(codeNone, "")
}

// ponged implements side.
func (c *ServerConn) ponged(data uint64) {
	if c.drain == announced && data == drainPing {
		c.finishDrain()
	}
}

// settled implements side.
func (c *ServerConn) settled() {}

// goneAway implements side: a client that goes away finishes its requests.
func (c *ServerConn) goneAway(uint32, errorCode) {}

// stray implements side.
func (c *ServerConn) stray(f *frame) error {
	switch {
	case f.stream%2 == 0 || f.stream > c.last:
		return errIdle
	case f.kind == frameData && !c.wasReset(f.stream):
		return streamError{f.stream, codeStreamClosed}
	}
	return nil
}

// park leaves the connection to the keeper. False means that it could not.
func (c *ServerConn) park() bool {
	c.rest()
	return c.link.Sock.Park(c.serve) == nil
}

// end ends the connection for the reason that reading stopped.
func (c *ServerConn) end() {
	fault, bad := errors.AsType[*connError](c.stopped)
	c.mu.Lock()
	switch {
	case c.ended != nil:
	case bad:
		c.sayGoodbye(fault.code, fault.detail)
	case c.drain != draining:
		c.sayGoodbye(codeNone, "")
	}
	c.mu.Unlock()
	c.fail(errGone)
	c.mu.Lock()
	c.awaitFlush()
	c.mu.Unlock()
	if bad {
		c.report(fault)
	}
	if bad || c.stopped == errClosed {
		c.linger()
	}
	_ = c.link.Close()
	c.in.Put()
	c.in = nil
	c.mu.Lock()
	c.finished = true
	c.workers.release(0)
	last := c.active == 0
	c.mu.Unlock()
	if last {
		c.closed()
	}
}

// errGone is why exchanges end with their connection.
var errGone = &message.Reply{Reason: http1.ReasonClientClosed, Cause: errors.New("client closed the connection")}

// Reasons for which connections are closed.
const (
	ReasonProtocol = "http2_protocol"
	ReasonFlood    = "http2_flood"
)

// report has a fault of the client counted and logged.
func (c *ServerConn) report(fault *connError) {
	reason := ReasonProtocol
	if fault.code == codeCalm {
		reason = ReasonFlood
	}
	x := c.handler.Begin()
	x.Connection, x.Downstream, x.Protocol, x.Start = c.info, nobody{}, "HTTP/2", socket.Now()
	c.handler.Refuse(x, &message.Reply{Reason: reason, Cause: fault})
	c.handler.End(x)
}

// nobody is the downstream of reports.
type nobody struct{}

func (nobody) Inform(*message.Response) error  { return nil }
func (nobody) Respond(*message.Response) error { return nil }
func (nobody) Moved() (received, sent int64)   { return 0, 0 }
func (nobody) Gone() bool                      { return true }

const (
	lingerTime = time.Second
	maxLinger  = 256 << 10
)

// linger lets a client that still sends, if only window updates, get to read what
// it was sent: a closed socket that bytes come to takes that back.
func (c *ServerConn) linger() {
	if c.link.CloseWrite() != nil {
		return
	}
	c.link.Sock.Enter(socket.Opening, socket.Now()+int64(lingerTime))
	sink := buffer.Get(buffer.Medium)
	defer sink.Put()
	for total := 0; total < maxLinger; {
		n, err := c.link.Read(sink.B)
		if total += n; err != nil {
			return
		}
	}
}

// headers implements side: it begins a request, or ends one's content.
func (c *ServerConn) headers(b *headerBlock) error {
	c.mu.Lock()
	open := c.streams[b.stream]
	busy := len(c.streams) >= maxStreams || c.active >= maxActive || c.drain == draining
	fresh := b.stream > c.last && b.stream%2 == 1
	ignored := open == nil && !fresh && c.wasReset(b.stream)
	if fresh {
		c.last = b.stream
	}
	flood := c.resets.overdrawn()
	c.mu.Unlock()
	cfg := c.handler.Config()
	switch {
	case flood: // of requests that were malformed
		return errResetFlood
	case open != nil:
		return c.endContent(open, b, &cfg.Limits)
	case b.stream%2 == 0:
		return errStreamID
	case ignored:
		if err := c.spend(costBlock); err != nil {
			return err
		}
		_, err := new(section).decode(&c.decoder, b.text, &cfg.Limits) // for the table's sake
		return err
	case !fresh:
		return errClosedStream
	}
	s := newServerStream(c, b.stream)
	if err := s.decode(b, cfg); err != nil {
		s.free()
		return err
	}
	switch {
	case b.self:
		s.free()
		return streamError{b.stream, codeProtocol}
	case busy:
		s.free()
		return streamError{b.stream, codeRefused}
	}
	if !c.admit(s) {
		s.free()
		return streamError{b.stream, codeCalm}
	}
	return nil
}

// admit begins a request, if the client may have it.
func (c *ServerConn) admit(s *serverStream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unpacked+s.unpacked > maxUnpacked {
		return false
	}
	c.unpacked += s.unpacked
	c.streams[s.id] = &s.stream
	c.active++
	c.idle = false
	c.work.earn(earnedStream)
	c.start(s)
	return true
}

// endContent takes in the trailers of a request.
func (c *ServerConn) endContent(s *stream, b *headerBlock, limits *http1.Limits) error {
	// In memory of its own: the stream may end meanwhile.
	var trailing section
	refusal, err := trailing.decode(&c.decoder, b.text, limits)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.receiveTrailers(b, &trailing.header, refusal)
}
