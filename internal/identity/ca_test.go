package identity_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
)

func ecdsaKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func uri(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return u
}

func der(t testing.TB, value any) []byte {
	t.Helper()
	data, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var webURI = uri("spiffe://cluster.local/ns/shop/gateway/web")

// TestSign: an honest request gets a certificate for the name, for the uses of its
// role, for a day, and for nothing else.
func TestSign(t *testing.T) {
	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	roots, err := identity.ParseRoots(ca.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	client, server := x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	tests := []struct {
		id     identity.ID
		dns    []string
		may    []x509.ExtKeyUsage
		mayNot []x509.ExtKeyUsage
	}{
		{gatewayID, nil, []x509.ExtKeyUsage{client}, []x509.ExtKeyUsage{server}},
		{sidecarID, nil, []x509.ExtKeyUsage{client, server}, nil},
		{controllerID, []string{"fsm-controller.fsm-system.svc", "fsm-controller.fsm-system"}, []x509.ExtKeyUsage{client, server}, nil},
	}
	for _, test := range tests {
		t.Run(string(test.id.Role), func(t *testing.T) {
			template := &x509.CertificateRequest{URIs: []*url.URL{uri(test.id.String())}, DNSNames: test.dns}
			chain, err := ca.Sign(request(t, template, ecdsaKey(t, elliptic.P256())), test.id)
			if err != nil {
				t.Fatal(err)
			}
			cert := leaf(t, chain)
			for _, usage := range test.may {
				if got, err := roots.Verify([]*x509.Certificate{cert}, usage); err != nil || got != test.id {
					t.Errorf("for usage %d it is %v, %v", usage, got, err)
				}
			}
			for _, usage := range test.mayNot {
				if got, err := roots.Verify([]*x509.Certificate{cert}, usage); err == nil {
					t.Errorf("for usage %d it is good for %v", usage, got)
				}
			}
			if !slices.Equal(cert.DNSNames, test.dns) {
				t.Errorf("DNS names are %v", cert.DNSNames)
			}
			if cert.IsCA || cert.KeyUsage != x509.KeyUsageDigitalSignature || len(cert.Subject.Names) > 0 {
				t.Errorf("authority %v, key usage %b, subject %v", cert.IsCA, cert.KeyUsage, cert.Subject)
			}
			if life := time.Until(cert.NotAfter); life > 24*time.Hour || life < 23*time.Hour {
				t.Errorf("it is good for %v", life)
			}
			if !cert.NotBefore.Before(time.Now()) {
				t.Error("it is not good yet")
			}
		})
	}
}

// TestRefuse: whatever asks for something else than exactly the name that its
// sender has proved to have is refused.
func TestRefuse(t *testing.T) {
	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	good := func() *x509.CertificateRequest { return &x509.CertificateRequest{URIs: []*url.URL{webURI}} }
	with := func(change func(*x509.CertificateRequest)) *x509.CertificateRequest {
		r := good()
		change(r)
		return r
	}
	extension := func(oid asn1.ObjectIdentifier, value any) *x509.CertificateRequest {
		return with(func(r *x509.CertificateRequest) {
			r.ExtraExtensions = []pkix.Extension{{Id: oid, Value: der(t, value)}}
		})
	}
	names := func(values ...asn1.RawValue) *x509.CertificateRequest {
		return &x509.CertificateRequest{ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der(t, values)}}}
	}
	own := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(webURI.String())}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256 := ecdsaKey(t, elliptic.P256())
	tests := []struct {
		name     string
		template *x509.CertificateRequest
		key      crypto.Signer
	}{
		{"another Gateway", &x509.CertificateRequest{URIs: []*url.URL{uri("spiffe://cluster.local/ns/shop/gateway/other")}}, p256},
		{"another namespace", &x509.CertificateRequest{URIs: []*url.URL{uri("spiffe://cluster.local/ns/bank/gateway/web")}}, p256},
		{"another role", &x509.CertificateRequest{URIs: []*url.URL{uri("spiffe://cluster.local/ns/shop/sa/web")}}, p256},
		{"the controller", &x509.CertificateRequest{URIs: []*url.URL{uri(controllerID.String())}}, p256},
		{"another trust domain", &x509.CertificateRequest{URIs: []*url.URL{uri("spiffe://other.local/ns/shop/gateway/web")}}, p256},
		{"a wildcard", &x509.CertificateRequest{URIs: []*url.URL{uri("spiffe://cluster.local/ns/shop/gateway/*")}}, p256},
		{"a prefix", &x509.CertificateRequest{URIs: []*url.URL{uri("spiffe://cluster.local/ns/shop/gateway/we")}}, p256},
		{"more behind", &x509.CertificateRequest{URIs: []*url.URL{uri("spiffe://cluster.local/ns/shop/gateway/web/x")}}, p256},
		{"NUL", names(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(webURI.String() + "\x00.example")}), p256},
		{"capitals", &x509.CertificateRequest{URIs: []*url.URL{{Scheme: "spiffe", Host: "CLUSTER.local", Path: webURI.Path}}}, p256},
		{"no names", &x509.CertificateRequest{}, p256},
		{"two URIs", with(func(r *x509.CertificateRequest) { r.URIs = append(r.URIs, uri(controllerID.String())) }), p256},
		{"the same URI twice", with(func(r *x509.CertificateRequest) { r.URIs = append(r.URIs, webURI) }), p256},
		{"a DNS name", with(func(r *x509.CertificateRequest) { r.DNSNames = []string{"fsm-controller.fsm-system.svc"} }), p256},
		{"an IP address", with(func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{{10, 0, 0, 1}} }), p256},
		{"an email address", with(func(r *x509.CertificateRequest) { r.EmailAddresses = []string{"a@example.com"} }), p256},
		{"a directory name", names(own, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: []byte{0x30, 0}}), p256},
		{"another name", names(own, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: []byte{6, 1, 42, 0xa0, 2, 12, 0}}), p256},
		{"a common name", with(func(r *x509.CertificateRequest) { r.Subject.CommonName = "web" }), p256},
		{"an organisation", with(func(r *x509.CertificateRequest) { r.Subject.Organization = []string{"system:masters"} }), p256},
		{"to be an authority", extension(asn1.ObjectIdentifier{2, 5, 29, 19}, struct{ CA bool }{true}), p256},
		{"to sign certificates", extension(asn1.ObjectIdentifier{2, 5, 29, 15}, asn1.BitString{Bytes: []byte{4}, BitLength: 6}), p256},
		{"to be a server", extension(asn1.ObjectIdentifier{2, 5, 29, 37}, []asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 1}}), p256},
		{"an unknown extension", extension(asn1.ObjectIdentifier{1, 2, 3, 4}, 1), p256},
		{"an RSA key", good(), rsaKey},
		{"an Ed25519 key", good(), edKey},
		{"a P-224 key", good(), ecdsaKey(t, elliptic.P224())},
		{"a P-384 key", good(), ecdsaKey(t, elliptic.P384())},
		{"a P-521 key", good(), ecdsaKey(t, elliptic.P521())},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			chain, err := ca.Sign(request(t, test.template, test.key), gatewayID)
			if !errors.Is(err, identity.ErrRefused) {
				t.Errorf("got %q, %v", chain, err)
			}
		})
	}
}

