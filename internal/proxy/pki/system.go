package pki

import (
	"crypto/x509"
	"fmt"
	"sync"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"fsm/internal/ir"
)

// systemRoots are the authorities that the machine trusts, and more.
func systemRoots(more []*ir.Secret) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's authorities: %w", err)
	}
	if pool, err = orBundled(pool); err != nil {
		return nil, err
	}
	for _, s := range more {
		if err := addAuthorities(pool, s); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

// orBundled is the pool itself, or the authorities of the bundle if nothing is in
// it, as on a machine without a trust store: our own image is one.
//
// Importing package fallback would do the same, at the cost of reading all of them
// at every start of every proxy, most of which never need them.
func orBundled(pool *x509.CertPool) (*x509.CertPool, error) {
	if !pool.Equal(x509.NewCertPool()) {
		return pool, nil
	}
	roots, err := bundled()
	if err != nil {
		return nil, err
	}
	return roots.Clone(), nil
}

// bundled are the authorities that Mozilla trusts for servers.
var bundled = sync.OnceValues(func() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("read bundled authorities: %w", err)
		}
		if root.Constraint == nil {
			pool.AddCert(certificate)
		} else { // trusted for certificates from before some day only
			pool.AddCertWithConstraint(certificate, root.Constraint)
		}
	}
	return pool, nil
})
