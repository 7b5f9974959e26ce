// Package serve runs the HTTP servers of the test images until they are told to
// stop, and lets requests in flight end first, as a pod that is replaced should.
// It speaks HTTP/1 only, as the servers that these images stand in for.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// grace is how long requests in flight may take once a server has to stop.
const grace = 10 * time.Second

// Server is an HTTP server on an address of its own.
type Server struct {
	Listener net.Listener
	Handler  http.Handler
	// TLS is nil for none.
	TLS *tls.Config
}

// Listen opens the address of a server.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
}

// Run serves until the context ends or a server fails, and stops all of them then.
func Run(ctx context.Context, servers ...Server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failures := make([]error, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() {
			defer cancel()
			failures[i] = s.run(ctx)
		})
	}
	wg.Wait()
	return errors.Join(failures...)
}

func (s Server) run(ctx context.Context) error {
	server := &http.Server{Handler: s.Handler, TLSConfig: s.TLS, ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true) // the originals speak nothing else
	stopped := make(chan error, 1)
	go func() { // ends with the context
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		stopped <- server.Shutdown(late)
	}()
	var err error
	if s.TLS != nil {
		err = server.ServeTLS(s.Listener, "", "")
	} else {
		err = server.Serve(s.Listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", s.Listener.Addr(), err)
	}
	return <-stopped
}
