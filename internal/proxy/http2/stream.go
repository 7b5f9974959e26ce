package http2

import (
	"io"
	"sync/atomic"

	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// stream is one request and its response. All of it is guarded by the
// connection's lock, unless it says otherwise. As a message.Body it is what the
// peer sends.
type stream struct {
	c  *conn
	id uint32

	// What the peer sends.
	queue    queue
	room     int  // what it may still send
	taken    int  // what was used and it was not told of yet
	received bool // its end has come
	unwanted bool // nobody reads it any more
	length   int64
	total    int64
	most     int64 // 0 for no limit
	trailer  *message.Header
	readable chan struct{}
	readBy   int64 // when a wait for it ends; 0 while nobody waits
	wait     int64 // how long one may take; 0 for as long as it takes
	late     bool  // one took longer

	// What we send.
	window   int64
	sent     bool // our end was written
	writable chan struct{}
	writeBy  int64

	// broken is why the stream is over before its time.
	broken error
	// slow and cut are what a reader gets when the peer stops or goes away.
	slow, cut *message.Reply
	// exchange is abandoned when the peer resets the stream; nil for none.
	exchange *message.Exchange
	// client is the stream's user towards a backend; nil towards a client.
	client *ClientStream
	// pollAt is when the one who waits wants to be woken to look around; 0 for never.
	pollAt int64
	// active is when a byte last moved, for tunnels.
	active *atomic.Int64
	// done is set when the stream has left the connection.
	done bool
}

// open prepares a stream. The channels outlive its use.
func (s *stream) open(c *conn, id uint32) {
	readable, writable := s.readable, s.writable
	if readable == nil {
		readable, writable = make(chan struct{}, 1), make(chan struct{}, 1)
	}
	*s = stream{c: c, id: id, room: streamWindow, window: c.peerWindow, length: -1, readable: readable, writable: writable}
	drain(readable)
	drain(writable)
}

func drain(ch chan struct{}) {
	select {
	case <-ch:
	default:
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// fail ends the stream for whoever uses it.
func (s *stream) fail(err error) {
	if s.broken == nil {
		s.broken = err
		signal(s.readable)
		signal(s.writable)
	}
}

// Next implements message.Body.
func (s *stream) Next() ([]byte, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	s.queue.settle()
	s.credit()
	for {
		switch {
		case s.most > 0 && s.total > s.most:
			return nil, errBodyTooLarge
		case s.queue.len() > 0:
			piece := s.queue.take()
			s.taken += len(piece)
			if s.active != nil {
				s.active.Store(socket.Now())
			}
			return piece, nil
		case s.unwanted:
			return nil, socket.ErrAborted
		case s.received:
			return nil, io.EOF
		case s.broken != nil:
			return nil, s.readError()
		case s.late:
			return nil, s.slow
		}
		if s.wait > 0 {
			s.readBy = socket.Now() + s.wait
		}
		c.mu.Unlock()
		<-s.readable
		c.mu.Lock()
		s.readBy = 0
	}
}

// credit lets the peer send as much as was used, once that is worth a frame.
func (s *stream) credit() {
	if s.taken < streamWindow/2 || s.received || s.broken != nil {
		return
	}
	s.room += s.taken
	s.c.out = appendWindowUpdate(s.c.pending(), s.id, s.taken)
	s.taken = 0
	s.c.wake()
}

// readError is what a reader of a broken stream gets.
func (s *stream) readError() error {
	if reply, ok := s.broken.(*message.Reply); ok {
		return reply
	}
	if reset, ok := s.broken.(*peerError); ok && s.client != nil {
		return resetReply(reset)
	}
	return s.cut
}

// Ready implements message.Body.
func (s *stream) Ready() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.queue.len() > 0 || s.received || s.broken != nil || s.late || s.unwanted || s.most > 0 && s.total > s.most
}

// Cancel implements message.Body.
func (s *stream) Cancel() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.unwanted = true
	signal(s.readable)
}

// Trailer implements message.Body.
func (s *stream) Trailer() *message.Header { return s.trailer }

// receive takes in content from the peer.
func (s *stream) receive(f *frame, content []byte) error {
	if s.room -= f.length; s.room < 0 {
		return streamError{s.id, codeFlowControl}
	}
	s.taken += f.length - len(content) // padding is used at once
	s.total += int64(len(content))
	if s.length >= 0 && s.total > s.length {
		return streamError{s.id, codeProtocol}
	}
	if len(content) > 0 {
		if s.broken == nil && !s.unwanted {
			s.queue.add(content)
		} else {
			s.taken += len(content)
		}
		s.c.work.earn(earnedReceived)
	}
	if f.has(flagEndStream) {
		return s.receiveEnd()
	}
	signal(s.readable)
	return nil
}

// receiveEnd takes in that the peer has sent everything.
func (s *stream) receiveEnd() error {
	if s.length >= 0 && s.total != s.length {
		return streamError{s.id, codeProtocol}
	}
	s.endReceived()
	signal(s.readable)
	return nil
}

// endReceived takes in the end of what the peer sends, and endSent that of what we
// send: behind both the stream is closed, and the peer may open another in its
// place before its user is done. The lock is held.
func (s *stream) endReceived() {
	s.received = true
	s.close()
}

func (s *stream) endSent() {
	s.sent = true
	s.close()
}

func (s *stream) close() {
	if s.sent && s.received && !s.done {
		delete(s.c.streams, s.id)
		s.done = true
	}
}

// receiveTrailers takes in the trailers that end what the peer sends.
func (s *stream) receiveTrailers(b *headerBlock, h *message.Header, refusal *message.Reply) error {
	switch {
	case s.received && s.sent:
		return errClosedStream // over, if only just
	case s.received:
		return streamError{b.stream, codeStreamClosed}
	case !b.end, refusal != nil, b.self:
		return streamError{b.stream, codeProtocol}
	}
	if h.Count() > 0 {
		s.trailer = h
	}
	return s.receiveEnd()
}

// send writes content, as the windows allow. It waits for nothing else.
func (s *stream) send(content []byte, end bool) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if end && len(content) == 0 && s.endLast() {
		return nil
	}
	for {
		if err := s.sendable(); err != nil {
			return err
		}
		var done bool
		if content, done = s.push(content, end); done {
			return nil
		}
		if len(c.out) >= maxPending {
			c.crowded = append(c.crowded, s)
		} else if c.window <= 0 && s.window > 0 {
			c.starved = append(c.starved, s)
		}
		c.wake()
		s.writeBy = socket.Now() + c.stall
		c.mu.Unlock()
		<-s.writable
		c.mu.Lock()
		s.writeBy = 0
	}
}

