package kube_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/source/kube"
)

// line is a network between a source and the API server that can be cut.
type line struct {
	mu      sync.Mutex
	watches []io.Closer
	// gone is the number of attempts to go on with a watch that are answered with
	// "410 Gone", as after the API server has forgotten the version.
	gone, answered int
}

func (l *line) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(q *http.Request) (*http.Response, error) {
		query := q.URL.Query()
		if query.Get("watch") == "" || !strings.HasSuffix(q.URL.Path, "/httproutes") {
			return next.RoundTrip(q)
		}
		if query.Get("resourceVersion") != "" && l.isGone() {
			return gone(q), nil
		}
		response, err := next.RoundTrip(q)
		if err != nil {
			return nil, err
		}
		body := &cuttable{ReadCloser: response.Body, cut: make(chan struct{})}
		l.mu.Lock()
		l.watches = append(l.watches, body)
		l.mu.Unlock()
		response.Body = body
		return response, nil
	})
}

func (l *line) isGone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone == 0 {
		return false
	}
	l.gone--
	l.answered++
	return true
}

func gone(q *http.Request) *http.Response {
	const body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}`
	return &http.Response{
		StatusCode: http.StatusGone, Status: "410 Gone", Request: q, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

// interrupt breaks all watches. So many attempts to go on are refused.
func (l *line) interrupt(gone int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = gone
	for _, w := range l.watches {
		w.Close()
	}
	l.watches = nil
}

// cuttable is the body of a watch that ends in the middle when it is closed.
type cuttable struct {
	io.ReadCloser
	once sync.Once
	cut  chan struct{}
}

func (c *cuttable) Close() error {
	c.once.Do(func() { close(c.cut) })
	return c.ReadCloser.Close()
}

func (c *cuttable) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	select {
	case <-c.cut:
		return 0, errors.New("connection reset by test")
	default:
		return n, err
	}
}

// A watch that breaks, or that the API server cannot go on with, loses nothing and
// makes no object another one.
func TestInterruptedWatches(t *testing.T) {
	l := newLab(t)
	l.Lend(route("a", "/a"))
	l.Lend(route("b", "/b"))
	l.Lend(route("c", "/c"))
	cable := &line{}
	config := shared.Admin()
	config.Wrap(cable.wrap)
	s := l.open(kube.Options{Config: config})
	a := get[*gatewayv1.HTTPRoute](s, "default", "a")
	for i, refused := range []int{0, 1} {
		path := []string{"/first", "/second"}[i]
		cable.interrupt(refused)
		l.Check(l.Apply(l.Ctx, route("b", path)))
		s.await("the change", where("default", "b", func(r *gatewayv1.HTTPRoute) bool {
			return *r.Spec.Rules[0].Matches[0].Path.Value == path
		}))
	}
	cable.interrupt(1)
	l.remove(route("c", "/c"))
	s.await("the removal", func(set *resource.Set) bool { return !has[*gatewayv1.HTTPRoute]("default", "c")(set) })
	if get[*gatewayv1.HTTPRoute](s, "default", "a") != a {
		t.Error("a route that nobody changed is another object")
	}
	cable.mu.Lock()
	defer cable.mu.Unlock()
	if cable.answered == 0 {
		t.Error("no watch was answered with 410")
	}
}
