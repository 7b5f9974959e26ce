package policy

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

func readUpstreamTLS(p *v1alpha1.UpstreamTLSPolicy, rd *reading[*v1alpha1.UpstreamTLSConfig]) {
	es := entries[v1alpha1.UpstreamTLSConfig]{name: "config", fallback: p.Spec.Config}
	for i, e := range p.Spec.Ports {
		es.port(i, e.Port, e.Config)
	}
	fill(rd, &es, func(e entry[v1alpha1.UpstreamTLSConfig], _ spot) *v1alpha1.UpstreamTLSConfig { return e.config })
}

// upstreamTLS is what an UpstreamTLSPolicy comes to. It trusts every certificate
// that the authorities have signed, whatever its names: the policy has no field for
// a name, and endpoints are reached by addresses that no certificate carries.
func (x *Index) upstreamTLS(r *memo.Recorder, p *v1alpha1.UpstreamTLSPolicy, c *v1alpha1.UpstreamTLSConfig) *backendTLS {
	b := &backendTLS{}
	key, problem := x.upstreamSecret(r, p, c)
	if problem != "" {
		b.problem = problem
		return b
	}
	bundle, _ := x.src.Authorities(r, key)
	if bundle.Problem != "" {
		b.problem = "certificateRef: " + bundle.Problem
		return b
	}
	tls := &ir.BackendTLS{Authorities: []ir.SecretName{bundle.Secret.Name}}
	b.secrets = append(b.secrets, bundle.Secret)
	if c.MTLS != nil && *c.MTLS {
		own := x.src.KeyPair(r, types.NamespacedName{Namespace: key.Namespace, Name: key.Name})
		if own.Problem != "" {
			b.problem = "certificateRef, with mTLS: " + own.Problem
			return b
		}
		tls.Certificate = own.Secret.Name
		b.secrets = append(b.secrets, own.Secret)
	}
	b.tls = tls
	return b
}

// upstreamSecret is the Secret that a policy refers to, or why it may not be used.
func (x *Index) upstreamSecret(r *memo.Recorder, p *v1alpha1.UpstreamTLSPolicy, c *v1alpha1.UpstreamTLSConfig) (key resource.Key, problem string) {
	ref := c.CertificateRef
	key = resource.Key{Kind: "Secret", Namespace: p.Namespace, Name: string(ref.Name)}
	if ref.Group != nil {
		key.Group = string(*ref.Group)
	}
	if ref.Kind != nil {
		key.Kind = string(*ref.Kind)
	}
	if ref.Namespace != nil && *ref.Namespace != "" {
		key.Namespace = string(*ref.Namespace)
	}
	if key.Group != corev1.GroupName || key.Kind != "Secret" {
		return key, fmt.Sprintf("certificateRef: kind %s of group %q is not supported; use Secret", key.Kind, key.Group)
	}
	from := core.Referrer{Group: v1alpha1.GroupName, Kind: upstreamTLSKind, Namespace: p.Namespace}
	if !x.src.Permits(r, from, key) {
		return key, fmt.Sprintf("certificateRef: no ReferenceGrant in namespace %q allows an UpstreamTLSPolicy of namespace %q to refer to Secret %q",
			key.Namespace, p.Namespace, key.Name)
	}
	return key, ""
}

// judgeUpstreamTLS refuses ports for which the Gateway API's own policy counts, or for
// which certificates are missing. Requests to the latter fail.
func (x *Index) judgeUpstreamTLS(p *v1alpha1.UpstreamTLSPolicy, s scope[*v1alpha1.UpstreamTLSConfig]) *metav1.Condition {
	target := targetOf(p)
	service := types.NamespacedName{Namespace: target.Namespace, Name: target.Name}
	if kindOf(target) == serviceKind {
		name := portName(core.Get[*corev1.Service](x.src, nil, service), s.part)
		if standard := x.winner(nil, service, name); standard != nil {
			return new(report.PolicyConflicted(fmt.Sprintf("%s: BackendTLSPolicy %s is for %s too, and the Gateway API's own policy counts",
				s.field, nameOf(standard), s)))
		}
	}
	if b := x.upstreamTLS(nil, p, s.setting); b.tls == nil {
		return new(report.PolicyInvalidCertificateRef(s.valueAt + "." + b.problem))
	}
	return nil
}

// portName is the name that a Service gives to a port.
func portName(s *corev1.Service, port part) string {
	if s != nil {
		for _, p := range s.Spec.Ports {
			if strconv.Itoa(int(p.Port)) == port.name {
				return p.Name
			}
		}
	}
	return ""
}
