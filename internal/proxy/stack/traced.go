package stack

import (
	"time"

	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/tracing"
)

var (
	traceparentName = message.MakeName("Traceparent")
	tracestateName  = message.MakeName("Tracestate")
)

// traced makes a span of the request. Without a tracer it is not there.
func traced(env *Env) layer {
	return func(next handler) handler {
		if env.Tracer == nil {
			return next
		}
		return func(x *exchange) error {
			begun := time.Now().Add(-time.Duration(socket.Now() - x.Start))
			x.span = env.Tracer.Begin(x.traceContext(), begun)
			x.setTraceContext(x.span.Context())
			err := next(x)
			x.endSpan()
			return err
		}
	}
}

// traceContext is what the client sent. Several traceparents, joined, are no valid
// one (W3C Trace Context, section 3.2.1).
func (x *exchange) traceContext() tracing.Context {
	h := &x.Request.Header
	parent, _, ok := h.Joined(&traceparentName, nil)
	if !ok {
		return tracing.Context{}
	}
	c := tracing.Context{Traceparent: string(parent)}
	if state, _, ok := h.Joined(&tracestateName, nil); ok {
		c.Tracestate = string(state)
	}
	return c
}

func (x *exchange) setTraceContext(c tracing.Context) {
	h := &x.Request.Header
	h.Set(&traceparentName, []byte(c.Traceparent))
	if c.Tracestate == "" {
		h.Remove(&tracestateName)
	} else {
		h.Set(&tracestateName, []byte(c.Tracestate))
	}
}

func (x *exchange) endSpan() {
	r := &x.Request
	about := tracing.About{
		Listener: x.host.name, Method: string(r.Method), Host: string(r.Authority), Path: string(r.Path),
		Scheme: string(schemeOf(x.Secure)), Client: x.Client.String(), Protocol: x.Protocol,
	}
	if x.route != nil {
		about.Route = x.route.name
	}
	status := x.finalStatus()
	x.span.End(&about, tracing.Answer{Status: status, Reason: x.Reason, Bad: status >= 500})
	x.span = nil
}

// traceAttempt begins the span of an attempt and tells the backend.
func (x *exchange) traceAttempt() *tracing.Attempt {
	if x.span == nil {
		return nil
	}
	span := x.span.Attempt()
	x.setTraceContext(span.Context)
	return span
}

func endAttempt(span *tracing.Attempt, a *telemetry.Attempt) {
	if span == nil {
		return
	}
	var endpoint string
	if a.Endpoint.IsValid() {
		endpoint = a.Endpoint.String()
	}
	span.End(a.Backend, endpoint, tracing.Answer{Status: a.Status, Reason: a.Reason, Bad: a.Status == 0 || a.Status >= 400})
}
