package identity_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
)

const trustDomain = identitytest.TrustDomain

var (
	controllerID = identity.ID{TrustDomain: trustDomain, Role: identity.Controller, Namespace: "fsm-system", Name: "fsm-controller"}
	gatewayID    = identity.ID{TrustDomain: trustDomain, Role: identity.Gateway, Namespace: "shop", Name: "web"}
	sidecarID    = identity.ID{TrustDomain: trustDomain, Role: identity.Sidecar, Namespace: "shop", Name: "cart"}
)

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
