package identity

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/url"
	"sync/atomic"
	"time"
)

// Material is what an authority keeps, in PEM.
type Material struct {
	// Certificate and Key of the root that signs.
	Certificate, Key []byte
	// Others are further roots to trust: the one before, while its certificates
	// are still about, or the next one, before it signs.
	Others []byte
}

// Store is where an authority keeps its material.
type Store interface {
	// Load fails with an error that is fs.ErrNotExist when nothing was stored yet.
	Load(ctx context.Context) (Material, error)
	// Create stores the first material. It fails with an error that is fs.ErrExist
	// when somebody was faster; several controllers may start at once.
	Create(ctx context.Context, m Material) error
}

// Default lifetimes.
const (
	RootLifetime = 10 * 365 * 24 * time.Hour
	LeafLifetime = 24 * time.Hour
)

// skew is by how much clocks may differ: certificates are valid since then.
const skew = 5 * time.Minute

// CA is the built-in certificate authority.
type CA struct {
	trustDomain string
	cert        *x509.Certificate
	key         *ecdsa.PrivateKey
	lifetime    atomic.Int64 // a time.Duration
	bundle      []byte
}

// CAConfig is how an authority is opened.
type CAConfig struct {
	TrustDomain string
	Store       Store
	// LeafLifetime of the certificates that it signs; 0 is the default.
	LeafLifetime time.Duration
}

// OpenCA loads the root from the store, or makes one if there is none.
func OpenCA(ctx context.Context, c CAConfig) (*CA, error) {
	m, err := c.Store.Load(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		if m, err = newRoot(c.TrustDomain); err != nil {
			return nil, err
		}
		if err = c.Store.Create(ctx, m); errors.Is(err, fs.ErrExist) {
			m, err = c.Store.Load(ctx)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	ca := &CA{trustDomain: c.TrustDomain}
	ca.SetLeafLifetime(cmp.Or(c.LeafLifetime, LeafLifetime))
	if err := ca.load(m); err != nil {
		return nil, fmt.Errorf("open certificate authority: stored root: %w", err)
	}
	return ca, nil
}

// newRoot makes a root for a trust domain.
func newRoot(trustDomain string) (Material, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Material{}, fmt.Errorf("make a root key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{CommonName: "FSM root of " + trustDomain},
		NotBefore:    now.Add(-skew), NotAfter: now.Add(RootLifetime),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Material{}, fmt.Errorf("make a root certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Material{}, fmt.Errorf("make a root key: %w", err)
	}
	return Material{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: certificateType, Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: pkcs8}),
	}, nil
}

// newSerial is a random serial number of 128 bits (RFC 5280 asks for uniqueness
// and allows 20 octets).
func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] &= 0x7f
	b[15] |= 1 // not zero
	return new(big.Int).SetBytes(b[:])
}

func (ca *CA) load(m Material) error {
	certs, err := parseCertificates(m.Certificate)
	if err != nil {
		return err
	}
	if len(certs) != 1 || !certs[0].IsCA {
		return fmt.Errorf("want one certificate of an authority, have %d certificates", len(certs))
	}
	block, _ := pem.Decode(m.Key)
	if block == nil || block.Type != keyType {
		return fmt.Errorf("key: want a PEM block %s", keyType)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok || !signer.PublicKey.Equal(certs[0].PublicKey) {
		return errors.New("key: not the ECDSA key of the certificate")
	}
	ca.cert, ca.key = certs[0], signer
	ca.bundle = append(pem.EncodeToMemory(&pem.Block{Type: certificateType, Bytes: ca.cert.Raw}), m.Others...)
	if _, err := ParseRoots(ca.bundle); err != nil {
		return fmt.Errorf("other roots: %w", err)
	}
	return nil
}

// Bundle are the roots to trust, in PEM.
func (ca *CA) Bundle() []byte { return ca.bundle }

// TrustDomain is the one whose names the authority signs.
func (ca *CA) TrustDomain() string { return ca.trustDomain }

// SetLeafLifetime changes the lifetime of the certificates that are signed from then
// on.
func (ca *CA) SetLeafLifetime(d time.Duration) { ca.lifetime.Store(int64(d)) }

// ErrRefused is in the errors about requests that ask for what their sender is not
// entitled to.
var ErrRefused = errors.New("signing request refused")

// Sign answers a signing request of the one who has proved to be id. The result is
// a chain in PEM, leaf first.
func (ca *CA) Sign(request []byte, id ID) (chain []byte, err error) {
	if err := id.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if id.TrustDomain != ca.trustDomain {
		return nil, fmt.Errorf("%w: %s is not of the trust domain %s", ErrRefused, id, ca.trustDomain)
	}
	key, err := checkRequest(request, id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	// No subject: the names are in subjectAltName, which is critical therefore.
	template := &x509.Certificate{
		URIs: []*url.URL{id.uri()}, DNSNames: id.DNSNames(),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: id.usages(), BasicConstraintsValid: true,
	}
	if chain, err = ca.sign(template, key, time.Duration(ca.lifetime.Load())); err != nil {
		return nil, fmt.Errorf("sign for %s: %w", id, err)
	}
	return chain, nil
}

// sign makes a certificate for a key, valid from now on, and not for longer than the root.
func (ca *CA) sign(template *x509.Certificate, key *ecdsa.PublicKey, lifetime time.Duration) (chain []byte, err error) {
	now := time.Now()
	template.SerialNumber, template.NotBefore, template.NotAfter = newSerial(), now.Add(-skew), now.Add(lifetime)
	if template.NotAfter.After(ca.cert.NotAfter) {
		template.NotAfter = ca.cert.NotAfter
	}
	if !template.NotAfter.After(now) {
		return nil, fmt.Errorf("the root has expired at %s", ca.cert.NotAfter)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key, ca.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: certificateType, Bytes: der}), nil
}
