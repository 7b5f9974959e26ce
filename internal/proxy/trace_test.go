package proxy_test

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
	"fsm/internal/proxy/tracing"
)

// traceCollector is a collector that keeps the spans it gets.
type traceCollector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
}

func newTraceCollector(t *testing.T) *traceCollector {
	c := &traceCollector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(data, &request) != nil {
			t.Errorf("%s %s is no OTLP request: %v", r.Method, r.URL, err)
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range request.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// find returns the spans of a kind, the earliest first.
func (c *traceCollector) find(kind otlp.Span_SpanKind) []*otlp.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*otlp.Span
	for _, s := range c.spans {
		if s.Kind == kind {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *otlp.Span) int { return int(a.StartTimeUnixNano) - int(b.StartTimeUnixNano) })
	return found
}

func attribute(s *otlp.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			if v := a.Value.GetStringValue(); v != "" {
				return v
			}
			return strings.TrimPrefix(a.Value.String(), "int_value:")
		}
	}
	return ""
}

// TestTraces: a request and each attempt have a span, in the trace that the
// client began, and the backend is told the span of its attempt.
func TestTraces(t *testing.T) {
	c := newTraceCollector(t)
	tracer, err := tracing.New(t.Context(), tracing.Config{Endpoint: c.URL, Ratio: 1, Service: "test", Warn: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var parents []string
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if parents = append(parents, r.Header.Get("Traceparent")+" "+r.Header.Get("Tracestate")); len(parents) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(backend.Close)
	route := proxytest.To("/", "b")
	route.Action.(*ir.Forward).Retry = &ir.Retry{Attempts: 1, Codes: []uint16{503}}
	p := proxytest.Start(t, proxy.Config{Tracer: tracer})
	p.MustApply(proxytest.HTTP([]*ir.Route{route}, map[string]string{"b": backend.Listener.Addr().String()}))

	const trace = "0af7651916cd43dd8448eb211c80319c"
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Addr(proxytest.HTTPListener)+"/x?secret=1", nil)
	request.Header.Set("Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	request.Header.Set("Tracestate", "vendor=1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	// The span ends after the response: wait for the proxy to have counted it.
	listener := p.Stats().Listener("Gateway default/gw listener http")
	proxytest.Eventually(t, "request is counted", func() bool { return listener.Codes(200) == 1 })
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	servers, clients := c.find(otlp.Span_SPAN_KIND_SERVER), c.find(otlp.Span_SPAN_KIND_CLIENT)
	if len(servers) != 1 || len(clients) != 2 {
		t.Fatalf("%d server and %d client spans, want 1 and 2", len(servers), len(clients))
	}
	server := servers[0]
	if got := hex.EncodeToString(server.ParentSpanId); got != "b7ad6b7169203331" || server.Name != "GET" {
		t.Errorf("request's span %q is below %s", server.Name, got)
	}
	for i, status := range []string{"503", "200"} {
		s := clients[i]
		if string(s.ParentSpanId) != string(server.SpanId) || hex.EncodeToString(s.TraceId) != trace {
			t.Errorf("attempt %d is not below the request's span", i+1)
		}
		if got := attribute(s, "http.response.status_code"); got != status {
			t.Errorf("attempt %d has status %s, want %s", i+1, got, status)
		}
		if want := "00-" + trace + "-" + hex.EncodeToString(s.SpanId) + "-01 vendor=1"; parents[i] != want {
			t.Errorf("backend got %q, want %q", parents[i], want)
		}
	}
	for key, want := range map[string]string{"url.path": "/x", "fsm.route": "HTTPRoute default/r- rule 0", "http.response.status_code": "200"} {
		if got := attribute(server, key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if strings.Contains(server.String(), "secret") {
		t.Error("span has the query string")
	}
}

// TestTraceContext: without a tracer the client's trace context passes through.
func TestTraceContext(t *testing.T) {
	got := make(chan http.Header, 1)
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	t.Cleanup(backend.Close)
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": backend.Listener.Addr().String()}))
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Addr(proxytest.HTTPListener)+"/", nil)
	request.Header.Set("Traceparent", parent)
	request.Header.Set("Tracestate", "vendor=1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if h := <-got; h.Get("Traceparent") != parent || h.Get("Tracestate") != "vendor=1" {
		t.Errorf("backend got %v", h)
	}
}
