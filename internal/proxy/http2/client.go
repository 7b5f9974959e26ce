package http2

import (
	"errors"
	"fmt"
	"time"

	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// ErrUnprocessed is the cause of a failure that came before the backend had begun
// with the request (RFC 9113, section 8.7): it may be sent again, whatever its
// method.
var ErrUnprocessed = errors.New("backend has not begun with the request")

// ClientConn is a connection to a backend, shared by many exchanges. Each uses a
// stream of its own, which Lend makes.
type ClientConn struct {
	conn
	closed func(*ClientConn)
	// ready is closed when the backend has sent its settings, or never will.
	ready chan struct{}

	// Guarded by the lock.
	next uint32 // the stream to come
	lent int    // streams in use
	away bool   // no new streams
	idle int64  // since when no stream is in use
	told bool   // ready is closed
}

// NewClientConn makes a connection ready for requests. closed is called once, when
// it is closed; the connection may be useless some time before.
func NewClientConn(link *socket.Stream, closed func(*ClientConn)) *ClientConn {
	c := &ClientConn{closed: closed, ready: make(chan struct{}), next: 1, idle: socket.Now()}
	c.init(link, c, http1.ResponseLimits.Bytes)
	link.Sock.Enter(socket.Shared, 0)
	link.Sock.SetCheck(c.check)
	link.Sock.OnTick(c.tick)
	c.mu.Lock()
	c.out = append(c.pending(), preface...)
	c.out = appendSettings(c.out, setting{settingPush, 0}, setting{settingMaxHeaderList, uint32(http1.ResponseLimits.Bytes)})
	c.out = appendWindowUpdate(c.out, 0, connWindow-defaultWindow)
	c.wake()
	c.mu.Unlock()
	go c.run()
	return c
}

// Ready waits until the connection can be used: how many streams it may have is
// known then, and that the backend does speak HTTP/2. Errors are *message.Reply, or
// why the connection ended.
func (c *ClientConn) Ready(by int64) error {
	timer := time.NewTimer(time.Duration(by - socket.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return errors.New("backend sent no settings in time")
	case <-c.ready:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if fault, ok := errors.AsType[*connError](c.ended); ok {
		return &message.Reply{Status: 502, Reason: http1.ReasonUpstreamProtocol, Cause: fmt.Errorf("backend does not speak HTTP/2: %w", fault)}
	}
	return c.ended
}

// settled implements side.
func (c *ClientConn) settled() {
	if !c.told {
		c.told = true
		close(c.ready)
	}
}

// Lend makes a stream for one exchange; nil when the connection has no room for
// it or is about to end.
func (c *ClientConn) Lend() *ClientStream {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away || c.ended != nil || c.lent >= int(min(c.peerStreams, maxStreams)) {
		return nil
	}
	if c.next > maxID-2*maxStreams {
		c.away = true // the identifiers are used up
		return nil
	}
	c.lent++
	return newClientStream(c)
}

// Idle reports since when, on the socket package's clock, nobody uses the
// connection; 0 while somebody does.
func (c *ClientConn) Idle() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idle
}

// Look has the connection look for an end that it may not have noticed.
func (c *ClientConn) Look() {
	if c.link.Sock.Readable() {
		c.link.Sock.Nudge()
	}
}

// Retire closes the connection when the last stream has come back.
func (c *ClientConn) Retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = true
	c.nudge()
}

// nudge has the connection closed if it is of no more use. The lock is held.
func (c *ClientConn) nudge() {
	if c.over() && c.ended == nil {
		c.link.Sock.Nudge()
	}
}

// run reads until the connection ends, and closes it.
func (c *ClientConn) run() {
	for c.read() {
		// Never parked: it has something to wait for.
	}
	fault, bad := errors.AsType[*connError](c.stopped)
	c.mu.Lock()
	c.away = true
	if c.ended == nil {
		code, detail := codeNone, ""
		if bad {
			code, detail = fault.code, fault.detail
		}
		c.out = appendGoAway(c.pending(), 0, code, detail)
		c.wake()
	}
	c.mu.Unlock()
	c.fail(c.stopped)
	c.mu.Lock()
	c.settled()
	c.awaitFlush()
	c.mu.Unlock()
	_ = c.link.Close()
	c.in.Put()
	c.in = nil
	c.closed(c)
}

// over implements side.
func (c *ClientConn) over() bool { return c.away && c.lent == 0 }

// check implements side.
func (c *ClientConn) check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over() {
		return errClosed
	}
	return nil
}

// pausing implements side.
func (c *ClientConn) pausing() {}

// ponged implements side: we send no pings.
func (c *ClientConn) ponged(uint64) {}

// goneAway implements side: what the backend has not begun with is not lost.
func (c *ClientConn) goneAway(last uint32, _ errorCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = true
	for id, s := range c.streams {
		if id > last {
			c.leave(s, unprocessed("backend closes the connection"))
		}
	}
}

func unprocessed(detail string) *message.Reply {
	return &message.Reply{Status: 502, Reason: http1.ReasonUpstreamReset, Cause: fmt.Errorf("%w: %s", ErrUnprocessed, detail)}
}

// stray implements side. What comes on streams that have ended was under way.
func (c *ClientConn) stray(f *frame) error {
	if f.stream%2 == 0 || f.stream >= c.next {
		return errIdle
	}
	return nil
}

// headers implements side: it begins a response, or ends one's content.
func (c *ClientConn) headers(b *headerBlock) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[b.stream]
	if s == nil {
		if b.stream%2 == 0 || b.stream >= c.next {
			return errIdle
		}
		_, err := new(section).decode(&c.decoder, b.text, &http1.ResponseLimits) // for the table's sake
		return err
	}
	if s.client.answered {
		trailing := &s.client.trailing
		if s.received {
			trailing = new(section) // the other one may be in use
		}
		refusal, err := trailing.decode(&c.decoder, b.text, &http1.ResponseLimits)
		if err != nil {
			return err
		}
		return s.receiveTrailers(b, &trailing.header, refusal)
	}
	c.work.earn(earnedStream)
	return s.client.takeHead(b)
}
