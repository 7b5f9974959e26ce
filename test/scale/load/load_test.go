package load

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// run sends some requests to a handler.
func run(t *testing.T, o Options, requests int, h http.HandlerFunc) (r Result, connections int) {
	t.Helper()
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	o.Address = s.Listener.Addr().String()
	o.Host, o.Rate, o.Clients = "a.example", 2000, 2
	l := Start(t.Context(), o)
	if err := l.Reach(t.Context(), requests); err != nil {
		t.Fatal(err)
	}
	return l.Stop(), int(opened.Load())
}

// TestAnswers: answers are counted by their text, under the host that was asked for.
func TestAnswers(t *testing.T) {
	r, connections := run(t, Options{}, 20, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Host)) })
	if diff := cmp.Diff(map[string]int{"a.example": r.Requests}, r.Bodies); diff != "" || r.Failed != 0 || r.Requests < 20 || connections != 2 {
		t.Errorf("got %+v over %d connections", r, connections)
	}
}

// TestFresh: every request has a connection of its own if that is wanted.
func TestFresh(t *testing.T) {
	r, connections := run(t, Options{Fresh: true}, 20, func(http.ResponseWriter, *http.Request) {})
	if r.Failed != 0 || connections != r.Requests {
		t.Errorf("%d connections for %+v", connections, r)
	}
}

// TestFailures: a status, a connection that ends and an answer that does not come are
// failures, and a time-out is told apart.
func TestFailures(t *testing.T) {
	var n atomic.Int64
	r, _ := run(t, Options{Timeout: 50 * time.Millisecond, Fresh: true}, 20, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 3:
			http.Error(w, "gone fishing", http.StatusServiceUnavailable)
		case 5:
			panic(http.ErrAbortHandler)
		case 7:
			<-r.Context().Done()
		}
	})
	said := strings.Join(r.Failures, "\n")
	if r.Failed != 3 || r.TimedOut != 1 || !strings.Contains(said, "status 503: gone fishing") || !strings.Contains(said, "EOF") {
		t.Errorf("got %+v", r)
	}
}

// TestRepeated: a kept connection that was closed is no failure, and is counted.
func TestRepeated(t *testing.T) {
	var n atomic.Int64
	r, _ := run(t, Options{}, 20, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 5 {
			panic(http.ErrAbortHandler)
		}
	})
	if r.Failed != 0 || r.Repeated != 1 {
		t.Errorf("got %+v", r)
	}
}
