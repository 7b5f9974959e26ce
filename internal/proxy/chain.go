package proxy

import (
	"crypto/tls"
	"encoding/json"

	"fsm/internal/ir"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/http2"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/pki"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/stack"
)

// serveHTTP serves connections with the version of HTTP that the client speaks: by
// ALPN on TLS, else by how it begins.
func serveHTTP(h *stack.HTTP) func(*socket.Stream, *message.Connection, func()) {
	return func(stream *socket.Stream, info *message.Connection, closed func()) {
		switch {
		case info.TLS == nil:
			http1.Serve(stream, info, h, closed, http2.Serve)
		case info.TLS.NegotiatedProtocol == "h2":
			http2.Serve(stream, info, h, closed)
		default:
			http1.Serve(stream, info, h, closed, nil)
		}
	}
}

// chainTLS keeps a TLS configuration while what it was made of stays the same,
// so that clients can resume sessions across snapshots.
type chainTLS struct {
	hash    string
	current *tls.Config
	problem error
}

func (c *chainTLS) config(t *ir.ServerTLS, secrets pki.Secrets) (*tls.Config, error) {
	hash := hashTLS(t, secrets)
	if hash != c.hash {
		c.hash = hash
		c.current, c.problem = pki.ServerConfig(t, secrets)
	}
	return c.current, c.problem
}

func hashTLS(t *ir.ServerTLS, secrets pki.Secrets) string {
	data, err := json.Marshal(t)
	if err != nil {
		panic("proxy: TLS settings do not marshal: " + err.Error())
	}
	h := string(data)
	names := t.Certificates
	if t.Clients != nil {
		names = append(names[:len(names):len(names)], t.Clients.Authorities...)
	}
	for _, name := range names {
		if s := secrets[name]; s != nil {
			h += " " + s.Hash()
		}
	}
	return h
}
