package policy

import (
	"fmt"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

func newGatewayTLS(src *core.Source) *portKind[*v1alpha1.GatewayTLSPolicy, v1alpha1.GatewayTLSConfig] {
	return newPortKind(src, portKind[*v1alpha1.GatewayTLSPolicy, v1alpha1.GatewayTLSConfig]{
		name: "GatewayTLSPolicy", targets: gatewayTargets,
		ports: func(p *v1alpha1.GatewayTLSPolicy) []portConfig[v1alpha1.GatewayTLSConfig] {
			all := p.Spec.Config
			if all == nil {
				all = &v1alpha1.GatewayTLSConfig{} // it has defaults
			}
			return portsOf(p.Spec.Ports, all, func(e v1alpha1.PortGatewayTLS) (v1alpha1.Port, *v1alpha1.GatewayTLSConfig) { return e.Port, e.Config })
		},
	})
}

// WantsClientCertificates tells whether a policy asks the clients of a port of a
// Gateway for certificates: of an authority that stands beside the listener's own
// certificates.
func (x *Index) WantsClientCertificates(r *memo.Recorder, gateway types.NamespacedName, port int32) bool {
	key := gatewayKind
	key.Namespace, key.Name = gateway.Namespace, gateway.Name
	_, c := x.gatewayTLS.winner(r, key, port)
	return c != nil && valueOr(c.MTLS, false)
}

// reportGatewayTLS says what has become of the policies, but for those of Gateways that
// somebody else serves.
func (x *Index) reportGatewayTLS(rep *report.Report, s Surroundings) {
	for _, p := range core.List[*v1alpha1.GatewayTLSPolicy](x.src) {
		if has, foreign := x.partsOf(targetOf(p), s); !foreign {
			x.gatewayTLS.reportOne(rep, p, func(key resource.Key, port int32) string {
				switch {
				case has == nil:
					return fmt.Sprintf("Gateway %s/%s does not exist", key.Namespace, key.Name)
				case !has(part{level: byPort, name: strconv.Itoa(int(port))}):
					return fmt.Sprintf("Gateway %s/%s has no listener with port %d", key.Namespace, key.Name, port)
				}
				return ""
			})
		}
	}
}

// judgeGatewayTLS refuses ports at which nobody shows certificates, for which the
// authority to check them with is missing, or for which the Gateway says itself what it
// asks of clients.
func (x *Index) judgeGatewayTLS(p *v1alpha1.GatewayTLSPolicy, i int, port portConfig[v1alpha1.GatewayTLSConfig]) *metav1.Condition {
	key := targetOf(p)
	g := core.Get[*gatewayv1.Gateway](x.src, nil, types.NamespacedName{Namespace: key.Namespace, Name: key.Name})
	for _, l := range g.Spec.Listeners {
		switch {
		case l.Port != port.port:
			continue
		case !terminates(l):
			return new(report.PolicyTargetNotFound(fmt.Sprintf("ports[%d].port: listener %q has protocol %s; only HTTPS, and TLS with mode Terminate, ask clients for certificates", i, l.Name, l.Protocol)))
		case ValidatesClients(g, l.Port):
			return new(report.PolicyConflicted(fmt.Sprintf("spec.tls.frontend of Gateway %s/%s says what port %d asks of clients, and the Gateway's own field counts", key.Namespace, key.Name, l.Port)))
		case !valueOr(port.config.MTLS, false):
			continue
		}
		if problem := x.missingAuthority(g, l); problem != "" {
			return new(report.PolicyInvalidCertificateRef(fmt.Sprintf("ports[%d].config.mTLS: listener %q: %s", i, l.Name, problem)))
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
