package istio

import (
	"fmt"

	istiov1 "fsm/api/istio/v1"
)

// field is a field that is not supported: refused where it would be wrong to go on
// without it, else ignored.
type field struct {
	path string
	set  bool
}

// unsupportedServer goes through the fields of a server.
func unsupportedServer(s *server, spec istiov1.Server) {
	t := spec.TLS
	if t == nil {
		t = &istiov1.ServerTLS{}
	}
	for _, f := range []field{
		{"bind", spec.Bind != ""},
		{"tls.caCrl", t.CRL != ""},
		{"tls.tlsCertificates", len(t.TLSCertificates) > 0},
		{"tls.subjectAltNames", len(t.SubjectAltNames) > 0},
		{"tls.verifyCertificateSpki", len(t.VerifyCertificateSpki) > 0},
		{"tls.verifyCertificateHash", len(t.VerifyCertificateHash) > 0},
		{"tls.cipherSuites", len(t.CipherSuites) > 0},
	} {
		if f.set {
			s.refuse("%s: is not supported", f.path)
		}
	}
	if v := t.MinProtocolVersion; v != "" && v != "TLS_AUTO" && v != "TLSV1_2" {
		s.refuse("tls.minProtocolVersion: %s is not supported; TLSV1_2 is the default", v)
	}
	if v := t.MaxProtocolVersion; v != "" && v != "TLS_AUTO" && v != "TLSV1_3" {
		s.refuse("tls.maxProtocolVersion: %s is not supported; TLSV1_3 is the default", v)
	}
	for _, f := range []field{
		{"defaultEndpoint", spec.DefaultEndpoint != ""},
		{"port.targetPort", spec.Port.TargetPort != 0},
	} {
		if f.set {
			s.gateway.warnings = append(s.gateway.warnings, fmt.Sprintf("servers[%d].%s: has no effect", s.index, f.path))
		}
	}
}

// unsupportedRule goes through the fields of an HTTP rule.
func unsupportedRule(c *compiler, r *istiov1.HTTPRoute) {
	for _, f := range []field{
		{"directResponse", r.DirectResponse != nil},
		{"delegate", r.Delegate != nil},
		{"rewrite.uriRegexRewrite", r.Rewrite != nil && r.Rewrite.URIRegexRewrite != nil},
	} {
		if f.set {
			c.refuse("%s: is not supported", f.path)
		}
	}
	if r.CORSPolicy != nil {
		if v := r.CORSPolicy.UnmatchedPreflights; v != "" && v != "UNSPECIFIED" {
			c.refuse("corsPolicy.unmatchedPreflights: %s is not supported", v)
		}
	}
	if r.Retries == nil {
		return
	}
	for _, f := range []field{
		{"retries.retryRemoteLocalities", r.Retries.RetryRemoteLocalities != nil},
		{"retries.retryIgnorePreviousHosts", r.Retries.RetryIgnorePreviousHosts != nil},
	} {
		if f.set {
			c.warn("%s: has no effect", f.path)
		}
	}
}

// unsupportedMatch names the first field of an HTTP match without which it would
// match too much.
func unsupportedMatch(m *istiov1.HTTPMatchRequest) error {
	return firstSet(
		field{"scheme", m.Scheme != nil},
		field{"withoutHeaders", len(m.WithoutHeaders) > 0},
		field{"sourceLabels", len(m.SourceLabels) > 0},
		field{"sourceNamespace", m.SourceNamespace != ""},
	)
}

func unsupportedTLSMatch(m *istiov1.TLSMatchAttributes) error {
	return firstSet(
		field{"destinationSubnets", len(m.DestinationSubnets) > 0},
		field{"sourceLabels", len(m.SourceLabels) > 0},
		field{"sourceNamespace", m.SourceNamespace != ""},
	)
}

func unsupportedTCPMatch(m *istiov1.L4MatchAttributes) error {
	return firstSet(
		field{"destinationSubnets", len(m.DestinationSubnets) > 0},
		field{"sourceSubnet", m.SourceSubnet != ""},
		field{"sourceLabels", len(m.SourceLabels) > 0},
		field{"sourceNamespace", m.SourceNamespace != ""},
	)
}

func firstSet(fields ...field) error {
	for _, f := range fields {
		if f.set {
			return fmt.Errorf("%s: is not supported", f.path)
		}
	}
	return nil
}
