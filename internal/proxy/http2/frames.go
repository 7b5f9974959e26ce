package http2

import (
	"fsm/internal/proxy/buffer"
)

// frame handles one frame.
func (c *conn) frame(f *frame, payload []byte) error {
	if !c.greeted {
		if f.kind != frameSettings || f.has(flagAck) {
			return errFirstFrame
		}
		c.greeted = true
	}
	if c.block != nil && (f.kind != frameContinuation || f.stream != c.block.stream) {
		return errContinuation
	}
	switch f.kind {
	case frameData:
		return c.data(f, payload)
	case frameHeaders:
		return c.headers(f, payload)
	case frameContinuation:
		return c.continuation(f, payload)
	case framePriority:
		return c.priority(f, payload)
	case frameReset:
		return c.resetFrame(f, payload)
	case frameSettings:
		return c.settings(f, payload)
	case framePush:
		return errPush
	case framePing:
		return c.ping(f, payload)
	case frameGoAway:
		return c.goAway(f, payload)
	case frameWindowUpdate:
		return c.windowUpdate(f, payload)
	}
	return c.spend(1) // unknown frames are ignored (RFC 9113, section 4.1)
}

// spend pays for a frame that carries nothing.
func (c *conn) spend(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.work.spend(n, c.link.Sock.Coarse()) {
		return errIdleWork
	}
	return nil
}

