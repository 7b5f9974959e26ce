package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// Options of a load.
type Options struct {
	// Address is the host and port that requests go to, and Host what they ask for.
	Address, Host string
	// Rate is how many requests begin each second.
	Rate float64
	// Clients share the rate. Each has one request under way at most, and leaves out
	// what it comes too late for.
	Clients int
	// Fresh has every request use a connection of its own. Otherwise each client keeps
	// one.
	Fresh bool
	// Timeout bounds a request; 10 s if zero.
	Timeout time.Duration
}

// Result is what came of a load.
type Result struct {
	// Requests that ended, and how many of them Failed.
	Requests, Failed int
	// TimedOut are the failures that took too long.
	TimedOut int
	// Repeated are requests that found their kept connection closed and were sent again
	// over another one. Whoever asks does not notice.
	Repeated int
	// Slowest is the longest time that a request took that did not fail.
	Slowest time.Duration
	// Failures are the first few, each with the time since the load began.
	Failures []string
	// Bodies are the answers, by their text.
	Bodies map[string]int
}

// Load is one that is under way.
type Load struct {
	options Options
	begun   time.Time
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu       sync.Mutex
	result   Result
	progress chan struct{} // closed and replaced after each request
}

const (
	usualTimeout = 10 * time.Second
	// maxBody is how much of an answer is read.
	maxBody = 4 << 10
	// maxFailures is how many failures are told about.
	maxFailures = 8
)

// Start begins a load, which goes on until Stop or the end of the context.
func Start(ctx context.Context, o Options) *Load {
	if o.Timeout == 0 {
		o.Timeout = usualTimeout
	}
	ctx, stop := context.WithCancel(ctx)
	l := &Load{
		options: o, begun: time.Now(), stop: stop,
		result: Result{Bodies: map[string]int{}}, progress: make(chan struct{}),
	}
	every := time.Duration(float64(o.Clients) / o.Rate * float64(time.Second))
	for i := range o.Clients {
		offset := every * time.Duration(i) / time.Duration(o.Clients)
		l.done.Go(func() { l.client(ctx, offset, every) })
	}
	return l
}

// Stop ends the load. Requests under way end by themselves.
func (l *Load) Stop() Result {
	l.stop()
	l.done.Wait()
	return l.Result()
}

// Result is what came of the load until now.
func (l *Load) Result() Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.result
	r.Bodies = maps.Clone(r.Bodies)
	r.Failures = append([]string(nil), r.Failures...)
	return r
}

// Reach waits until so many requests have ended.
func (l *Load) Reach(ctx context.Context, requests int) error {
	for {
		l.mu.Lock()
		n, progress := l.result.Requests, l.progress
		l.mu.Unlock()
		if n >= requests {
			return nil
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d requests, %d ended: %w", requests, n, context.Cause(ctx))
		}
	}
}

// client sends one request after the other, until the context ends.
func (l *Load) client(ctx context.Context, offset, every time.Duration) {
	transport := &http.Transport{
		DisableKeepAlives: l.options.Fresh, MaxIdleConnsPerHost: 1, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: l.options.Timeout}).DialContext,
	}
	defer transport.CloseIdleConnections()
	first := time.NewTimer(offset)
	defer first.Stop()
	select {
	case <-ctx.Done():
		return
	case <-first.C:
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		l.request(context.WithoutCancel(ctx), transport)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// request sends one and takes in what came of it.
func (l *Load) request(ctx context.Context, transport http.RoundTripper) {
	ctx, cancel := context.WithTimeout(ctx, l.options.Timeout)
	defer cancel()
	connections := 0
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connections++ }})
	begun := time.Now()
	body, err := ask(ctx, transport, l.options)
	took := time.Since(begun)

	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.result
	r.Requests++
	r.Repeated += max(connections-1, 0)
	if err != nil {
		l.failed(begun, err)
	} else {
		r.Bodies[body]++
		r.Slowest = max(r.Slowest, took)
	}
	close(l.progress)
	l.progress = make(chan struct{})
}

// failed takes in a failure. The lock is held.
func (l *Load) failed(begun time.Time, err error) {
	r := &l.result
	r.Failed++
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		r.TimedOut++
	}
	if len(r.Failures) < maxFailures {
		r.Failures = append(r.Failures, fmt.Sprintf("after %.3f s: %v", begun.Sub(l.begun).Seconds(), err))
	}
}

// ask sends a request and returns the text of its answer.
func ask(ctx context.Context, transport http.RoundTripper, o Options) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.Address+"/", nil)
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	request.Host = o.Host
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return "", fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", response.StatusCode, body)
	}
	return string(body), nil
}
