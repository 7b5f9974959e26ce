package proxy_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// TestCallCancelled: a backend hears within 50 ms that a call was cancelled, and
// what deadline it has, and the client of trailers (checklist H2-08).
func TestCallCancelled(t *testing.T) {
	began := make(chan string, 1)
	cancelled := make(chan time.Time, 1)
	b := serveFrames(t, &frames{handle: func(c *framesConn, f http2.Frame) {
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range f.RegularFields() {
				if field.Name == "grpc-timeout" {
					began <- field.Value
				}
			}
		case *http2.RSTStreamFrame:
			cancelled <- time.Now()
		}
	}})
	c := proxytest.DialH2(t, h2cProxy(t, b.addr, nil), proxytest.H2Config{})
	var took []time.Duration
	for i := range uint32(40) {
		id := 2*i + 1
		c.Post(id, "/x.Y/Z", "content-type", "application/grpc", "te", "trailers", "grpc-timeout", "10S")
		if timeout := <-began; timeout != "10S" {
			t.Fatalf("backend was told a deadline of %q", timeout)
		}
		left := time.Now()
		c.Reset(id)
		took = append(took, (<-cancelled).Sub(left))
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > 50*time.Millisecond {
		t.Errorf("backend heard of it after %v", median)
	}
}

// TestManyCalls: ten thousand calls on one connection, a part of which is given
// up, leave nothing behind (checklist H2-08).
func TestManyCalls(t *testing.T) {
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, nil)
	speaking(t, s, "h2c", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		if strings.HasSuffix(r.URL.Path, "/Wait") {
			<-r.Context().Done()
			return
		}
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("Grpc-Status", "0")
	}))
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	client, _ := h2Client(t, p.Addr(proxytest.HTTPListener), nil)
	call := func(method string) error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "POST", "http://a.example/x.Y/"+method, strings.NewReader("hello"))
		if err != nil {
			return err
		}
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if method == "Wait" {
			return nil // cancels
		}
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != "hello" || res.Trailer.Get("Grpc-Status") != "0" {
			return errors.Join(err, errors.New("got "+string(got)))
		}
		return nil
	}
	run := func(calls int32) {
		var wg sync.WaitGroup
		var n atomic.Int32
		for range 50 {
			wg.Go(func() {
				for i := n.Add(1); i <= calls; i = n.Add(1) {
					method := "Get"
					if i%100 == 0 { // less than what a client may give up at once
						method = "Wait"
					}
					if err := call(method); err != nil {
						t.Errorf("call %d: %v", i, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	run(200)
	tasks, heap := runtime.NumGoroutine(), heapInUse()
	run(10_000)
	proxytest.Eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= tasks+5 })
	if now := heapInUse(); now > heap+8<<20 {
		t.Errorf("heap grew by %d KiB", (now-heap)>>10)
	}
}

// TestCallLogged: the log has the status of a call, whoever made it.
func TestCallLogged(t *testing.T) {
	var log lines
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/x.Y", "b")}, nil)
	speaking(t, s, "h2c", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "message")
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "5")
	}))
	p := proxytest.Start(t, proxy.Config{AccessLog: &log})
	p.MustApply(s)
	c := proxytest.DialH2(t, p.Addr(proxytest.HTTPListener), proxytest.H2Config{})
	for i, path := range []string{"/x.Y/Z", "/other.Service/Method"} {
		id := uint32(2*i + 1)
		c.Post(id, path, "content-type", "application/grpc", "te", "trailers")
		c.Data(id, true, "\x00\x00\x00\x00\x00")
		r := c.Response(id)
		line := log.wait(t, i+1)[i]
		want := map[string]string{"/x.Y/Z": "5", "/other.Service/Method": "12"}[path]
		if got := decodeLine(t, line); got["grpc_status"] != want || got["status"] != 200.0 {
			t.Errorf("%s: got %+v, log %s", path, r, line)
		}
	}
}

// TestBackendCancels: that a backend gave a response up reaches the client as what
// it is, and not as a fault of the proxy: clients of gRPC make a status of it.
func TestBackendCancels(t *testing.T) {
	for _, code := range []http2.ErrCode{http2.ErrCodeCancel, http2.ErrCodeEnhanceYourCalm, http2.ErrCodeProtocol} {
		b := serveFrames(t, &frames{handle: func(c *framesConn, f http2.Frame) {
			if head, ok := f.(*http2.MetaHeadersFrame); ok {
				c.respond(head.StreamID, false, ":status", "200", "content-type", "application/grpc")
				_ = c.WriteData(head.StreamID, false, []byte("begin"))
				_ = c.WriteRSTStream(head.StreamID, code)
			}
		}})
		c := proxytest.DialH2(t, h2cProxy(t, b.addr, nil), proxytest.H2Config{})
		c.Get(1, "/", "content-type", "application/grpc", "te", "trailers")
		want := code
		if code == http2.ErrCodeProtocol {
			want = http2.ErrCodeInternal
		}
		if r := c.Response(1); r.Status != "200" || string(r.Body) != "begin" || !r.Reset || r.Code != want {
			t.Errorf("%v: got %+v, want %v", code, r, want)
		}
	}
}
