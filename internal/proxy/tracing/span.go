package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Request is the span of a request.
type Request struct {
	tracer trace.Tracer
	ctx    context.Context
	span   trace.Span
}

// Attempt is the span of one try at a backend.
type Attempt struct {
	span trace.Span
	// Context is what the backend is to get.
	Context Context
}

// Context is a trace context as the headers traceparent and tracestate carry it.
type Context struct{ Traceparent, Tracestate string }

// Get implements propagation.TextMapCarrier, and so do Set and Keys.
func (c *Context) Get(key string) string {
	switch key {
	case "traceparent":
		return c.Traceparent
	case "tracestate":
		return c.Tracestate
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c *Context) Set(key, value string) {
	switch key {
	case "traceparent":
		c.Traceparent = value
	case "tracestate":
		c.Tracestate = value
	}
}

// Keys implements propagation.TextMapCarrier.
func (c *Context) Keys() []string { return []string{"traceparent", "tracestate"} }

// Begin begins the span of a request. A context that cannot be read begins a
// trace of its own (W3C Trace Context, section 4.3).
func (t *Tracer) Begin(c Context, at time.Time) *Request {
	ctx := propagation.TraceContext{}.Extract(context.Background(), &c)
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(at))
	return &Request{tracer: t.tracer, ctx: ctx, span: span}
}

// Answer is how a request or an attempt ended.
type Answer struct {
	// Status is 0 when there was no response.
	Status int
	// Reason is why the proxy answered itself.
	Reason string
	// Bad says that the one who answered is to blame.
	Bad bool
}

func (a *Answer) end(span trace.Span, more ...attribute.KeyValue) {
	if a.Status != 0 {
		more = append(more, attribute.Int("http.response.status_code", a.Status))
	}
	if a.Reason != "" {
		more = append(more, attribute.String("fsm.reason", a.Reason))
	}
	span.SetAttributes(more...)
	if a.Bad {
		span.SetStatus(codes.Error, a.Reason)
	}
	span.End()
}

// About is what is known about a request when it has ended, under the names of
// the OpenTelemetry semantic conventions for HTTP where they have one.
type About struct {
	Listener, Route                              string
	Method, Host, Path, Scheme, Client, Protocol string
}

// End ends the span of a request.
func (r *Request) End(about *About, answer Answer) {
	if about.Method != "" {
		r.span.SetName(about.Method)
	}
	if !r.span.IsRecording() {
		r.span.End()
		return
	}
	answer.end(r.span,
		attribute.String("http.request.method", about.Method),
		attribute.String("url.scheme", about.Scheme),
		attribute.String("url.path", about.Path),
		attribute.String("server.address", about.Host),
		attribute.String("client.address", about.Client),
		attribute.String("network.protocol.version", about.Protocol),
		attribute.String("fsm.listener", about.Listener),
		attribute.String("fsm.route", about.Route),
	)
}

// Context is that of the request's own span.
func (r *Request) Context() Context {
	var c Context
	propagation.TraceContext{}.Inject(r.ctx, &c)
	return c
}

// Attempt begins the span of an attempt.
func (r *Request) Attempt() *Attempt {
	ctx, span := r.tracer.Start(r.ctx, "attempt", trace.WithSpanKind(trace.SpanKindClient))
	a := &Attempt{span: span}
	propagation.TraceContext{}.Inject(ctx, &a.Context)
	return a
}

// End ends the span of an attempt, at the backend and endpoint that it was made.
func (a *Attempt) End(backend, endpoint string, answer Answer) {
	answer.end(a.span, attribute.String("fsm.backend", backend), attribute.String("network.peer.address", endpoint))
}
