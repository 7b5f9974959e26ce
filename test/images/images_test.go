package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"fsm/build/images/oci"
)

// TestNames: no name means two images, and each image can be had by its own.
func TestNames(t *testing.T) {
	seen := map[string]string{}
	for _, d := range definitions {
		for _, short := range d.names {
			whole, err := oci.WholeName(short)
			if err != nil {
				t.Error(err)
			}
			if other := seen[whole]; other != "" {
				t.Errorf("%s is both %s and %s", whole, other, d.name)
			}
			seen[whole] = d.name
		}
		if chosen, err := choose([]string{d.name}); err != nil || len(chosen) != 1 || chosen[0].name != d.name {
			t.Errorf("%s: got %v, %v", d.name, chosen, err)
		}
	}
	if _, err := choose([]string{"nginx"}); err == nil {
		t.Error("an image that there is not can be chosen")
	}
}

// selfSigned makes a certificate that is its own authority, as the pages do.
func selfSigned(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}
