package load_test

import (
	"bufio"
	"context"
	"net"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fsm/test/bench/internal/backend"
	"fsm/test/bench/internal/load"
)

// server starts one of the backends for the test.
func server(t *testing.T, start func() (*backend.Server, error)) load.Target {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return load.Target{Addr: s.Addr}
}

// listen serves each connection with a function, and counts them.
func listen(t *testing.T, handle func(net.Conn)) (load.Target, *atomic.Int64) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	var count atomic.Int64
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return load.Target{Addr: ln.Addr().String()}, &count
}

func wantNoErrors(t *testing.T, r load.Result, err error) {
	t.Helper()
	if err != nil || r.Errors > 0 || r.Count == 0 {
		t.Fatalf("%.0f done, %d errors: %v, %v", r.Count, r.Errors, r.Problem, err)
	}
}

const brief = 150 * time.Millisecond

func TestClosedLoops(t *testing.T) {
	tests := []struct {
		name  string
		serve func() (*backend.Server, error)
		talk  load.Conversation
	}{
		{"small bodies", backend.HTTP, load.HTTP(load.Requests(100, load.Small))},
		{"large bodies", backend.HTTP, load.HTTP(load.Requests(100, load.Large))},
		{"messages", backend.Echo, load.Messages(128)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := load.Closed{Target: server(t, tt.serve), Clients: 4, Duration: brief, Talk: tt.talk}
			r, err := l.Run(t.Context())
			wantNoErrors(t, r, err)
			if r.Elapsed < brief || r.Latency.P50 <= 0 || r.Latency.P999 < r.Latency.P50 {
				t.Errorf("took %v, latency %+v", r.Elapsed, r.Latency)
			}
		})
	}
}

func TestFreshUsesAConnectionForEachExchange(t *testing.T) {
	target, conns := listen(t, func(c net.Conn) {
		buf := make([]byte, 128)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			_, _ = c.Write(buf[:n])
		}
	})
	l := load.Closed{Target: target, Clients: 3, Duration: brief, Talk: load.Messages(128), Fresh: true}
	r, err := l.Run(t.Context())
	wantNoErrors(t, r, err)
	if conns.Load() != int64(r.Count) {
		t.Errorf("%d connections for %.0f exchanges", conns.Load(), r.Count)
	}
}

func TestBulkCountsMegabytes(t *testing.T) {
	l := load.Bulk{Target: server(t, backend.Source), Clients: 2, Duration: brief}
	r, err := l.Run(t.Context())
	wantNoErrors(t, r, err)
	if r.Count < 1 {
		t.Errorf("%.3f MB came", r.Count)
	}
}

func TestOpenLoopKeepsItsRate(t *testing.T) {
	const rate = 2000
	l := load.Open{
		Addr: server(t, backend.HTTP).Addr, Rate: rate, Conns: 8, Duration: 500 * time.Millisecond,
		Requests: load.Requests(100, load.Small), Seed: 1,
	}
	r, err := l.Run(t.Context())
	wantNoErrors(t, r, err)
	again, err := l.Run(t.Context())
	wantNoErrors(t, again, err)
	if r.Count != again.Count {
		t.Errorf("the same schedule gave %.0f and %.0f requests", r.Count, again.Count)
	}
	if want := rate * l.Duration.Seconds(); r.Count < 0.8*want || r.Count > 1.2*want {
		t.Errorf("%.0f requests, want about %.0f", r.Count, want)
	}
}

// A server that stalls once makes all requests late that were due in the
// meantime. Measured from when they were sent only one would be.
func TestOpenLoopMeasuresFromWhenRequestsWereDue(t *testing.T) {
	const stall = 300 * time.Millisecond
	var served atomic.Int64
	target, _ := listen(t, answerEach(func(string) {
		if served.Add(1) == 1 {
			time.Sleep(stall)
		}
	}))
	l := load.Open{
		Addr: target.Addr, Rate: 1000, Conns: 1, Duration: 400 * time.Millisecond,
		Requests: load.Requests(1, load.Small), Seed: 1,
	}
	r, err := l.Run(t.Context())
	wantNoErrors(t, r, err)
	if r.Latency.P50 < stall/5 {
		t.Errorf("p50 is %v although the server stood still for %v of %v", r.Latency.P50, stall, l.Duration)
	}
}

// answerEach answers requests, after telling their request lines.
func answerEach(tell func(line string)) func(net.Conn) {
	return func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			first, err := in.ReadString('\n')
			for line := first; line != "\r\n" && err == nil; {
				line, err = in.ReadString('\n')
			}
			if err != nil {
				return
			}
			tell(first)
			if _, err := c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")); err != nil {
				return
			}
		}
	}
}

