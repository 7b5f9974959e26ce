// Package identitytest makes authorities, and what they certify, for tests of those who
// depend on package identity. What it keeps is kept in memory only.
package identitytest

import (
	"context"
	"crypto/tls"
	"io/fs"
	"sync"
	"testing"
	"time"

	"fsm/internal/identity"
)

// Store is one that several authorities may share.
type Store struct {
	mu sync.Mutex
	// Kept is what is in it, and Created how often that was made by an authority.
	Kept    *identity.Material
	Created int
}

// Load implements identity.Store.
func (s *Store) Load(context.Context) (identity.Material, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Kept == nil {
		return identity.Material{}, fs.ErrNotExist
	}
	return *s.Kept, nil
}

// Create implements identity.Store.
func (s *Store) Create(_ context.Context, kept identity.Material) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Kept != nil {
		return fs.ErrExist
	}
	s.Kept = &kept
	s.Created++
	return nil
}

// TrustDomain is that of the authorities.
const TrustDomain = "cluster.local"

// Open opens an authority; a lifetime of zero is the usual one.
func Open(t testing.TB, store identity.Store, lifetime time.Duration) *identity.CA {
	t.Helper()
	ca, err := identity.OpenCA(t.Context(), identity.CAConfig{TrustDomain: TrustDomain, Store: store, LeafLifetime: lifetime})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// Certificate is what a process of that name has, until the test ends.
func Certificate(t testing.TB, ca *identity.CA, id identity.ID) func() (*tls.Certificate, error) {
	t.Helper()
	r := identity.NewRenewer(identity.RenewerConfig{
		ID:      id,
		Request: func(_ context.Context, request []byte) ([]byte, error) { return ca.Sign(request, id) },
		Failed:  func(err error, _ time.Duration) { t.Error(err) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	<-r.Ready()
	return r.Certificate
}