// offer writes as much of the content as needs no waiting and returns the rest.
func (s *stream) offer(content []byte) (rest []byte) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.sendable() != nil {
		return content
	}
	rest, _ = s.push(content, false)
	return rest
}

// push writes what the windows and the room that is left allow. The lock is held.
func (s *stream) push(content []byte, end bool) (rest []byte, done bool) {
	c := s.c
	for len(c.out) < maxPending {
		n := int(min(int64(len(content)), s.window, c.window, int64(c.peerFrame)))
		if n <= 0 && (len(content) > 0 || !end) {
			break
		}
		f := frame{length: n, kind: frameData, stream: s.id}
		if end && n == len(content) {
			f.flags = flagEndStream
			s.endSent()
		}
		c.patch, c.patched = len(c.pending()), s.id
		c.out = append(appendFrame(c.pending(), f), content[:n]...)
		s.window -= int64(n)
		c.window -= int64(n)
		c.work.earn(earnedSent)
		if content = content[n:]; len(content) == 0 {
			return nil, true
		}
	}
	return content, len(content) == 0 && !end
}

// finishSending ends what we send.
func (s *stream) finishSending(trailer *message.Header) error {
	if trailer == nil || trailer.Count() == 0 {
		if err := s.send(nil, true); err != nil {
			return err
		}
		s.flush()
		return nil
	}
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.sendable(); err != nil {
		return err
	}
	at := c.beginBlock(s.id, flagEndStream)
	c.out = appendFields(c.out, trailer)
	c.finishBlock(at)
	s.endSent()
	c.wake()
	return nil
}

// copy sends a body to its end and adds to moved, unless that is nil. What is
// there goes out together, and nothing waits for what is not. It tells a body that
// fails from a peer that takes no more.
func (s *stream) copy(body message.Body, moved *int64) (unread, unsent error) {
	for {
		if !body.Ready() {
			s.flush()
		}
		data, err := body.Next()
		if err == io.EOF {
			return nil, s.finishSending(body.Trailer())
		}
		if err != nil {
			return err, nil
		}
		if err := s.send(data, false); err != nil {
			return nil, err
		}
		if moved != nil {
			*moved += int64(len(data))
		}
	}
}

// endLast marks the last frame of the stream as its end, if that frame has not
// gone out and is the last of all.
func (s *stream) endLast() bool {
	c := s.c
	if c.patch == 0 && len(c.out) == 0 || c.patched != s.id || s.broken != nil {
		return false
	}
	c.out[c.patch+4] |= flagEndStream
	s.endSent()
	c.patched = 0
	return true
}

// sendable says why nothing can be sent any more.
func (s *stream) sendable() error {
	if s.broken != nil {
		return s.broken
	}
	return s.c.ended
}

// flush lets what was written go out.
func (s *stream) flush() {
	s.c.mu.Lock()
	s.c.wake()
	s.c.mu.Unlock()
}
