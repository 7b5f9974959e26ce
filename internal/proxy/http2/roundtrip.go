package http2

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/hpack"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// ClientStream carries one exchange with a backend: RoundTrip, then the reading of
// the response's body, then Finish.
type ClientStream struct {
	stream
	conn *ClientConn
	x    *message.Exchange
	// uploaded delivers that the sending of a request body in the background has
	// ended; uploading says that it is to come.
	uploaded  chan struct{}
	uploading bool
	timer     *time.Timer // of the deadline

	// Guarded by the lock.
	deadline int64 // on the socket package's clock; 0 for none
	answered bool  // the head of the response is in head
	head     responseHead
	trailing section        // the trailers
	interim  []responseHead // 1xx responses, to be passed on
	interims int            // how many there were
}

var clientStreams sync.Pool

func newClientStream(c *ClientConn) *ClientStream {
	s, ok := clientStreams.Get().(*ClientStream)
	if !ok {
		s = &ClientStream{}
	}
	s.conn = c
	s.stream.open(&c.conn, 0)
	s.client = s
	s.slow, s.cut = errBackendSlow, http1.ErrResponseCut
	s.answered, s.interims = false, 0
	c.idle = 0
	return s
}

var errBackendSlow = &message.Reply{Status: 504, Reason: http1.ReasonUpstreamTimeout, Cause: errors.New("backend did not answer in time")}

// Used reports whether an earlier exchange used the connection.
func (s *ClientStream) Used() bool { return s.id > 1 }

// Uploading reports whether the request's body is still on its way, as
// http1.ClientConn does.
func (s *ClientStream) Uploading() bool {
	if s.uploading {
		_, done := http1.AwaitUpload(s.uploaded, http1.Moment)
		s.uploading = !done
	}
	return s.uploading
}

// RoundTrip sends x.Request and fills in x.Response, as http1.ClientConn does.
func (s *ClientStream) RoundTrip(x *message.Exchange, t *http1.Timeouts) error {
	s.x = x
	wait := int64(t.Response)
	if t.Deadline != 0 {
		wait = 0
		s.expireAt(t.Deadline)
	} else {
		s.wait = int64(t.Body)
	}
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.sendBody(); err != nil {
		return err
	}
	if err := s.awaitHead(wait); err != nil {
		return err
	}
	r := &x.Response
	r.Status, r.Upgraded, r.Body, r.Length = s.head.status, false, nil, message.UnknownLength
	r.Header.CopyFrom(&s.head.header)
	bodyless := s.bodyless()
	switch {
	case r.Status == 204:
		r.Length = message.NoBody
	case s.head.length >= 0:
		r.Length = s.head.length
	case bodyless:
		r.Length = message.NoBody
	}
	if !bodyless {
		r.Body = &s.stream
	}
	return nil
}

// bodyless reports whether the response has no content, for what it answers or by
// its head alone.
func (s *ClientStream) bodyless() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.nothing() || s.received && s.total == 0 && s.trailer == nil
}

// nothing reports whether the response cannot have content. The lock is held.
func (s *ClientStream) nothing() bool {
	return s.head.status == 204 || s.head.status == 304 || string(s.x.Request.Method) == "HEAD"
}

// expireAt ends the exchange at a deadline.
func (s *ClientStream) expireAt(deadline int64) {
	s.c.mu.Lock()
	s.deadline = deadline
	s.c.mu.Unlock()
	left := time.Duration(deadline - socket.Now())
	if s.timer == nil {
		s.timer = time.AfterFunc(left, s.expire)
	} else {
		s.timer.Reset(left)
	}
}

func (s *ClientStream) expire() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.deadline != 0 && socket.Now() >= s.deadline {
		s.fail(errBackendSlow)
	}
}

// Abort ends the exchange; it may be called from any goroutine before Finish.
func (s *ClientStream) Abort() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.fail(http1.ErrClientGone)
}

// begin opens the stream with the head of the request.
func (s *ClientStream) begin() error {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.broken != nil:
		return s.failure()
	case c.ended != nil, c.away:
		return unprocessed("connection is about to end")
	}
	s.id, s.window = c.next, c.peerWindow
	c.next += 2
	c.streams[s.id] = &s.stream
	r := &s.x.Request
	flags := uint8(0)
	if r.Body == nil {
		flags = flagEndStream
		s.endSent()
	}
	at := c.beginBlock(s.id, flags)
	c.out = appendRequest(c.out, r, c.link.TLS != nil)
	c.finishBlock(at)
	if s.sent {
		c.wake()
	}
	return nil
}

