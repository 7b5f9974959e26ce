package identity_test

import (
	"crypto/x509"
	"net/url"
	"strings"
	"testing"

	"fsm/internal/identity"
)

// TestParseID: a name has one spelling, and everything else is refused, however
// close it comes.
func TestParseID(t *testing.T) {
	good := map[string]identity.ID{
		"spiffe://cluster.local/ns/fsm-system/controller/fsm-controller": controllerID,
		"spiffe://cluster.local/ns/shop/gateway/web":                     gatewayID,
		"spiffe://cluster.local/ns/shop/sa/cart":                         sidecarID,
		"spiffe://td/ns/a/egress-gateway/b.c": {
			TrustDomain: "td", Role: identity.EgressGateway, Namespace: "a", Name: "b.c",
		},
	}
	for text, want := range good {
		got, err := identity.ParseID(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
	bad := []string{
		"", "spiffe://", "cluster.local/ns/shop/gateway/web",
		"SPIFFE://cluster.local/ns/shop/gateway/web",
		"https://cluster.local/ns/shop/gateway/web",
		"spiffe://Cluster.local/ns/shop/gateway/web",
		"spiffe://cluster.local:1/ns/shop/gateway/web",
		"spiffe://user@cluster.local/ns/shop/gateway/web",
		"spiffe:///ns/shop/gateway/web",
		"spiffe://cluster..local/ns/shop/gateway/web",
		"spiffe://cluster.local./ns/shop/gateway/web",
		"spiffe://cluster.local/ns/shop/gateway",
		"spiffe://cluster.local/ns/shop/gateway/",
		"spiffe://cluster.local/ns/shop/gateway/web/",
		"spiffe://cluster.local/ns/shop/gateway/web/x",
		"spiffe://cluster.local//ns/shop/gateway/web",
		"spiffe://cluster.local/ns//gateway/web",
		"spiffe://cluster.local/NS/shop/gateway/web",
		"spiffe://cluster.local/ns/shop/sidecar/cart",
		"spiffe://cluster.local/ns/shop/Gateway/web",
		"spiffe://cluster.local/ns/shop/pope/web",
		"spiffe://cluster.local/ns/shop.x/gateway/web",
		"spiffe://cluster.local/ns/*/gateway/web",
		"spiffe://cluster.local/ns/shop/gateway/*",
		"spiffe://cluster.local/ns/shop/gateway/web\x00",
		"spiffe://cluster.local/ns/shop/gateway/web%00",
		"spiffe://cluster.local/ns/shop/gateway/w%65b",
		"spiffe://cluster.local/ns/../gateway/web",
		"spiffe://cluster.local/ns/shop/gateway/web?x",
		"spiffe://cluster.local/ns/shop/gateway/web#x",
		"spiffe://cluster.local/ns/shop/gateway/-web",
		"spiffe://cluster.local/ns/shop/gateway/" + strings.Repeat("a", 254),
	}
	for _, text := range bad {
		if id, err := identity.ParseID(text); err == nil {
			t.Errorf("%q is %+v", text, id)
		}
	}
}

// TestIDOf: a certificate with another number of URIs than one names nobody.
func TestIDOf(t *testing.T) {
	one := &url.URL{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/shop/gateway/web"}
	if id, err := identity.IDOf(&x509.Certificate{URIs: []*url.URL{one}}); err != nil || id != gatewayID {
		t.Errorf("got %v, %v", id, err)
	}
	for _, uris := range [][]*url.URL{nil, {one, one}, {{Scheme: "https", Host: "cluster.local"}}} {
		if id, err := identity.IDOf(&x509.Certificate{URIs: uris}); err == nil {
			t.Errorf("%v is %v", uris, id)
		}
	}
}

// FuzzParseID: whatever is accepted is spelt as it would be written.
func FuzzParseID(f *testing.F) {
	f.Add("spiffe://cluster.local/ns/shop/gateway/web")
	f.Add("spiffe://td/ns/a/sa/b.c")
	f.Add("spiffe://td/ns/%2e/sa/b")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := identity.ParseID(text)
		if err == nil && id.String() != text {
			t.Errorf("%q is read as %q", text, id)
		}
	})
}
