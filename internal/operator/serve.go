package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// serve serves one of the control plane's own interfaces until the context ends. A
// listener that is nil serves nothing.
func (c *controlPlane) serve(ctx context.Context, wg *sync.WaitGroup, what string, ln net.Listener, h http.Handler) {
	if ln == nil {
		return
	}
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	wg.Go(func() {
		if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error(what+" ended", "error", err)
		}
	})
	wg.Go(func() {
		<-ctx.Done()
		_ = s.Close() // what it answers is lost by nobody
	})
}

// health tells the kubelet that the process runs, and whether proxies may be sent
// here. Who leads makes no difference: every replica delivers.
func (c *controlPlane) health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "OK") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := c.unready(); why != "" {
			http.Error(w, why, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "OK")
	})
	return mux
}

// unready is what the control plane waits for before it is of use; empty for nothing.
// A replica that has become ready stays so without an API server: what it has is as
// good as what any other has.
func (c *controlPlane) unready() string {
	switch {
	case !c.started.Load():
		return "the cluster is still being read"
	case c.configured().serving() && !c.delivered.Load():
		return "nothing was translated yet"
	}
	return ""
}