// appendRequest writes the header list of a request.
func appendRequest(dst []byte, r *message.Request, secure bool) []byte {
	dst = hpack.AppendMethod(dst, r.Method)
	dst = hpack.AppendScheme(dst, secure)
	if len(r.Authority) > 0 { // else a request of HTTP/1.0
		dst = hpack.AppendAuthority(dst, r.Authority)
	}
	dst = hpack.AppendPath(dst, r.Path, r.Query)
	if r.Length >= 0 {
		dst = hpack.AppendLength(dst, r.Length)
	}
	dst = appendFields(dst, &r.Header)
	if r.Trailers {
		dst = hpack.AppendField(dst, message.HeaderTE, teName, teTrailers)
	}
	if r.Expects100 {
		dst = hpack.AppendField(dst, message.HeaderExpect, expectName, expect100)
	}
	return dst
}

var (
	teName, teTrailers    = []byte("te"), []byte("trailers")
	expectName, expect100 = []byte("expect"), []byte("100-continue")
)

// sendBody sends as much of the request's body as is there and fits without
// waiting, and leaves the rest to a goroutine of its own.
func (s *ClientStream) sendBody() error {
	body := s.x.Request.Body
	if body == nil {
		return nil
	}
	for body.Ready() && !s.x.Request.Expects100 {
		data, err := body.Next()
		if err == io.EOF {
			_ = s.finishSending(body.Trailer()) // awaitHead finds out
			return nil
		}
		if err != nil {
			return err
		}
		if rest := s.offer(data); len(rest) > 0 {
			s.startUpload(rest)
			return nil
		}
	}
	s.startUpload(nil)
	return nil
}

func (s *ClientStream) startUpload(rest []byte) {
	if s.uploaded == nil {
		s.uploaded = make(chan struct{}, 1)
	}
	s.uploading = true
	body := s.x.Request.Body
	go func() {
		s.upload(body, rest)
		s.uploaded <- struct{}{}
	}()
}

func (s *ClientStream) upload(body message.Body, rest []byte) {
	s.flush()
	if len(rest) > 0 && s.send(rest, false) != nil {
		return
	}
	// That the backend takes no more is no fault: it may have answered already.
	if err, _ := s.copy(body, nil); err != nil {
		s.c.mu.Lock()
		s.fail(err) // no answer to a broken request is worth waiting for
		s.c.mu.Unlock()
	}
}

// pollEvery is how often a client that cannot tell is asked whether it is still
// there.
const pollEvery = int64(time.Second)

// awaitHead waits for the head of the response, at most so long; 0 leaves it to
// the deadline. Interim responses are passed on.
func (s *ClientStream) awaitHead(wait int64) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if wait > 0 {
		s.readBy = socket.Now() + wait
	}
	if !s.x.Cancellable {
		s.pollAt = socket.Now() + pollEvery
	}
	defer func() { s.readBy, s.pollAt = 0, 0 }()
	for {
		switch {
		case len(s.interim) > 0:
			head := s.interim[0]
			s.interim = s.interim[1:]
			c.mu.Unlock()
			err := s.inform(&head)
			c.mu.Lock()
			if err != nil {
				return err
			}
			continue
		case s.answered:
			return nil
		case s.broken != nil:
			return s.failure()
		case s.late:
			return s.slow
		}
		polled := s.pollAt
		c.mu.Unlock()
		<-s.readable
		gone := polled != 0 && socket.Now() >= polled && s.x.Downstream.Gone()
		c.mu.Lock()
		if gone {
			return http1.ErrClientGone
		}
	}
}

// inform passes a 1xx response on.
func (s *ClientStream) inform(head *responseHead) error {
	if head.status == 100 && !s.x.Request.Expects100 {
		return nil
	}
	r := &s.x.Response
	r.Status, r.Length, r.Body = head.status, message.NoBody, nil
	r.Header.CopyFrom(&head.header)
	if err := s.x.Downstream.Inform(r); err != nil {
		return &message.Reply{Reason: http1.ReasonClientClosed, Cause: err}
	}
	return nil
}

