package tracing

import (
	"context"
	"fmt"
	"net/url"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Config says where spans go and how many are made.
type Config struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP, such as
	// "http://127.0.0.1:4318"; the path is /v1/traces unless it has one.
	Endpoint string
	// Ratio of the traces that begin here which are recorded, from 0 to 1. Whether
	// a trace that a client began is recorded, the client has decided.
	Ratio float64
	// Service is the service.name of all spans.
	Service string
	// Warn is called when spans could not be sent, once until it works again.
	Warn func(error)
}

// Tracer makes spans.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// New makes a tracer. It does not wait for the collector: one that is not there
// costs spans and no requests.
func New(ctx context.Context, c Config) (*Tracer, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("OTLP endpoint %q: want a URL such as http://127.0.0.1:4318", c.Endpoint)
	}
	if c.Ratio < 0 || c.Ratio > 1 {
		return nil, fmt.Errorf("trace ratio %v: want a number from 0 to 1", c.Ratio)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	if err != nil {
		return nil, fmt.Errorf("export traces to %s: %w", c.Endpoint, err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(&reporting{SpanExporter: exporter, endpoint: c.Endpoint, warn: c.Warn}),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(c.Ratio))),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", c.Service))),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer("fsm")}, nil
}

// Close sends what is left, as long as the context allows.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// reporting is an exporter whose failures are told to the proxy's log, the first
// of a series, in place of the library's global handler.
type reporting struct {
	sdk.SpanExporter
	endpoint string
	warn     func(error)

	mu     sync.Mutex
	failed bool
}

func (r *reporting) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	r.mu.Lock()
	tell := err != nil && !r.failed
	r.failed = err != nil
	r.mu.Unlock()
	if tell {
		r.warn(fmt.Errorf("export %d spans to %s: %w", len(spans), r.endpoint, err))
	}
	return nil
}
