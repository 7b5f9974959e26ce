package v1

import "slices"

// Names that Istio gives to what its ingress gateway uses.
const (
	// RootNamespace is where Istio's ingress gateway is, and where it looks for Secrets.
	RootNamespace = "istio-system"
	// IngressClass is the value of the annotation kubernetes.io/ingress.class that gives
	// an Ingress to Istio.
	IngressClass = "istio"
	// IngressCertificate is the Secret in RootNamespace with which all such Ingresses
	// are served, whatever Secrets they name.
	IngressCertificate = "istio-ingress-certs"
	// AuthoritiesSuffix is what the Secret with the authorities is called after the one
	// with the certificate, where these are two.
	AuthoritiesSuffix = "-cacert"
)

// ingressLabels are what selectors in a cluster may ask of the ingress gateway: the
// labels of Istio's, of today and of early 2018, and its own here.
func ingressLabels() map[string][]string {
	return map[string][]string{
		"istio": {"ingressgateway", "ingress"},
		"app":   {"istio-ingressgateway", "fsm-ingress"},
	}
}

// SelectsIngress tells whether the selector chooses the ingress gateway of a cluster.
// None does.
func (s *GatewaySpec) SelectsIngress() bool {
	labels := ingressLabels()
	for label, value := range s.Selector {
		if !slices.Contains(labels[label], value) {
			return false
		}
	}
	return true
}

// Credentials are the names of the Secrets with certificates.
func (t *ServerTLS) Credentials() []string {
	if t.CredentialName == "" {
		return t.CredentialNames
	}
	return append([]string{t.CredentialName}, t.CredentialNames...)
}

// AuthorityCredentials are the names of the Secrets that may have the authorities for
// clients, the first that is there having them.
func (t *ServerTLS) AuthorityCredentials() []string {
	switch {
	case t.CACertCredentialName != "":
		return []string{t.CACertCredentialName}
	case t.CredentialName != "":
		return []string{t.CredentialName + AuthoritiesSuffix, t.CredentialName}
	}
	return nil
}
