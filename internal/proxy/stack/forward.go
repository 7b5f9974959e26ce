package stack

import (
	"errors"
	"time"

	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/http2"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/upstream"
)

// Waits for a backend where neither route nor policy says otherwise.
const (
	responseTimeout = 5 * time.Minute
	bodyTimeout     = 5 * time.Minute
)

// connectTries is how many endpoints are tried for a request, when connections could
// not be made, or not be kept for a byte of an answer, and the route has no retries
// of its own.
const connectTries = 3

// forward sends the request to a backend and reads the head of the response. It
// tries again as the route says, and by default where nothing was sent.
func forward(env *Env) handler {
	return func(x *exchange) error {
		r := x.route
		if r.respond != nil {
			return r.respond
		}
		if env.Memory.Full() {
			return errOverload
		}
		f := r.forward
		var deadline int64
		if f.timeout > 0 {
			deadline = x.Start + f.timeout
		}
		x.prepareRetries(f)
		for try := 1; ; try++ {
			err := x.attempt(f, deadline)
			if !x.again(f, try, err) {
				if err == nil {
					x.keepSession()
				}
				return err
			}
			x.dropAttempt()
			if err := x.pause(f, try, deadline); err != nil {
				return err
			}
		}
	}
}

var (
	errOverload = &message.Reply{Status: 503, Reason: ReasonOverload, Cause: errors.New("memory limit is near")}
	errDeadline = &message.Reply{Status: 504, Reason: http1.ReasonUpstreamTimeout, Cause: errors.New("the route's request timeout passed")}
)

// attempt is one try at one destination.
func (x *exchange) attempt(f *Forward, deadline int64) error {
	d, err := f.pick(x)
	if err != nil {
		return err
	}
	x.to = d
	if d.failure != nil {
		return d.failure
	}
	if open := d.backend.Admit(); open != nil {
		return open
	}
	if len(d.filters) > 0 {
		if err := x.apply(d.filters); err != nil {
			return err
		}
	}
	x.attempts = append(x.attempts, telemetry.Attempt{Backend: string(d.backend.Name)})
	if len(x.attempts) > 1 {
		x.attempts[len(x.attempts)-1].Begun = socket.Now() - x.Start
	}
	x.timeouts = http1.Timeouts{
		Deadline: deadline, Response: responseTimeout, Body: bodyTimeout, Tunnel: x.config.server.TunnelTimeout,
	}
	if f.read > 0 {
		x.timeouts.Response, x.timeouts.Body, x.timeouts.Tunnel = f.read, f.read, f.read
	}
	if limit := x.attemptTimeout(f); limit > 0 {
		if by := socket.Now() + limit; deadline == 0 || by < deadline {
			x.timeouts.Deadline = by
		}
	}
	span := x.traceAttempt()
	err = x.roundTrip(d.backend)
	a := &x.attempts[len(x.attempts)-1]
	if err != nil {
		if reply, ok := errors.AsType[*message.Reply](err); ok {
			a.Reason = reply.Reason
		}
	} else {
		a.Status = x.Response.Status
		a.Answered = socket.Now() - x.Start
	}
	endAttempt(span, a)
	x.judge(d, a, err)
	return err
}

// attemptTimeout is what bounds an attempt, of the route or else of the backend's
// retries; 0 for nothing.
func (x *exchange) attemptTimeout(f *Forward) int64 {
	if f.attempt > 0 {
		return f.attempt
	}
	if r := x.retries(f); r != nil {
		return r.AttemptTimeout
	}
	return 0
}

// judge tells everybody who counts how an attempt ended.
func (x *exchange) judge(d *destination, a *telemetry.Attempt, err error) {
	now := socket.Now()
	took := now - x.Start - a.Begun
	if d.stats != nil {
		d.stats.Request(a.Status, took)
	}
	if errors.Is(err, http1.ErrClientGone) {
		return // says nothing about the backend
	}
	d.backend.Answered(a.Status, took, now)
	switch {
	case x.endpoint == nil:
	case err == nil:
		d.backend.Fine(x.endpoint)
	case a.Reason == upstream.ReasonConnect, a.Reason == upstream.ReasonTLS, a.Reason == http1.ReasonUpstreamReset:
		x.failed = x.endpoint.Address()
		d.backend.Failed(x.endpoint)
	}
}

