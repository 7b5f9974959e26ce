package identity

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// Roots are the authorities that are trusted. There is more than one while a root
// is being replaced.
type Roots struct{ pool *x509.CertPool }

// ParseRoots reads a bundle in PEM.
func ParseRoots(bundle []byte) (*Roots, error) {
	certs, err := parseCertificates(bundle)
	if err != nil {
		return nil, err
	}
	r := &Roots{x509.NewCertPool()}
	for i, c := range certs {
		if !c.IsCA {
			return nil, fmt.Errorf("certificate %d is not one of an authority", i+1)
		}
		r.pool.AddCert(c)
	}
	return r, nil
}

// parseCertificates reads at least one certificate.
func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for len(bytes.TrimSpace(text)) > 0 {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil || block.Type != certificateType {
			return nil, errors.New("want PEM blocks CERTIFICATE and nothing else")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("no certificates")
	}
	return certs, nil
}

// Verify checks a chain, leaf first, and returns whose it is.
func (r *Roots) Verify(chain []*x509.Certificate, usage x509.ExtKeyUsage) (ID, error) {
	if len(chain) == 0 {
		return ID{}, errors.New("no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{
		Roots: r.pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage},
	}); err != nil {
		return ID{}, err
	}
	return IDOf(chain[0])
}

// Trust says which roots are trusted now. It is asked for each connection, so that
// a new bundle needs no restart.
type Trust func() (*Roots, error)

// TrustBundle trusts the roots of a bundle.
func TrustBundle(bundle []byte) Trust {
	roots, err := ParseRoots(bundle)
	return func() (*Roots, error) { return roots, err }
}

// TrustFile trusts the roots in a file as it is at the time.
func TrustFile(path string) Trust {
	return func() (*Roots, error) {
		bundle, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read trusted roots: %w", err)
		}
		roots, err := ParseRoots(bundle)
		if err != nil {
			return nil, fmt.Errorf("read trusted roots %s: %w", path, err)
		}
		return roots, nil
	}
}
