package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"
)

// Client is what a certificate says of a client that has no [ID]: an ingress, by the
// names that backends know it by. It is good for no server, and for nobody of ours: with
// no ID in it, neither controllers nor proxies let its bearer in.
type Client struct {
	// Names are DNS names, IP addresses and URIs. The first is the common name as well,
	// if it fits: there are servers that look nowhere else.
	Names    []string
	Lifetime time.Duration
}

// maxCommonName is the length that one may have (RFC 5280, ub-common-name).
const maxCommonName = 64

// CheckClientName says why a name cannot be that of a [Client].
func CheckClientName(name string) error {
	if net.ParseIP(name) != nil || isSubdomain(name) {
		return nil
	}
	u, err := url.Parse(name)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "":
		return errors.New("want a DNS name in lower case, an IP address or a URI")
	case u.Scheme == "spiffe":
		return errors.New("a SPIFFE ID is for proxies and controllers, which prove that it is theirs")
	}
	return nil
}

// template is the certificate, but for its key.
func (c Client) template() (*x509.Certificate, error) {
	t := &x509.Certificate{
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	if len(c.Names) == 0 {
		return nil, errors.New("no names")
	}
	if first := c.Names[0]; len(first) <= maxCommonName {
		t.Subject = pkix.Name{CommonName: first}
	}
	for _, name := range c.Names {
		if err := CheckClientName(name); err != nil {
			return nil, fmt.Errorf("name %q: %w", name, err)
		}
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else if isSubdomain(name) {
			t.DNSNames = append(t.DNSNames, name)
		} else if u, err := url.Parse(name); err == nil {
			t.URIs = append(t.URIs, u)
		}
	}
	return t, nil
}

// IssueClient makes a key, and a certificate for it. Both are in PEM, the certificate as a
// chain. The key is made here because its bearer, which may be any program, cannot ask.
func (ca *CA) IssueClient(c Client) (chain, key []byte, err error) {
	template, err := c.template()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key for %s: %w", c.Names[0], err)
	}
	if chain, err = ca.sign(template, &made.PublicKey, c.Lifetime); err != nil {
		return nil, nil, fmt.Errorf("sign for %s: %w", c.Names[0], err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return nil, nil, fmt.Errorf("write the key of %s: %w", c.Names[0], err)
	}
	return chain, pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: pkcs8}), nil
}

// ClientDue is when a certificate and its key are to be replaced by those of a [Client]:
// at half of their life. The zero time means at once: they are not what this authority
// would make, or are good for longer.
func (ca *CA) ClientDue(chain, key []byte, c Client) time.Time {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return time.Time{}
	}
	leaf, root := pair.Leaf, ca.cert
	wanted, err := c.template()
	if err != nil || leaf.CheckSignatureFrom(root) != nil || !sameNames(leaf, wanted) {
		return time.Time{}
	}
	if leaf.NotAfter.After(time.Now().Add(c.Lifetime + skew)) {
		return time.Time{}
	}
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore.Add(skew)) / 2)
}

// sameNames compares what certificates are for.
func sameNames(a, b *x509.Certificate) bool {
	return a.Subject.CommonName == b.Subject.CommonName && slices.Equal(a.DNSNames, b.DNSNames) &&
		slices.EqualFunc(a.IPAddresses, b.IPAddresses, net.IP.Equal) && slices.Equal(a.ExtKeyUsage, b.ExtKeyUsage) &&
		slices.EqualFunc(a.URIs, b.URIs, func(x, y *url.URL) bool { return x.String() == y.String() })
}