const (
	// maxUnprocessed is how often a backend may turn a request away before it has
	// begun with it.
	maxUnprocessed = 3
	// maxStale is how many kept connections may turn out to be closed. A backend that
	// stops closes all it has, also one that was open when looked at a moment ago.
	maxStale = 2
)

// roundTrip talks to an endpoint of a backend. A connection that turns out to be
// closed, or to be closing, is replaced by another.
func (x *exchange) roundTrip(b *upstream.Backend) error {
	repeatable := x.plainlyRepeatable()
	for turned, stale := 0, 0; ; {
		e, err := b.Pick(upstream.Choice{Client: x.Client, Header: &x.Request.Header, Not: x.failed})
		if err != nil {
			return err
		}
		x.endpoint = e
		// A request that cannot be sent twice must not meet a closed connection.
		need := upstream.Need{
			Careful: !repeatable || stale > 0, Fresh: stale == maxStale, Own: x.Request.Upgrade != nil,
		}
		if x.conn, err = x.connect(b, e.Pool, need); err != nil {
			return err
		}
		if e.Shares() && x.Request.Body != nil && x.Request.Upgrade == nil && x.Request.Body != message.Body(&x.replay) {
			x.replay.begin(x.Request.Body)
			x.Request.Body = &x.replay
		}
		if x.Cancellable && x.Attach(x.conn) {
			return http1.ErrClientGone
		}
		a := &x.attempts[len(x.attempts)-1]
		a.Endpoint, a.Connected = e.Address(), a.Begun
		if !x.conn.Used() {
			a.Connected = socket.Now() - x.Start
		}
		err = x.conn.RoundTrip(&x.Exchange, &x.timeouts)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, http1.ErrStale) && repeatable && stale < maxStale:
			stale++
		case errors.Is(err, http2.ErrUnprocessed) && turned < maxUnprocessed && x.repeatable():
			turned++
		default:
			return err
		}
		x.releaseUpstream(false)
		if x.Request.Body == message.Body(&x.replay) {
			x.replay.rewind()
		}
	}
}

// plainlyRepeatable reports whether the request can be sent again without anything
// kept for that, and without harm if the backend had acted on it.
func (x *exchange) plainlyRepeatable() bool {
	return x.Request.Body == nil && idempotent(x.Request.Method)
}

// connect takes a connection from the pool or makes one.
func (x *exchange) connect(b *upstream.Backend, pool *upstream.Pool, need upstream.Need) (upstream.Conn, error) {
	by := b.ConnectBy()
	bounded := x.timeouts.Deadline != 0 && x.timeouts.Deadline < by
	if bounded {
		by = x.timeouts.Deadline
	}
	need.By = by
	c, err := pool.Take(need)
	if err != nil && bounded && socket.Now() >= by {
		return nil, errDeadline
	}
	return c, err
}

var setCookieName = message.MakeName("Set-Cookie")

// keepSession asks the client to stay with the endpoint, where the backend wants
// that.
func (x *exchange) keepSession() {
	if x.endpoint == nil {
		return
	}
	if cookie := x.to.backend.AppendCookie(x.Scratch(), x.endpoint, &x.Request.Header, x.Secure); len(cookie) > 0 {
		x.Response.Header.Add(&setCookieName, x.Keep(cookie))
	}
}

// releaseUpstream ends the use of the upstream connection. ok says that the
// response was read to its end.
func (x *exchange) releaseUpstream(ok bool) {
	if x.conn != nil {
		if x.Cancellable {
			x.Detach()
		}
		x.endpoint.Release(x.conn, &x.Exchange, ok)
		x.conn = nil
		x.Response.Body = nil
	}
	if x.endpoint != nil {
		x.endpoint.Leave()
		x.endpoint = nil
	}
}

// idempotent reports whether a method may be sent twice (RFC 9110, section
// 9.2.2).
func idempotent(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE":
		return true
	}
	return false
}