func (c *conn) data(f *frame, payload []byte) error {
	if f.stream == 0 {
		return errOnStream
	}
	content, err := f.unpad(payload)
	if err != nil {
		return err
	}
	if len(content) == 0 && !f.has(flagEndStream) {
		if err := c.spend(1); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.room -= f.length; c.room < 0 {
		return errOverrun
	}
	if c.refund += f.length; c.refund >= connWindow/2 {
		c.room += c.refund
		c.out = appendWindowUpdate(c.pending(), 0, c.refund)
		c.refund = 0
		c.wake()
	}
	s := c.streams[f.stream]
	if s == nil {
		err := c.side.stray(f)
		if err == nil && !c.work.spend(1, c.link.Sock.Coarse()) {
			return errIdleWork
		}
		return err
	}
	if s.received {
		return streamError{f.stream, codeStreamClosed}
	}
	return s.receive(f, content)
}

func (c *conn) headers(f *frame, payload []byte) error {
	if f.stream == 0 {
		return errOnStream
	}
	payload, err := f.unpad(payload)
	if err != nil {
		return err
	}
	c.blocks = headerBlock{stream: f.stream, end: f.has(flagEndStream), text: c.blocks.text[:0], fragments: 1}
	c.block = &c.blocks
	if f.has(flagPriority) {
		if len(payload) < 5 {
			return errFrameSize
		}
		c.block.self = dependency(payload) == f.stream
		payload = payload[5:]
	}
	if !f.has(flagEndHeaders) {
		c.block.text = append(c.block.text, payload...)
		return nil
	}
	keep := c.block.text
	c.block.text = payload // whole: no need to copy
	err = c.endBlock()
	c.blocks.text = keep
	return err
}

func (c *conn) continuation(f *frame, payload []byte) error {
	if c.block == nil {
		return errContinuation
	}
	if c.block.fragments++; c.block.fragments > maxFragments || len(c.block.text)+len(payload) > c.maxBlock {
		return errHeaderFlood
	}
	c.block.text = append(c.block.text, payload...)
	if !f.has(flagEndHeaders) {
		return nil
	}
	err := c.endBlock()
	if cap(c.blocks.text) > buffer.Medium {
		c.blocks.text = nil
	}
	return err
}

func (c *conn) endBlock() error {
	b := c.block
	c.block = nil
	return c.side.headers(b)
}

// dependency is the stream that priority fields name.
func dependency(b []byte) uint32 {
	f := frame{}
	f.stream = uint32(b[0]&0x7f)<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	return f.stream
}

func (c *conn) priority(f *frame, payload []byte) error {
	switch {
	case f.stream == 0:
		return errOnStream
	case len(payload) != 5:
		return streamError{f.stream, codeFrameSize}
	case dependency(payload) == f.stream:
		return streamError{f.stream, codeProtocol}
	}
	return c.spend(1)
}

func (c *conn) resetFrame(f *frame, payload []byte) error {
	switch {
	case f.stream == 0:
		return errOnStream
	case len(payload) != 4:
		return errFrameSize
	}
	c.mu.Lock()
	s := c.streams[f.stream]
	if s == nil {
		err := c.side.stray(f)
		c.mu.Unlock()
		if err == errIdle {
			return err
		}
		return c.spend(1) // a reset is never answered with one
	}
	c.leave(s, &peerError{"stream was reset with", errorCode(uint32be(payload))})
	c.mu.Unlock()
	return c.spendReset()
}

func uint32be(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func (c *conn) ping(f *frame, payload []byte) error {
	switch {
	case f.stream != 0:
		return errOnConn
	case len(payload) != 8:
		return errFrameSize
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.work.spend(1, c.link.Sock.Coarse()) {
		return errIdleWork
	}
	data := uint64(uint32be(payload))<<32 | uint64(uint32be(payload[4:]))
	if f.has(flagAck) {
		c.side.ponged(data)
		return nil
	}
	c.out = appendPing(c.pending(), flagAck, data)
	c.wake()
	return nil
}

func (c *conn) settings(f *frame, payload []byte) error {
	switch {
	case f.stream != 0:
		return errOnConn
	case f.has(flagAck) && len(payload) != 0, len(payload)%settingSize != 0:
		return errFrameSize
	case f.has(flagAck):
		return c.spend(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.work.spend(costSettings+len(payload)/settingSize, c.link.Sock.Coarse()) {
		return errIdleWork
	}
	for ; len(payload) > 0; payload = payload[settingSize:] {
		if err := c.setting(uint16(payload[0])<<8|uint16(payload[1]), uint32be(payload[2:])); err != nil {
			return err
		}
	}
	c.side.settled()
	c.out = appendFrame(c.pending(), frame{kind: frameSettings, flags: flagAck})
	c.wake()
	return nil
}

func (c *conn) setting(id uint16, value uint32) error {
	switch id {
	case settingPush, settingConnect:
		if value > 1 {
			return errSetting
		}
	case settingMaxStreams:
		c.peerStreams = value
	case settingMaxFrame:
		if value < smallestPossibleFrame || value > largestPossibleFrame {
			return errSetting
		}
		c.peerFrame = int(min(value, maxFrame))
	case settingWindow:
		if value > maxWindow {
			return errSettingSize
		}
		change := int64(value) - c.peerWindow
		c.peerWindow = int64(value)
		for _, s := range c.streams {
			if s.window += change; s.window > maxWindow {
				return errSettingSize
			}
			if change > 0 {
				signal(s.writable)
			}
		}
	}
	return nil
}

func (c *conn) windowUpdate(f *frame, payload []byte) error {
	if len(payload) != 4 {
		return errFrameSize
	}
	n := int64(uint32be(payload) & maxWindow)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.work.spend(1, c.link.Sock.Coarse()) {
		return errIdleWork
	}
	if f.stream == 0 {
		if n == 0 {
			return errIncrement
		}
		if c.window += n; c.window > maxWindow {
			return errWindow
		}
		for _, s := range c.starved {
			signal(s.writable)
		}
		clear(c.starved)
		c.starved = c.starved[:0]
		return nil
	}
	s := c.streams[f.stream]
	if s == nil {
		if err := c.side.stray(f); err == errIdle {
			return err
		}
		return nil // common after a stream has ended
	}
	if n == 0 {
		return streamError{f.stream, codeProtocol}
	}
	if s.window += n; s.window > maxWindow {
		return streamError{f.stream, codeFlowControl}
	}
	signal(s.writable)
	return nil
}

func (c *conn) goAway(f *frame, payload []byte) error {
	switch {
	case f.stream != 0:
		return errOnConn
	case len(payload) < 8:
		return errFrameSize
	}
	c.side.goneAway(uint32be(payload)&maxID, errorCode(uint32be(payload[4:])))
	return c.spend(1)
}
