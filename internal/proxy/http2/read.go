package http2

import (
	"errors"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/socket"
)

// read reads and handles frames until the connection ends, for the reason that
// stopped says. True means that it may be parked, and read be called again.
func (c *conn) read() (parkable bool) {
	for c.stopped == nil {
		if c.link.TLS != nil || len(c.link.Ahead()) > 0 {
			c.readOnce()
		} else if err := c.link.Sock.Hold(c.step); err != nil {
			c.interrupted(err)
		}
		if errors.Is(c.stopped, socket.ErrParkable) {
			c.stopped = nil
			return true
		}
	}
	return false
}

// readHeld reads and handles what is there, and returns true to be called again
// when there is more. It reads until there is nothing: an end that comes together
// with the last bytes concerns the requests in progress.
func (c *conn) readHeld() (wait bool) {
	for {
		room := c.makeRoom()
		n, again, err := c.link.Sock.TryRead(room)
		if again {
			c.pause()
			return true
		}
		if err == nil {
			err = c.took(n)
		}
		if err != nil {
			c.stopped = err
			return false
		}
	}
}

// readOnce is readHeld for streams that cannot say when there is more.
func (c *conn) readOnce() {
	c.pause()
	n, err := c.link.Read(c.makeRoom())
	if n > 0 {
		err = c.took(n)
	}
	if err != nil {
		c.interrupted(err)
	}
}

// inContent reports whether the peer is in the middle of content.
func (c *conn) inContent() bool {
	if c.awaited != "" || c.w-c.r < frameHeaderSize {
		return false
	}
	f := parseFrame(c.in.B[c.r:])
	return f.kind == frameData
}

// pause is called before each wait for more.
func (c *conn) pause() {
	if !c.incomplete() {
		c.rest()
	}
	c.side.pausing()
}

// interrupted takes in why a read ended.
func (c *conn) interrupted(err error) {
	if errors.Is(err, socket.ErrDraining) {
		err = c.side.check()
	}
	c.stopped = err
}

// took handles n bytes that were read.
func (c *conn) took(n int) error {
	c.w += n
	if c.awaited != "" {
		have := min(c.w-c.r, len(c.awaited))
		if string(c.in.B[c.r:c.r+have]) != c.awaited[:have] {
			return errPreface
		}
		c.r += have
		if c.awaited = c.awaited[have:]; c.awaited != "" {
			return nil
		}
	}
	if err := c.process(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.side.over() {
		return errClosed
	}
	return nil
}

// incomplete reports whether the peer has begun something that it must complete.
func (c *conn) incomplete() bool { return c.awaited != "" || c.block != nil || c.r < c.w }

// process handles the frames that were read.
func (c *conn) process() error {
	for c.w-c.r >= frameHeaderSize {
		b := c.in.B[c.r:c.w]
		c.now = parseFrame(b)
		f := &c.now
		if f.length > maxFrame {
			return errTooLong
		}
		if len(b) < frameHeaderSize+f.length {
			break
		}
		c.r += frameHeaderSize + f.length
		c.whole = true
		err := c.frame(f, b[frameHeaderSize:frameHeaderSize+f.length])
		if broken, ok := errors.AsType[streamError](err); ok {
			err = c.resetStream(broken)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// makeRoom prepares the buffer for the next read.
func (c *conn) makeRoom() []byte {
	if c.in == nil {
		c.in = buffer.Get(buffer.Medium)
		c.r, c.w = 0, 0
	}
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if c.w-c.r >= frameHeaderSize {
		f := parseFrame(c.in.B[c.r:])
		if need := frameHeaderSize + f.length; need > len(c.in.B) || f.kind == frameData && need > len(c.in.B)/2 {
			c.rebuffer(buffer.Large)
		}
	}
	if c.r > 0 && len(c.in.B)-c.w < len(c.in.B)/4 {
		c.w = copy(c.in.B, c.in.B[c.r:c.w])
		c.r = 0
	}
	return c.in.B[c.w:]
}

func (c *conn) rebuffer(size int) {
	if len(c.in.B) >= size {
		return
	}
	next := buffer.Get(size)
	c.w = copy(next.B, c.in.B[c.r:c.w])
	c.r = 0
	c.in.Put()
	c.in = next
}

// rest gives the buffer back while there is nothing in it.
func (c *conn) rest() {
	if c.in != nil && c.r == c.w {
		c.in.Put()
		c.in = nil
	}
}
