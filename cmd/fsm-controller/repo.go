package main

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

// serveRepo answers every GET with an empty page, as users know it from port 6060
// of the controller.
func serveRepo(ctx context.Context, wg *sync.WaitGroup, addr string, log *slog.Logger) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on --repo: %w", err)
	}
	s := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Length", "0")
	})}
	wg.Go(func() {
		if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("repo ended", "error", err)
		}
	})
	wg.Go(func() {
		<-ctx.Done()
		_ = s.Close() // what it answers is lost by nobody
	})
	return nil
}
