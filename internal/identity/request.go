package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
)

// MaxRequest bounds a signing request in PEM. An honest one has about 500 bytes.
const MaxRequest = 8 << 10

// newRequest makes a key and a signing request for it.
func newRequest(id ID) (key *ecdsa.PrivateKey, request []byte, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, fmt.Errorf("make a key for %s: %w", id, err)
	}
	template := x509.CertificateRequest{URIs: []*url.URL{id.uri()}, DNSNames: id.DNSNames()}
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		return nil, nil, fmt.Errorf("make a signing request for %s: %w", id, err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: requestType, Bytes: der}), nil
}

// checkRequest reads a signing request and refuses it unless it asks for exactly
// what the identity is entitled to. Nothing of a request gets into a certificate
// but its key, so most of this catches senders that are not what they seem.
func checkRequest(request []byte, id ID) (*ecdsa.PublicKey, error) {
	if len(request) > MaxRequest {
		return nil, fmt.Errorf("more than %d bytes", MaxRequest)
	}
	block, rest := pem.Decode(request)
	if block == nil || block.Type != requestType || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("want one PEM block CERTIFICATE REQUEST")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("sender does not have the key: %w", err)
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("key is %s, want ECDSA on the curve P-256", csr.PublicKeyAlgorithm)
	}
	if !bytes.Equal(csr.RawSubject, emptySequence) {
		return nil, fmt.Errorf("subject %q: want none", csr.Subject)
	}
	// Compared as bytes: names of kinds that crypto/x509 skips count as well.
	names, err := subjectAltName(id)
	if err != nil {
		return nil, err
	}
	if len(csr.Extensions) != 1 || !csr.Extensions[0].Id.Equal(oidSubjectAltName) {
		return nil, fmt.Errorf("asks for %d extensions, want subjectAltName and no other", len(csr.Extensions))
	}
	if !bytes.Equal(csr.Extensions[0].Value, names) {
		return nil, fmt.Errorf("asks for the names %v %v, the sender is %s", csr.URIs, csr.DNSNames, id)
	}
	return key, nil
}

const (
	requestType     = "CERTIFICATE REQUEST"
	certificateType = "CERTIFICATE"
	keyType         = "PRIVATE KEY"
)

var (
	emptySequence     = []byte{0x30, 0}
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// Context-specific tags of GeneralName (RFC 5280, section 4.2.1.6).
const (
	tagDNS = 2
	tagURI = 6
)

// subjectAltName is the extension's value for an identity, in the order in which
// crypto/x509 writes it.
func subjectAltName(id ID) ([]byte, error) {
	var names []asn1.RawValue
	for _, name := range id.DNSNames() {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagDNS, Bytes: []byte(name)})
	}
	names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagURI, Bytes: []byte(id.String())})
	der, err := asn1.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("write the names of %s: %w", id, err)
	}
	return der, nil
}
