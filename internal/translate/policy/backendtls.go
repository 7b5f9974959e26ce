package policy

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// backendTLS is what a BackendTLSPolicy comes to.
type backendTLS struct {
	// tls is nil when the policy cannot be put to work, and problem says why.
	tls     *ir.BackendTLS
	problem string
	secrets []*ir.Secret
	// accepted and resolved are the policy's conditions while it counts.
	accepted, resolved metav1.Condition
}

// backendTLSOf returns what a policy comes to, made anew when the policy or one
// of its authorities changed.
func (x *Index) backendTLSOf(r *memo.Recorder, p *gatewayv1.BackendTLSPolicy) *backendTLS {
	return x.settings.Read(r, types.NamespacedName{Namespace: p.Namespace, Name: p.Name})
}

func (x *Index) makeBackendTLS(r *memo.Recorder, name types.NamespacedName) *backendTLS {
	p := core.Get[*gatewayv1.BackendTLSPolicy](x.src, r, name)
	v := p.Spec.Validation
	b := &backendTLS{accepted: report.PolicyAccepted(), resolved: report.PolicyResolvedRefs()}
	tls := &ir.BackendTLS{ServerName: string(v.Hostname), SubjectAltNames: subjectAltNames(v.SubjectAltNames)}
	switch {
	case len(v.CACertificateRefs) > 0:
		b.authorities(x.src, r, p)
		for _, s := range b.secrets {
			tls.Authorities = append(tls.Authorities, s.Name)
		}
	case v.WellKnownCACertificates != nil && *v.WellKnownCACertificates == gatewayv1.WellKnownCACertificatesSystem:
		tls.SystemAuthorities = true
	case v.WellKnownCACertificates != nil:
		b.invalid("validation.wellKnownCACertificates: %q is not supported; use %q", *v.WellKnownCACertificates, gatewayv1.WellKnownCACertificatesSystem)
	default:
		b.invalid("validation: one of caCertificateRefs and wellKnownCACertificates is required")
	}
	if v.Hostname == "" && b.problem == "" {
		b.invalid("validation.hostname is required")
	}
	if b.problem == "" {
		b.tls = tls
	}
	return b
}

func (b *backendTLS) invalid(format string, args ...any) {
	b.problem = fmt.Sprintf(format, args...)
	b.accepted = report.PolicyInvalid(b.problem)
}

// authorities resolves caCertificateRefs. The policy works with those that
// resolve; with none it does not work.
func (b *backendTLS) authorities(src *core.Source, r *memo.Recorder, p *gatewayv1.BackendTLSPolicy) {
	var problems []string
	for _, ref := range p.Spec.Validation.CACertificateRefs {
		key := resource.Key{Group: string(ref.Group), Kind: string(ref.Kind), Namespace: p.Namespace, Name: string(ref.Name)}
		m, ok := src.Authorities(r, key)
		switch {
		case !ok:
			problem := fmt.Sprintf("kind %s is not supported for certificate authorities; use ConfigMap", ref.Kind)
			problems = append(problems, problem)
			b.resolved = report.PolicyInvalidKind(problem)
		case m.Problem != "":
			problems = append(problems, m.Problem)
			b.resolved = report.PolicyInvalidCACertificateRef(m.Problem)
		case !slices.Contains(b.secrets, m.Secret):
			b.secrets = append(b.secrets, m.Secret)
		}
	}
	if len(b.secrets) == 0 {
		b.problem = strings.Join(problems, "; ")
		b.accepted = report.PolicyNoValidCACertificate(b.problem)
	}
}

func subjectAltNames(list []gatewayv1.SubjectAltName) []ir.SubjectAltName {
	var names []ir.SubjectAltName
	for _, n := range list {
		switch n.Type {
		case gatewayv1.HostnameSubjectAltNameType:
			names = append(names, ir.SubjectAltName{DNS: string(n.Hostname)})
		case gatewayv1.URISubjectAltNameType:
			names = append(names, ir.SubjectAltName{URI: string(n.URI)})
		}
	}
	return names
}

// Conditions of a BackendTLSPolicy for an ancestor that reaches these Services.
func (x *Index) Conditions(p *gatewayv1.BackendTLSPolicy, reached func(types.NamespacedName) bool) []metav1.Condition {
	var lost []metav1.Condition
	for _, t := range p.Spec.TargetRefs {
		service := types.NamespacedName{Namespace: p.Namespace, Name: string(t.Name)}
		if !reached(service) {
			continue
		}
		if c, ok := x.loses(p, service, sectionOf(t)); ok {
			lost = append(lost, c)
			continue
		}
		b := x.backendTLSOf(nil, p)
		return report.Conditions(p.Generation, b.accepted, b.resolved)
	}
	if len(lost) == 0 {
		return nil
	}
	return report.Conditions(p.Generation, lost[0], x.backendTLSOf(nil, p).resolved)
}

// loses tells why a policy does not count for a section of a Service.
func (x *Index) loses(p *gatewayv1.BackendTLSPolicy, service types.NamespacedName, section string) (metav1.Condition, bool) {
	if section != "" && !x.src.HasPort(nil, service, section) {
		return report.PolicyTargetNotFound(fmt.Sprintf("Service %s has no port named %q", service, section)), true
	}
	for _, other := range x.backendTLS.List(nil, service) {
		if attached(other, service, section) {
			if other == p {
				return metav1.Condition{}, false
			}
			return report.PolicyConflicted(fmt.Sprintf("BackendTLSPolicy %s is older or comes first by name, and has the same target", other.Name)), true
		}
	}
	return metav1.Condition{}, false
}
