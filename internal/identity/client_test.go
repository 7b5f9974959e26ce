package identity_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
)

func ingressClient() identity.Client {
	return identity.Client{Names: []string{"ingress.store.example", "192.0.2.1", "https://store.example/ingress"}, Lifetime: 24 * time.Hour}
}

// TestIssueClient: the certificate has the names, belongs to the key, is good for clients
// and for nothing else, and its bearer is nobody of ours.
func TestIssueClient(t *testing.T) {
	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	chain, key, err := ca.IssueClient(ingressClient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(chain, key); err != nil {
		t.Error(err)
	}
	c := leaf(t, chain)
	if c.Subject.CommonName != "ingress.store.example" || !slices.Equal(c.DNSNames, []string{"ingress.store.example"}) ||
		len(c.IPAddresses) != 1 || len(c.URIs) != 1 || c.IsCA {
		t.Errorf("names are %s, %v, %v, %v", c.Subject, c.DNSNames, c.IPAddresses, c.URIs)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.Bundle())
	for usage, want := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageClientAuth: true, x509.ExtKeyUsageServerAuth: false} {
		if _, err := c.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{usage}}); (err == nil) != want {
			t.Errorf("usage %v: %v", usage, err)
		}
	}
	roots, err := identity.ParseRoots(ca.Bundle())
	if err != nil {
		t.Fatal(err)
	}
	if id, err := roots.Verify([]*x509.Certificate{c}, x509.ExtKeyUsageClientAuth); err == nil {
		t.Errorf("it is taken for %s", id)
	}
}

// TestClientNames: names of ours, and what is no name, are refused.
func TestClientNames(t *testing.T) {
	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	for name, want := range map[string]string{
		"ingress.store.cluster.local": "", "2001:db8::1": "", "https://store.example": "", "urn:store:ingress": "",
		"": "want a DNS name", "Store.example": "want a DNS name", "*.example": "want a DNS name", "a b": "want a DNS name", "a\nb": "want a DNS name",
		"spiffe://cluster.local/ns/fsm-system/controller/fsm-controller": "SPIFFE ID", "SPIFFE://cluster.local/ns/shop/gateway/web": "SPIFFE ID",
	} {
		_, _, err := ca.IssueClient(identity.Client{Names: []string{"first.example", name}, Lifetime: time.Hour})
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", name, err)
		case want != "" && (!errors.Is(err, identity.ErrRefused) || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
	if _, _, err := ca.IssueClient(identity.Client{Lifetime: time.Hour}); !errors.Is(err, identity.ErrRefused) {
		t.Errorf("without a name: %v", err)
	}
}

// TestClientDue: a certificate is replaced at half of its life, and at once where it is
// not what is wanted.
func TestClientDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := identitytest.Open(t, &identitytest.Store{}, 0)
		want := ingressClient()
		begin := time.Now()
		chain, key, err := ca.IssueClient(want)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // as good later as at first
			if got := ca.ClientDue(chain, key, want).Sub(begin).Round(time.Second); got != 12*time.Hour {
				t.Errorf("due after %s", got)
			}
			time.Sleep(time.Hour)
		}
		foreign, foreignKey, err := identitytest.Open(t, &identitytest.Store{}, 0).IssueClient(want)
		if err != nil {
			t.Fatal(err)
		}
		fewer, shorter := ingressClient(), ingressClient()
		fewer.Names, shorter.Lifetime = fewer.Names[:1], time.Hour
		for name, test := range map[string]struct {
			chain, key []byte
			want       identity.Client
		}{
			"nothing there":     {nil, nil, want},
			"key of another":    {chain, foreignKey, want},
			"another authority": {foreign, foreignKey, want},
			"other names":       {chain, key, fewer},
			"good for too long": {chain, key, shorter},
		} {
			if got := ca.ClientDue(test.chain, test.key, test.want); !got.IsZero() {
				t.Errorf("%s: due at %s", name, got)
			}
		}
	})
}