func TestWrongAnswersAreErrors(t *testing.T) {
	answers := map[string]string{
		"status":   "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
		"too much": "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx",
		"nothing":  "",
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			target, _ := listen(t, func(c net.Conn) {
				if _, err := c.Read(make([]byte, 1024)); err == nil {
					_, _ = c.Write([]byte(answer))
				}
			})
			requests := load.Requests(1, load.Small)
			closed, err := load.Closed{Target: target, Clients: 1, Duration: brief, Talk: load.HTTP(requests)}.Run(t.Context())
			if err != nil || closed.Errors == 0 || closed.Count > 0 {
				t.Errorf("closed loop: %+v, %v", closed, err)
			}
			open, err := load.Open{Addr: target.Addr, Rate: 50, Conns: 1, Duration: brief, Requests: requests, Seed: 1}.Run(t.Context())
			if err != nil || open.Errors == 0 || open.Count > 0 {
				t.Errorf("open loop: %+v, %v", open, err)
			}
		})
	}
}

func TestHoldSeesWhatTheServerCloses(t *testing.T) {
	release := make(chan bool)
	target, _ := listen(t, func(c net.Conn) {
		buf := make([]byte, 128)
		if n, err := c.Read(buf); err == nil {
			_, _ = c.Write(buf[:n])
		}
		<-release
	})
	h, err := load.Hold(t.Context(), target, 20, load.Messages(128))
	defer h.Release()
	if err != nil {
		t.Fatal(err)
	}
	if n := h.Lost(); n != 0 {
		t.Errorf("%d connections are lost although the server keeps them", n)
	}
	close(release)
	for deadline := time.Now().Add(5 * time.Second); h.Lost() < 20; {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are lost, want all 20", h.Lost())
		}
	}
}

func TestHoldFailsWhereNobodyListens(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	h, err := load.Hold(t.Context(), load.Target{Addr: ln.Addr().String()}, 3, load.Messages(1))
	if err == nil || h.Lost() != 3 {
		t.Errorf("error %v, %d lost", err, h.Lost())
	}
	h.Release()
}

func TestLoadsEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target := server(t, backend.HTTP)
	requests := load.Requests(1, load.Small)
	begun := time.Now()
	if _, err := (load.Closed{Target: target, Clients: 1, Duration: time.Minute, Talk: load.HTTP(requests)}).Run(ctx); err == nil {
		t.Error("closed loop ends without an error")
	}
	if _, err := (load.Open{Addr: target.Addr, Rate: 1, Conns: 1, Duration: time.Minute, Requests: requests}).Run(ctx); err == nil {
		t.Error("open loop ends without an error")
	}
	if _, err := (load.Bulk{Target: target, Clients: 1, Duration: time.Minute}).Run(ctx); err == nil {
		t.Error("bulk ends without an error")
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestWrkAsksForTheRoutesInTurn(t *testing.T) {
	path, err := exec.LookPath("wrk")
	if err != nil {
		t.Skip(err)
	}
	var lines sync.Map
	target, _ := listen(t, answerEach(func(line string) { lines.Store(line, true) }))
	l := load.Wrk{
		Path: path, Dir: t.TempDir(), Start: (*exec.Cmd).Start,
		URL: "http://" + target.Addr, Clients: 2, Duration: time.Second, Routes: 100, Body: load.Large,
	}
	r, err := l.Run(t.Context())
	wantNoErrors(t, r, err)
	if r.Elapsed < 900*time.Millisecond || r.Latency.P50 <= 0 {
		t.Errorf("took %v, latency %+v", r.Elapsed, r.Latency)
	}
	want, got := map[string]bool{}, map[string]bool{}
	for i := range l.Routes {
		want["GET "+load.Path(i, l.Body)+" HTTP/1.1\r\n"] = true
	}
	lines.Range(func(line, _ any) bool {
		got[line.(string)] = true
		return true
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request lines (-want +got):\n%s", diff)
	}
}

// The files and flags that h2load gets, and what it prints, are as it has them.
func TestH2LoadAsksForTheRoutes(t *testing.T) {
	path, err := exec.LookPath("h2load")
	if err != nil {
		t.Skip(err)
	}
	pages := server(t, backend.H2Pages)
	calls, stop, err := backend.Calls()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for name, target := range map[string]load.Target{"pages": pages, "calls": {Addr: calls}} {
		t.Run(name, func(t *testing.T) {
			l := load.H2Load{
				Path: path, Dir: t.TempDir(), Start: (*exec.Cmd).Start, URL: target.URL(),
				Clients: 2, Streams: 8, Duration: time.Second, Routes: 100, Calls: name == "calls",
			}
			r, err := l.Run(t.Context())
			wantNoErrors(t, r, err)
			if r.Elapsed < 900*time.Millisecond || r.Count < 100 {
				t.Errorf("%.0f answers in %v", r.Count, r.Elapsed)
			}
		})
	}
}
