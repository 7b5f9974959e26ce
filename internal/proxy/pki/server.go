package pki

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"fsm/internal/ir"
)

// Secrets finds the secrets of a snapshot.
type Secrets map[ir.SecretName]*ir.Secret

func (s Secrets) list(names []ir.SecretName) []*ir.Secret {
	list := make([]*ir.Secret, len(names))
	for i, n := range names {
		list[i] = s[n]
	}
	return list
}

// ServerConfig makes the configuration for terminating TLS. When some of the
// certificates cannot be used the others are, and the error says so; the
// configuration is nil when there is nothing to serve with.
func ServerConfig(t *ir.ServerTLS, secrets Secrets) (*tls.Config, error) {
	var problems []error
	var choice certificateChoice
	for _, name := range t.Certificates {
		cert, err := KeyPair(secrets[name])
		if err != nil {
			problems = append(problems, fmt.Errorf("certificate %s: %w", name, err))
			continue
		}
		choice.add(cert)
	}
	if choice.first == nil {
		return nil, errors.Join(append(problems, errors.New("no certificate to serve with"))...)
	}
	cfg := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     t.ALPN,
		GetCertificate: choice.get,
	}
	if t.Clients != nil {
		pool, err := Authorities(secrets.list(t.Clients.Authorities))
		if err != nil && !t.Clients.Optional {
			// Without the authorities nobody could be let in; nor may everybody.
			return nil, fmt.Errorf("client authorities: %w", err)
		}
		cfg.ClientCAs, cfg.ClientAuth = pool, tls.RequireAndVerifyClientCert
		if t.Clients.Optional {
			cfg.ClientAuth = tls.RequestClientCert
		}
	}
	return cfg, errors.Join(problems...)
}

// certificateChoice finds the certificate for a server name.
type certificateChoice struct {
	first    *tls.Certificate
	exact    map[string][]*tls.Certificate
	wildcard map[string][]*tls.Certificate // by what follows the star's label
}

func (c *certificateChoice) add(cert *tls.Certificate) {
	if c.first == nil {
		c.first = cert
		c.exact, c.wildcard = map[string][]*tls.Certificate{}, map[string][]*tls.Certificate{}
	}
	for _, name := range Names(cert.Leaf) {
		if suffix, ok := strings.CutPrefix(name, "*."); ok {
			c.wildcard[suffix] = append(c.wildcard[suffix], cert)
		} else {
			c.exact[name] = append(c.exact[name], cert)
		}
	}
}

// get implements tls.Config.GetCertificate: exact names before wildcards, before
// the first of all; among several the first that the client can use.
func (c *certificateChoice) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.TrimSuffix(strings.ToLower(hello.ServerName), ".")
	candidates := c.exact[name]
	if _, parent, ok := strings.Cut(name, "."); ok && len(candidates) == 0 {
		candidates = c.wildcard[parent]
	}
	for _, cert := range candidates {
		if hello.SupportsCertificate(cert) == nil {
			return cert, nil
		}
	}
	if len(candidates) > 0 {
		return candidates[0], nil
	}
	return c.first, nil
}
