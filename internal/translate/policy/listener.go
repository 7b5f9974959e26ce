package policy

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// newGatewayTLS makes the family that says whether clients are asked for certificates.
func newGatewayTLS(src *core.Source) *family[*v1alpha1.GatewayTLSPolicy, bool] {
	return newFamily(src, "GatewayTLSPolicy", func(p *v1alpha1.GatewayTLSPolicy, rd *reading[bool]) {
		es := entries[v1alpha1.GatewayTLSConfig]{name: "config", fallback: p.Spec.Config}
		if es.fallback == nil {
			es.fallback = &v1alpha1.GatewayTLSConfig{} // it has defaults
		}
		for i, e := range p.Spec.Ports {
			es.port(i, e.Port, e.Config)
		}
		fill(rd, &es, func(e entry[v1alpha1.GatewayTLSConfig], _ spot) bool { return valueOr(e.config.MTLS, false) })
	}, gatewayKind)
}

// WantsClientCertificates tells whether a policy asks the clients of a port of a
// Gateway for certificates: of an authority that stands beside the listener's own
// certificates.
func (x *Index) WantsClientCertificates(r *memo.Recorder, gateway types.NamespacedName, port int32) bool {
	_, s, ok := x.gatewayTLS.winner(r, named(gatewayKind, gateway), portPlace(port))
	return ok && s.setting
}

// judgeGatewayTLS refuses ports at which nobody shows certificates, for which the
// authority to check them with is missing, or for which the Gateway says itself what it
// asks of clients.
func (x *Index) judgeGatewayTLS(p *v1alpha1.GatewayTLSPolicy, s scope[bool]) *metav1.Condition {
	target := targetOf(p)
	g := core.Get[*gatewayv1.Gateway](x.src, nil, types.NamespacedName{Namespace: target.Namespace, Name: target.Name})
	for _, l := range g.Spec.Listeners {
		switch {
		case !s.covers(portPlace(l.Port)):
			continue
		case !terminates(l):
			return new(report.PolicyTargetNotFound(fmt.Sprintf("%s.port: listener %q has protocol %s; only HTTPS, and TLS with mode Terminate, ask clients for certificates", s.field, l.Name, l.Protocol)))
		case ValidatesClients(g, l.Port):
			return new(report.PolicyConflicted(fmt.Sprintf("%s: spec.tls.frontend of %s says what %s asks of clients, and the Gateway's own field counts", s.field, target, s)))
		case !s.setting:
			continue
		}
		if problem := x.missingAuthority(g, l); problem != "" {
			return new(report.PolicyInvalidCertificateRef(fmt.Sprintf("%s.mTLS: listener %q: %s", s.valueAt, l.Name, problem)))
		}
	}
	return nil
}

func terminates(l gatewayv1.Listener) bool {
	if l.Protocol == gatewayv1.HTTPSProtocolType {
		return true
	}
	return l.Protocol == gatewayv1.TLSProtocolType && (l.TLS == nil || l.TLS.Mode == nil || *l.TLS.Mode == gatewayv1.TLSModeTerminate)
}

// ValidatesClients tells whether the Gateway itself says what a port asks of its
// clients.
func ValidatesClients(g *gatewayv1.Gateway, port int32) bool {
	if g.Spec.TLS == nil || g.Spec.TLS.Frontend == nil {
		return false
	}
	for _, p := range g.Spec.TLS.Frontend.PerPort {
		if p.Port == port {
			return true
		}
	}
	return g.Spec.TLS.Frontend.Default.Validation != nil
}

// missingAuthority says why none of a listener's Secrets tells whom to trust.
func (x *Index) missingAuthority(g *gatewayv1.Gateway, l gatewayv1.Listener) string {
	problem := "it has no tls.certificateRefs"
	if l.TLS == nil {
		return problem
	}
	for _, ref := range l.TLS.CertificateRefs {
		namespace := g.Namespace
		if ref.Namespace != nil {
			namespace = string(*ref.Namespace)
		}
		key := resource.Key{Kind: "Secret", Namespace: namespace, Name: string(ref.Name)}
		if !x.src.Permits(nil, core.Referrer{Group: gatewayv1.GroupName, Kind: "Gateway", Namespace: g.Namespace}, key) {
			problem = "no ReferenceGrant allows its certificates"
			continue
		}
		m, _ := x.src.Authorities(nil, key)
		if m.Problem == "" {
			return ""
		}
		problem = m.Problem
	}
	return problem
}
