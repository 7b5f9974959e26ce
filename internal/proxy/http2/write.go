package http2

import (
	"runtime"
	"time"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/hpack"
)

// wake has what is in out written, by a goroutine that comes after those that are
// about to add to it. The lock is held.
func (c *conn) wake() {
	if !c.flushing && len(c.out) > 0 {
		c.flushing = true
		go c.flushFn()
	}
}

// flush writes until there is nothing more.
func (c *conn) flush() {
	// Others that can run now may have something to add: one write for all of them
	// costs little more than one for each.
	runtime.Gosched()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) > 0 {
		out, lease := c.out, c.lease
		c.out, c.lease = nil, nil
		c.patch, c.patched = 0, 0
		for _, s := range c.crowded {
			signal(s.writable)
		}
		clear(c.crowded)
		c.crowded = c.crowded[:0]
		c.mu.Unlock()
		_, err := c.link.Write(out)
		lease.Put()
		if err != nil {
			c.broken(err)
		}
		c.mu.Lock()
	}
	c.flushing = false
	c.flushed.Broadcast()
}

// pending is what waits to be written, to append to. The lock is held.
func (c *conn) pending() []byte {
	if c.out == nil {
		c.lease = buffer.Get(buffer.Medium)
		c.out = c.lease.B[:0]
	}
	return c.out
}

// broken ends the connection after a failed write; the reader finds out.
func (c *conn) broken(err error) {
	c.fail(err)
	c.link.Sock.Shutdown()
}

// awaitFlush waits until everything is written, but not for long. The lock is
// held.
func (c *conn) awaitFlush() {
	c.link.Sock.SetStall(time.Second)
	for c.flushing {
		c.flushed.Wait()
	}
}

// beginBlock begins a HEADERS frame. The lock is held until finishBlock.
func (c *conn) beginBlock(stream uint32, flags uint8) (at int) {
	at = len(c.pending())
	c.out = appendFrame(c.out, frame{kind: frameHeaders, flags: flags | flagEndHeaders, stream: stream})
	if !c.started {
		c.started = true
		c.out = hpack.AppendStart(c.out)
	}
	return at
}

// finishBlock completes the frame that begins at a position. A block that is too
// long for it goes on in CONTINUATION frames.
func (c *conn) finishBlock(at int) {
	n := len(c.out) - at - frameHeaderSize
	if n <= c.peerFrame {
		setLength(c.out[at:], n)
		return
	}
	f := parseFrame(c.out[at:])
	rest := append([]byte(nil), c.out[at+frameHeaderSize+c.peerFrame:]...)
	c.out = c.out[:at+frameHeaderSize+c.peerFrame]
	setLength(c.out[at:], c.peerFrame)
	c.out[at+4] &^= flagEndHeaders
	for len(rest) > 0 {
		part := rest[:min(len(rest), c.peerFrame)]
		rest = rest[len(part):]
		more := frame{length: len(part), kind: frameContinuation, stream: f.stream}
		if len(rest) == 0 {
			more.flags = flagEndHeaders
		}
		c.out = append(appendFrame(c.out, more), part...)
	}
}