// TestRefuseTexts: what is not one clean request is refused, and so is every request
// of somebody who is nobody.
func TestRefuseTexts(t *testing.T) {
	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	honest := request(t, &x509.CertificateRequest{URIs: []*url.URL{webURI}}, ecdsaKey(t, elliptic.P256()))
	if _, err := ca.Sign(honest, gatewayID); err != nil {
		t.Fatalf("the honest request: %v", err)
	}

	block, _ := pem.Decode(honest)
	block.Bytes[len(block.Bytes)-1] ^= 1
	broken := pem.EncodeToMemory(block)
	texts := map[string][]byte{
		"nothing":             nil,
		"not PEM":             []byte("hello"),
		"a certificate":       ca.Bundle(),
		"two requests":        slices.Concat(honest, honest),
		"headers":             []byte(strings.Replace(string(honest), "-----\n", "-----\nA: b\n\n", 1)),
		"something behind":    slices.Concat(honest, []byte("x")),
		"too long":            slices.Concat(honest, bytes.Repeat([]byte("\n"), identity.MaxRequest)),
		"a foreign signature": broken,
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			if chain, err := ca.Sign(text, gatewayID); !errors.Is(err, identity.ErrRefused) {
				t.Errorf("got %q, %v", chain, err)
			}
		})
	}
	for _, id := range []identity.ID{{}, {TrustDomain: "other.local", Role: identity.Gateway, Namespace: "shop", Name: "web"}} {
		if chain, err := ca.Sign(honest, id); !errors.Is(err, identity.ErrRefused) {
			t.Errorf("for %v got %q, %v", id, chain, err)
		}
	}
}

