// Package tracing makes spans of requests and sends them to a collector by OTLP.
//
// There is one span for a request and one below it for each attempt at a
// backend, and the backend gets the trace context of its attempt (W3C Trace
// Context). Without a Tracer, which is the default, none of this happens and the
// trace context of the client passes through untouched.
//
// It refuses to hold up a request: spans that the collector does not take in
// time are dropped. It records no header values, bodies or query strings, which
// often carry secrets.
package tracing
