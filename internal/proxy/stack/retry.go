package stack

import (
	"errors"
	"io"
	"time"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/upstream"
)

// prepareRetries makes the request repeatable, as far as that is wanted.
func (x *exchange) prepareRetries(f *Forward) {
	if f.repeats() && x.Request.Body != nil && x.Request.Upgrade == nil {
		x.replay.begin(x.Request.Body)
		x.Request.Body = &x.replay
	}
	for i := range f.destinations {
		if len(f.destinations[i].filters) > 0 {
			x.keepOriginal()
			return
		}
	}
}

// repeats reports whether requests may be sent more than once.
func (f *Forward) repeats() bool {
	if f.retries != nil {
		return f.retries.Attempts > 0
	}
	for i := range f.destinations {
		if b := f.destinations[i].backend; b != nil && b.Retries() != nil {
			return true
		}
	}
	return false
}

// retries are those of the route or else of the backend that was last tried; nil
// where neither has any.
func (x *exchange) retries(f *Forward) *upstream.Retries {
	if f.retries != nil || x.to == nil || x.to.backend == nil {
		return f.retries
	}
	return x.to.backend.Retries()
}

// keepOriginal remembers the request as it is now, for attempts at destinations
// that change it differently.
func (x *exchange) keepOriginal() {
	r, o := &x.Request, &x.original
	o.Method, o.Authority, o.Path, o.Query = r.Method, r.Authority, r.Path, r.Query
	o.Header.CopyFrom(&r.Header)
	x.level = len(x.applied)
	x.kept = true
}

// again reports whether another attempt is to be made.
func (x *exchange) again(f *Forward, try int, err error) bool {
	if x.Request.Upgrade != nil && err == nil {
		return false
	}
	retries := x.retries(f)
	if retries == nil {
		return err != nil && try < connectTries && x.harmless(err) && x.moreEndpoints()
	}
	if try > retries.Attempts {
		return false
	}
	if err == nil {
		return retries.On(x.Response.Status) && x.repeatable()
	}
	reply, ok := errors.AsType[*message.Reply](err)
	if !ok {
		return false
	}
	switch reply.Reason {
	case upstream.ReasonConnect, upstream.ReasonTLS:
		return true
	case http1.ReasonUpstreamReset:
		return x.repeatable()
	case http1.ReasonUpstreamTimeout:
		// A backend that is slow counts as one that answers 504.
		return retries.On(504) && x.repeatable()
	}
	return false
}

// harmless reports whether another attempt can do no harm: no byte of the request was
// sent, or none came back and it may be sent twice.
func (x *exchange) harmless(err error) bool {
	reply, ok := errors.AsType[*message.Reply](err)
	return ok && (reply.Reason == upstream.ReasonConnect || errors.Is(reply, http1.ErrUnanswered) && x.plainlyRepeatable())
}

// moreEndpoints reports whether the last attempt's backend has another endpoint.
func (x *exchange) moreEndpoints() bool {
	return x.to != nil && x.to.backend != nil && x.to.backend.Others(x.failed)
}

// repeatable reports whether the request can be sent once more.
func (x *exchange) repeatable() bool {
	if x.conn != nil && x.conn.Uploading() {
		return false
	}
	return x.Request.Body == nil || x.Request.Body == message.Body(&x.replay) && x.replay.rewindable()
}

// dropAttempt clears up after an attempt that is to be repeated.
func (x *exchange) dropAttempt() {
	x.releaseUpstream(x.skipResponse())
	x.Response.Header.Reset(nil)
	x.Response.Status, x.Response.Body = 0, nil
	if x.Request.Body == message.Body(&x.replay) {
		x.replay.rewind()
	}
	if x.kept {
		r, o := &x.Request, &x.original
		r.Method, r.Authority, r.Path, r.Query = o.Method, o.Authority, o.Path, o.Query
		r.Header.CopyFrom(&o.Header)
		clear(x.applied[x.level:])
		x.applied = x.applied[:x.level]
	}
}

// skipResponse reads past the body of a response that is not wanted, if it is
// there already, so that the connection can be used again.
func (x *exchange) skipResponse() bool {
	b := x.Response.Body
	if x.conn == nil || x.Response.Status == 0 {
		return false
	}
	for b != nil && b.Ready() {
		if _, err := b.Next(); err != nil {
			return err == io.EOF
		}
	}
	return b == nil
}

// maxPause is how long a client may be gone before a wait ends.
const maxPause = 500 * time.Millisecond

// pause waits before the next attempt, the try-th retry.
func (x *exchange) pause(f *Forward, try int, deadline int64) error {
	var wait time.Duration
	if r := x.retries(f); r != nil {
		wait = r.Wait(try)
	}
	if deadline != 0 && socket.Now()+int64(wait) >= deadline {
		return errDeadline
	}
	for ; wait > maxPause; wait -= maxPause {
		time.Sleep(maxPause)
		if x.Downstream.Gone() {
			return http1.ErrClientGone
		}
	}
	if wait > 0 {
		time.Sleep(wait)
	}
	return nil
}

// maxReplay is how much of a request body is kept for a retry. A longer one is
// sent once.
const maxReplay = buffer.Large

// replayBody delivers a body and keeps it, to deliver it again.
type replayBody struct {
	source message.Body
	kept   *buffer.Buffer
	n      int  // bytes kept
	pos    int  // next byte to deliver again
	over   bool // the body outgrew what is kept
	ended  bool
}

func (b *replayBody) begin(source message.Body) { *b = replayBody{source: source} }

func (b *replayBody) end() {
	b.kept.Put()
	*b = replayBody{}
}

func (b *replayBody) rewindable() bool { return !b.over }

func (b *replayBody) rewind() { b.pos = 0 }

// Next implements message.Body.
func (b *replayBody) Next() ([]byte, error) {
	if b.pos < b.n {
		data := b.kept.B[b.pos:b.n]
		b.pos = b.n
		return data, nil
	}
	if b.ended {
		return nil, io.EOF
	}
	data, err := b.source.Next()
	if err != nil {
		b.ended = err == io.EOF
		return nil, err
	}
	if b.over = b.over || b.n+len(data) > maxReplay; !b.over {
		b.keep(data)
	} else if b.kept != nil {
		b.kept.Put()
		b.kept, b.n, b.pos = nil, 0, 0
	}
	return data, nil
}

func (b *replayBody) keep(data []byte) {
	if b.kept == nil || b.n+len(data) > len(b.kept.B) {
		larger := buffer.Get(min(max(2*(b.n+len(data)), buffer.Small), maxReplay))
		if b.kept != nil {
			copy(larger.B, b.kept.B[:b.n])
			b.kept.Put()
		}
		b.kept = larger
	}
	b.n += copy(b.kept.B[b.n:], data)
	b.pos = b.n
}

// Ready implements message.Body.
func (b *replayBody) Ready() bool { return b.pos < b.n || b.ended || b.source.Ready() }

// Cancel implements message.Body.
func (b *replayBody) Cancel() { b.source.Cancel() }

// Trailer implements message.Body.
func (b *replayBody) Trailer() *message.Header { return b.source.Trailer() }