// TestOpenCA: the root survives restarts, and controllers that start at once agree
// on one.
func TestOpenCA(t *testing.T) {
	store := &identitytest.Store{}
	bundles := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range bundles {
		wg.Go(func() { bundles[i] = identitytest.Open(t, store, 0).Bundle() })
	}
	wg.Wait()
	for _, b := range bundles {
		if !bytes.Equal(b, store.Kept.Certificate) {
			t.Errorf("an authority has another root")
		}
	}
	if store.Created != 1 {
		t.Errorf("%d roots were made", store.Created)
	}
	root := leaf(t, bundles[0])
	if life := time.Until(root.NotAfter); life < identity.RootLifetime-time.Hour || !root.IsCA || !root.MaxPathLenZero {
		t.Errorf("the root is good for %v, authority %v, path length %d", life, root.IsCA, root.MaxPathLen)
	}
}

// TestOpenCAProblems: a store that has something else than a root is not
// overwritten.
func TestOpenCAProblems(t *testing.T) {
	good, other := &identitytest.Store{}, &identitytest.Store{}
	identitytest.Open(t, good, 0)
	identitytest.Open(t, other, 0)
	tests := map[string]identity.Material{
		"nothing in it":     {},
		"no key":            {Certificate: good.Kept.Certificate},
		"another's key":     {Certificate: good.Kept.Certificate, Key: other.Kept.Key},
		"two certificates":  {Certificate: slices.Concat(good.Kept.Certificate, other.Kept.Certificate), Key: good.Kept.Key},
		"broken other root": {Certificate: good.Kept.Certificate, Key: good.Kept.Key, Others: []byte("x")},
	}
	for name, m := range tests {
		t.Run(name, func(t *testing.T) {
			store := &identitytest.Store{Kept: &m}
			if _, err := identity.OpenCA(t.Context(), identity.CAConfig{TrustDomain: trustDomain, Store: store}); err == nil {
				t.Error("it opens")
			}
			if store.Created != 0 {
				t.Error("it was overwritten")
			}
		})
	}
	if _, err := identity.OpenCA(t.Context(), identity.CAConfig{TrustDomain: trustDomain, Store: unreachable{}}); !errors.Is(err, errUnreachable) {
		t.Errorf("the error is %v", err)
	}
}

var errUnreachable = errors.New("unreachable")

type unreachable struct{}

func (unreachable) Load(context.Context) (identity.Material, error) {
	return identity.Material{}, errUnreachable
}
func (unreachable) Create(context.Context, identity.Material) error { return errUnreachable }

// TestLeafLifetime: another lifetime counts from then on.
func TestLeafLifetime(t *testing.T) {
	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	ca.SetLeafLifetime(2 * time.Hour)
	chain, err := ca.Sign(request(t, &x509.CertificateRequest{URIs: []*url.URL{uri(gatewayID.String())}}, ecdsaKey(t, elliptic.P256())), gatewayID)
	if err != nil {
		t.Fatal(err)
	}
	if life := time.Until(leaf(t, chain).NotAfter); life > 2*time.Hour || life < time.Hour {
		t.Errorf("it is good for %v", life)
	}
}
