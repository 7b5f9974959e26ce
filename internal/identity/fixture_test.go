package identity_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"sync"
	"testing"
	"time"

	"fsm/internal/identity"
)

const trustDomain = "cluster.local"

var (
	controllerID = identity.ID{TrustDomain: trustDomain, Role: identity.Controller, Namespace: "fsm-system", Name: "fsm-controller"}
	gatewayID    = identity.ID{TrustDomain: trustDomain, Role: identity.Gateway, Namespace: "shop", Name: "web"}
	sidecarID    = identity.ID{TrustDomain: trustDomain, Role: identity.Sidecar, Namespace: "shop", Name: "cart"}
)

// memory is a store that several authorities may share.
type memory struct {
	mu      sync.Mutex
	kept    *identity.Material
	created int
}

func (m *memory) Load(context.Context) (identity.Material, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		return identity.Material{}, fs.ErrNotExist
	}
	return *m.kept, nil
}

func (m *memory) Create(_ context.Context, kept identity.Material) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept != nil {
		return fs.ErrExist
	}
	m.kept = &kept
	m.created++
	return nil
}

func open(t testing.TB, store identity.Store, lifetime time.Duration) *identity.CA {
	t.Helper()
	ca, err := identity.OpenCA(t.Context(), identity.CAConfig{TrustDomain: trustDomain, Store: store, LeafLifetime: lifetime})
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// request is a signing request made of a template.
func request(t testing.TB, template *x509.CertificateRequest, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func leaf(t testing.TB, chain []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(chain)
	if block == nil {
		t.Fatalf("not PEM: %s", chain)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// certificate is what a process of that name has.
func certificate(t testing.TB, ca *identity.CA, id identity.ID) func() (*tls.Certificate, error) {
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