// failure says why there is no response. The lock is held.
func (s *ClientStream) failure() error {
	if reply, ok := errors.AsType[*message.Reply](s.broken); ok {
		return reply
	}
	reset, ok := errors.AsType[*peerError](s.broken)
	if ok && reset.code == codeRefused {
		return unprocessed("it refused the stream")
	}
	if ok {
		return resetReply(reset)
	}
	if fault, ok := errors.AsType[*connError](s.broken); ok {
		return &message.Reply{Status: 502, Reason: http1.ReasonUpstreamProtocol, Cause: fault}
	}
	if fault, ok := errors.AsType[streamError](s.broken); ok {
		return &message.Reply{Status: 502, Reason: http1.ReasonUpstreamProtocol, Cause: fault}
	}
	if s.Used() && s.interims == 0 {
		return &message.Reply{Status: 502, Reason: http1.ReasonUpstreamReset, Cause: http1.ErrStale}
	}
	if s.interims == 0 {
		return http1.Unanswered(s.broken)
	}
	return &message.Reply{Status: 502, Reason: http1.ReasonUpstreamReset, Cause: fmt.Errorf("exchange with backend: %w", s.broken)}
}

func resetReply(reset *peerError) *message.Reply {
	return &message.Reply{Status: 502, Reason: http1.ReasonUpstreamReset, Cause: fmt.Errorf("backend: %w", reset)}
}

// takeHead takes in the head of a response. It is called by the goroutine that
// reads; the lock is held.
func (s *ClientStream) takeHead(b *headerBlock) error {
	h := &s.head
	malformed, err := h.decode(&s.c.decoder, b.text)
	if err != nil {
		return err
	}
	interim := h.status >= 100 && h.status < 200
	if interim {
		s.interims++
	}
	switch {
	case malformed != nil:
	case b.self:
		malformed = errSelfDependency
	case h.status == 101, interim && b.end:
		malformed = errStatus
	case s.interims > http1.MaxInterim:
		malformed = http1.ErrTooMany1xx
	}
	if malformed != nil {
		s.fail(&message.Reply{Status: 502, Reason: http1.ReasonUpstreamProtocol, Cause: malformed.Cause})
		return streamError{s.id, codeProtocol}
	}
	if interim {
		s.interim = append(s.interim, *h)
		*h = responseHead{}
		signal(s.readable)
		return nil
	}
	if s.length = h.length; s.nothing() {
		s.length = 0
	}
	if b.end && s.length > 0 {
		s.fail(&message.Reply{Status: 502, Reason: http1.ReasonUpstreamProtocol, Cause: errContentLength.Cause})
		return streamError{s.id, codeProtocol}
	}
	s.answered = true
	if b.end {
		s.endReceived()
	}
	signal(s.readable)
	return nil
}

var (
	errStatus   = malformed("status is not one that a response can have")
	errFinished = errors.New("exchange is over")
)

// Finish ends the exchange. ok says that the response was used to its end.
func (s *ClientStream) Finish(x *message.Exchange, ok bool) {
	if s.uploading && ok {
		_, done := http1.AwaitUpload(s.uploaded, http1.LingerUpload)
		s.uploading = !done
	}
	c := s.conn
	c.mu.Lock()
	reuse := s.deadline == 0 || s.timer.Stop()
	s.deadline = 0
	if !s.done && s.id != 0 {
		delete(c.streams, s.id)
		s.done = true
		if !s.received || !s.sent {
			c.appendReset(s.id, codeCancel)
		}
	}
	s.fail(errFinished)
	c.mu.Unlock()
	if s.uploading {
		x.Request.Body.Cancel()
		<-s.uploaded
		s.uploading = false
	}
	c.mu.Lock()
	if c.lent--; c.lent == 0 {
		c.idle = socket.Now()
		c.nudge()
	}
	c.mu.Unlock()
	s.queue.drop()
	s.x = nil
	clear(s.interim)
	s.interim = s.interim[:0]
	if cap(s.head.memory) > 2*buffer.Small {
		s.head.memory = nil
	}
	if cap(s.trailing.memory) > 2*buffer.Small {
		s.trailing.memory = nil
	}
	if reuse { // else the timer has fired and may be about to look at the stream
		clientStreams.Put(s)
	}
}
