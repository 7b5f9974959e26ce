// Command gunicorn is what the image kennethreitz/httpbin starts: a server for
// one application, httpbin, with the flags that the image and the pages give it.
// What httpbin answers is in package standin.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"fsm/test/behavior/standin"
	"fsm/test/images/serve"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gunicorn:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := pflag.NewFlagSet("gunicorn", pflag.ContinueOnError)
	addr := flags.StringP("bind", "b", "127.0.0.1:8000", "address to listen on")
	worker := flags.StringP("worker-class", "k", "sync", "kind of workers; accepted, there is only one kind")
	certificate := flags.String("certfile", "", "file of the server's certificate")
	key := flags.String("keyfile", "", "file of the certificate's key")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if app := flags.Arg(0); flags.NArg() != 1 || app != "httpbin:app" {
		return errors.New("the only application is httpbin:app")
	}
	if *worker != "sync" && *worker != "gevent" {
		return fmt.Errorf("unknown kind of workers %q", *worker)
	}
	server := serve.Server{Handler: reading(standin.Httpbin())}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			return fmt.Errorf("load certificate: %w", err)
		}
		server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	var err error
	if server.Listener, err = serve.Listen(ctx, *addr); err != nil {
		return err
	}
	fmt.Println("listening at", server.Listener.Addr())
	return serve.Run(ctx, server)
}

// reading reads the body of a request before the request is answered, so that the
// time of an upload can be seen in that of the answer, as the page on bandwidth
// expects it.
func reading(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // the client is gone
		}
		next.ServeHTTP(w, r)
	})
}
