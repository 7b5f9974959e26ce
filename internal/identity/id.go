package identity

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
)

// Role is what the bearer of a name does.
type Role string

// Roles. A sidecar is named after its workload's service account, the others after
// what they serve: the Gateway, the Deployment, the controller's Service.
const (
	Controller    Role = "controller"
	Gateway       Role = "gateway"
	Ingress       Role = "ingress"
	EgressGateway Role = "egress-gateway"
	Sidecar       Role = "sidecar"
)

// segments are the roles as they stand in a SPIFFE ID. Workloads are named in the
// way that other meshes name them, so that foreign peers can be told about them.
var segments = []struct {
	role    Role
	segment string
}{
	{Controller, "controller"},
	{Gateway, "gateway"},
	{Ingress, "ingress"},
	{EgressGateway, "egress-gateway"},
	{Sidecar, "sa"},
}

// ID names a controller or a proxy. All replicas of one share it.
type ID struct {
	TrustDomain string
	Role        Role
	Namespace   string
	Name        string
}

const scheme = "spiffe://"

// String is the SPIFFE ID.
func (id ID) String() string {
	segment := string(id.Role)
	for _, s := range segments {
		if s.role == id.Role {
			segment = s.segment
		}
	}
	return scheme + id.TrustDomain + "/ns/" + id.Namespace + "/" + segment + "/" + id.Name
}

// MarshalText writes the form of String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the form of String.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// ParseID reads the form that String writes, and no other.
func ParseID(s string) (ID, error) {
	rest, ok := strings.CutPrefix(s, scheme)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 5 || parts[1] != "ns" {
		return ID{}, fmt.Errorf("identity %q: want spiffe://TRUST-DOMAIN/ns/NAMESPACE/ROLE/NAME", s)
	}
	id := ID{TrustDomain: parts[0], Namespace: parts[2], Name: parts[4]}
	for _, known := range segments {
		if known.segment == parts[3] {
			id.Role = known.role
		}
	}
	if err := id.Check(); err != nil {
		return ID{}, fmt.Errorf("identity %q: %w", s, err)
	}
	return id, nil
}

// Check finds parts that no name can have. Everything that passes has one spelling
// only, which is what makes comparing names safe.
func (id ID) Check() error {
	known := false
	for _, s := range segments {
		known = known || s.role == id.Role
	}
	switch {
	case !known:
		return fmt.Errorf("role %q is not known", id.Role)
	case !isSubdomain(id.TrustDomain):
		return fmt.Errorf("trust domain %q is not a domain name in lower case", id.TrustDomain)
	case !isSubdomain(id.Namespace) || strings.Contains(id.Namespace, "."):
		return fmt.Errorf("namespace %q is not one that Kubernetes allows", id.Namespace)
	case !isSubdomain(id.Name):
		return fmt.Errorf("name %q is not one that Kubernetes allows", id.Name)
	}
	return nil
}

// isSubdomain reports whether s is a DNS-1123 subdomain, as names of Kubernetes
// objects are. A label may be as long as the whole here, because names may be.
func isSubdomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// DNSNames are the further names in a certificate. The controller has those of its
// Service, because the Kubernetes API server calls its webhooks by them; nobody
// else has any.
func (id ID) DNSNames() []string {
	if id.Role != Controller {
		return nil
	}
	service := id.Name + "." + id.Namespace
	return []string{service + ".svc", service}
}

// uri is the ID as crypto/x509 wants it.
func (id ID) uri() *url.URL {
	host, path, _ := strings.Cut(strings.TrimPrefix(id.String(), scheme), "/")
	return &url.URL{Scheme: "spiffe", Host: host, Path: "/" + path}
}

// usages are what a certificate of this name may be used for. Only those who are
// called by others can be servers.
func (id ID) usages() []x509.ExtKeyUsage {
	switch id.Role {
	case Controller, Sidecar:
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

// IDOf is the identity in a certificate, which must have exactly one URI. The
// certificate must have been verified.
func IDOf(cert *x509.Certificate) (ID, error) {
	if len(cert.URIs) != 1 {
		return ID{}, fmt.Errorf("certificate has %d URIs, want one identity", len(cert.URIs))
	}
	return ParseID(cert.URIs[0].String())
}
