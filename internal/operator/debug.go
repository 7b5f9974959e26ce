package operator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// serveDebug tells people what this replica knows, until the context ends. They get
// there by a tunnel through the API server, because the listener is one of the
// pod's loopback interface.
func (c *controlPlane) serveDebug(ctx context.Context, wg *sync.WaitGroup, ln net.Listener) {
	s := &http.Server{
		Handler: c.debug(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	wg.Go(func() {
		if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("debug interface ended", "error", err)
		}
	})
	wg.Go(func() {
		<-ctx.Done()
		_ = s.Close() // what it answers is lost by nobody
	})
}

// debug has one endpoint: the proxies that are connected to this replica.
func (c *controlPlane) debug() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /proxies", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.server.Proxies()) // an error is the connection's
	})
	return mux
}
