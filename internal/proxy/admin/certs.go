package admin

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"time"

	"fsm/internal/ir"
)

// certificate is one of a secret, as /certs shows it.
type certificate struct {
	Secret ir.SecretName `json:"secret"`
	Origin string        `json:"origin"`
	// Use is "certificate" for an own one and its chain, and "authority" for one that
	// others are checked with.
	Use       string    `json:"use"`
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names,omitempty"`
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
}

// certs lists the certificates of the snapshot in force, those that end first
// before the others.
func (a *admin) certs(w http.ResponseWriter, _ *http.Request) {
	s := a.Proxy.Snapshot()
	if s == nil {
		http.Error(w, noSnapshot, http.StatusServiceUnavailable)
		return
	}
	list := []certificate{}
	for _, secret := range s.Secrets {
		list = append(list, certificatesIn(secret, "certificate", secret.Certificate)...)
		list = append(list, certificatesIn(secret, "authority", secret.Authorities)...)
	}
	slices.SortFunc(list, func(a, b certificate) int {
		if c := a.NotAfter.Compare(b.NotAfter); c != 0 {
			return c
		}
		return strings.Compare(string(a.Secret)+a.Serial, string(b.Secret)+b.Serial)
	})
	writeJSON(w, list)
}

// certificatesIn reads a chain or bundle. What does not parse is left out: the
// answer to the snapshot has said so.
func certificatesIn(s *ir.Secret, use, text string) (list []certificate) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return list
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		names := slices.Clone(c.DNSNames)
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		for _, uri := range c.URIs {
			names = append(names, uri.String())
		}
		list = append(list, certificate{
			Secret: s.Name, Origin: s.Origin.String(), Use: use, Subject: c.Subject.String(), Issuer: c.Issuer.String(),
			Names: names, Serial: c.SerialNumber.Text(16), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		})
	}
}
