package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"

	"fsm/test/images/serve"
)

const (
	// tutorialConfig is the configuration that the pages on Ingress start.
	tutorialConfig = "/etc/pipy/tutorial/gateway/main.js"
	// tutorialSecret is where they mount the certificate of its TLS port.
	tutorialSecret = "/etc/pipy/tutorial/gateway/secret"
)

// page is what the tutorial serves at its root.
const page = `<!DOCTYPE html>
<html>
  <head>
    <title>Hi, Pipy!</title>
  </head>
  <body>
    <h1>Hi, Pipy!</h1>
    <p>This is a web page served from Pipy.</p>
  </body>
</html>
`

// tutorial are the servers of the tutorial's gateway: one in plain text, and one
// with TLS if there is a certificate for it.
func tutorial(ctx context.Context, secret string) ([]serve.Server, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, page)
	})
	hi := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Hi, there!\n") }
	mux.HandleFunc("/hi", hi)
	mux.HandleFunc("/hi/", hi)
	plain, err := serve.Listen(ctx, ":8000")
	if err != nil {
		return nil, err
	}
	servers := []serve.Server{{Listener: plain, Handler: mux}}
	pair, err := tls.LoadX509KeyPair(filepath.Join(secret, "server-cert.pem"), filepath.Join(secret, "server-key.pem"))
	if errors.Is(err, fs.ErrNotExist) {
		return servers, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w", err)
	}
	secure, err := serve.Listen(ctx, ":8443")
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return append(servers, serve.Server{Listener: secure, Handler: mux, TLS: cfg}), nil
}
