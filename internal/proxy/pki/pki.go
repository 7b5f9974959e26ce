package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"fsm/internal/ir"
)

// KeyPair reads the certificate and key of a secret.
func KeyPair(s *ir.Secret) (*tls.Certificate, error) {
	if s == nil {
		return nil, errors.New("secret is missing")
	}
	cert, err := tls.X509KeyPair([]byte(s.Certificate), []byte(s.Key.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("%s: read certificate and key: %w", s.Name, err)
	}
	if cert.Leaf == nil {
		if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return nil, fmt.Errorf("%s: read certificate: %w", s.Name, err)
		}
	}
	return &cert, nil
}

// Authorities reads the bundles of several secrets into one pool.
func Authorities(secrets []*ir.Secret) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for _, s := range secrets {
		if s == nil {
			return nil, errors.New("secret with authorities is missing")
		}
		if err := addAuthorities(pool, s); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

func addAuthorities(pool *x509.CertPool, s *ir.Secret) error {
	found := false
	for rest := []byte(s.Authorities); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("%s: read authority: %w", s.Name, err)
		}
		pool.AddCert(cert)
		found = true
	}
	if !found {
		return fmt.Errorf("%s: holds no certificate of an authority", s.Name)
	}
	return nil
}

// Names are the names a certificate speaks for, in lower case: DNS names and
// addresses, and the common name.
func Names(cert *x509.Certificate) []string {
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if cn := cert.Subject.CommonName; cn != "" {
		names = append(names, cn)
	}
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// verifyName checks that a certificate speaks for a host.
func verifyName(cert *x509.Certificate, host string) error {
	if len(cert.DNSNames)+len(cert.IPAddresses)+len(cert.URIs)+len(cert.EmailAddresses) > 0 {
		return cert.VerifyHostname(host)
	}
	if cn := cert.Subject.CommonName; !matchName(strings.ToLower(cn), strings.ToLower(host)) {
		return fmt.Errorf("certificate has the common name %q and no alternative names, wanted %q", cn, host)
	}
	return nil
}

// matchName compares a name with one of a certificate, whose first label may be
// a star for any one label (RFC 6125, section 6.4.3).
func matchName(pattern, host string) bool {
	host = strings.TrimSuffix(host, ".")
	if pattern == host {
		return host != ""
	}
	suffix, ok := strings.CutPrefix(pattern, "*.")
	if !ok {
		return false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	label, rest, ok := strings.Cut(host, ".")
	return ok && label != "" && rest == suffix
}
