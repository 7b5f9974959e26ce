package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// interval is that between two requests of one client.
const interval = 20 * time.Millisecond

// load is traffic that goes on while a script does something else. It is light: what it
// is to find is a request that fails.
type load struct {
	url, host string
	cancel    context.CancelFunc
	clients   sync.WaitGroup

	mu       sync.Mutex
	requests int
	failures []string
}

// cmdLoad begins to send requests that must all be answered with 200: "load URL HOST".
// One client keeps its connection, one makes another for each request.
func cmdLoad(ts *testscript.TestScript, neg bool, args []string) {
	s := sessionOf(ts)
	if neg || len(args) != 2 || s.load != nil {
		ts.Fatalf("usage, once at a time: load URL HOST")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.load = &load{url: args[0], host: args[1], cancel: cancel}
	s.load.clients.Go(func() { s.load.run(ctx, &http.Transport{}) })
	s.load.clients.Go(func() { s.load.run(ctx, &http.Transport{DisableKeepAlives: true}) })
}

// cmdUnload ends it and fails if a request did.
func cmdUnload(ts *testscript.TestScript, neg bool, args []string) {
	s := sessionOf(ts)
	if neg || len(args) != 0 || s.load == nil {
		ts.Fatalf("usage, after load: unload")
	}
	l := s.load
	l.end()
	s.load = nil
	ts.Logf("%d requests", l.requests)
	if l.requests == 0 {
		ts.Fatalf("no request was made")
	}
	if n := len(l.failures); n > 0 {
		ts.Fatalf("%d of %d requests failed, the first: %s", n, l.requests, l.failures[0])
	}
}

// end ends the load, if there is one.
func (l *load) end() {
	if l == nil {
		return
	}
	l.cancel()
	l.clients.Wait()
}

func (l *load) run(ctx context.Context, transport *http.Transport) {
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.note(l.send(client))
		}
	}
}

// send makes a request. It is not cut short when the load ends.
func (l *load) send(client *http.Client) error {
	request, err := http.NewRequest(http.MethodGet, l.url, nil)
	if err != nil {
		return err
	}
	request.Host = l.host
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d, %s", response.StatusCode, response.Header.Get("Fsm-Reason"))
	}
	return nil
}

func (l *load) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if err != nil {
		l.failures = append(l.failures, time.Now().Format(time.TimeOnly)+" "+err.Error())
	}
}
