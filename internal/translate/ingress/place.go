package ingress

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	multicluster "fsm/api/multicluster/v1alpha1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// place is a gateway that Ingresses are served by.
type place struct {
	// name is that of the gateway, and of the proxies that serve it.
	name      ir.GatewayName
	origin    ir.Origin
	http, tls core.IngressPort
	// passthrough says that TLS is never terminated, and passthroughPort to which port
	// of Services its connections go.
	passthrough     bool
	passthroughPort uint16
	// certificate is the Secret with what the proxies show to backends; without a name
	// there is none.
	certificate types.NamespacedName
}

// at is the place as the origin of a part of it.
func (p place) at(part string) ir.Origin {
	o := p.origin
	o.Part = part
	return o
}

// shared is the place of all namespaces that have none of their own. No object asks
// for it but the class.
func (f *Frontend) shared() place {
	c := f.config.Ingress
	return place{
		name: c.Gateway(), origin: ir.Origin{Kind: "IngressClass", Name: BuiltinClasses()[0]},
		http: c.HTTP, tls: c.TLS, passthrough: c.Passthrough, passthroughPort: c.PassthroughPort, certificate: c.Certificate,
	}
}

// placeOf is where the Ingresses of a namespace are served.
func (f *Frontend) placeOf(r *memo.Recorder, namespace string) place {
	if own := f.namespaced.List(r, namespace); f.config.Ingress.Namespaced && len(own) > 0 {
		return placeIn(own[0])
	}
	return f.shared()
}

func placeIn(n *multicluster.NamespacedIngress) place {
	s := &n.Spec
	port := func(enabled bool, p multicluster.NamespacedPort) core.IngressPort {
		return core.IngressPort{Enabled: enabled, Port: uint16(p.Port), Bind: uint16(p.TargetPort)}
	}
	return place{
		name: ir.IngressGateway(n.Namespace, n.Workload()), origin: originOf(resource.KeyOf(n), ""),
		http: port(s.HTTP.Enabled, s.HTTP.Port), tls: port(s.TLS.Enabled, s.TLS.Port),
		passthrough: s.TLS.SSLPassthrough.Enabled, passthroughPort: uint16(s.TLS.SSLPassthrough.UpstreamPort),
	}
}

// places are all that there are, with the Ingresses of each.
func (f *Frontend) places(rep *report.Report, ingresses []*ingress) map[place][]*ingress {
	places := map[place][]*ingress{}
	if len(ingresses) > 0 || !f.config.Standalone { // whoever has no Ingress in files did not ask for its ports
		places[f.shared()] = nil
	}
	for _, n := range core.List[*multicluster.NamespacedIngress](f.src) {
		switch own := f.namespaced.List(nil, n.Namespace); {
		case !f.config.Ingress.Namespaced:
			rep.Warn(resource.KeyOf(n), "namespaces have no proxies of their own: that is not enabled")
		case own[0] != n:
			rep.Warn(resource.KeyOf(n), fmt.Sprintf("the namespace has NamespacedIngress %s, which is older or comes first by name", own[0].Name))
		default:
			places[placeIn(n)] = nil
		}
	}
	for _, i := range ingresses {
		places[i.place] = append(places[i.place], i)
	}
	return places
}
