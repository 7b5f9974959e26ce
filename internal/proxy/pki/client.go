package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"fsm/internal/ir"
)

// ClientConfig makes the configuration for TLS towards a backend. The
// certificate's chain is verified unless t takes any; its name as t says.
func ClientConfig(t *ir.BackendTLS, secrets Secrets) (*tls.Config, error) {
	roots, err := Authorities(secrets.list(t.Authorities))
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	if t.SystemAuthorities {
		if roots, err = systemRoots(secrets.list(t.Authorities)); err != nil {
			return nil, err
		}
	} else if len(t.Authorities) == 0 && !t.SkipVerification {
		return nil, errors.New("no authorities to verify the backend with")
	}
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: t.ServerName,
		// VerifyConnection below verifies in its place, common names included.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if t.SkipVerification {
				return nil
			}
			return verifyServer(state.PeerCertificates, roots, t)
		},
		ClientSessionCache: tls.NewLRUClientSessionCache(64),
	}
	if t.Certificate != "" {
		cert, err := KeyPair(secrets[t.Certificate])
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{*cert}
	}
	return cfg, nil
}

// verifyServer checks a backend's chain against the roots, and its name against
// the subject alternative names that are wanted, or else the server name.
func verifyServer(chain []*x509.Certificate, roots *x509.CertPool, t *ir.BackendTLS) error {
	if len(chain) == 0 {
		return errors.New("backend showed no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, cert := range chain[1:] {
		intermediates.AddCert(cert)
	}
	leaf := chain[0]
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
		return err
	}
	if len(t.SubjectAltNames) > 0 {
		if !slices.ContainsFunc(t.SubjectAltNames, func(want ir.SubjectAltName) bool { return hasAltName(leaf, want) }) {
			return errors.New("certificate has none of the wanted subject alternative names")
		}
		return nil
	}
	if t.ServerName == "" {
		return nil // the policy trusts whatever the authorities signed
	}
	return verifyName(leaf, t.ServerName)
}

func hasAltName(leaf *x509.Certificate, want ir.SubjectAltName) bool {
	if want.URI != "" {
		for _, uri := range leaf.URIs {
			if uri.String() == want.URI {
				return true
			}
		}
		return false
	}
	for _, name := range leaf.DNSNames {
		if matchName(name, want.DNS) {
			return true
		}
	}
	return false
}
