package kube

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
)

// references are the Secrets and ConfigMaps that objects refer to.
//
// This decides what is read, not what is used: translation looks at every reference
// again. It errs on the side of reading too little where somebody could make us
// read what is not theirs: a reference into another namespace needs a ReferenceGrant
// here as well, and Gateways of other controllers do not count.
type references struct {
	set   *resource.Set
	found map[resource.Key]bool
}

// findReferences looks through the objects of a set that have to do with the
// GatewayClasses of a controller.
func findReferences(set *resource.Set, controller string) map[resource.Key]bool {
	r := references{set: set, found: map[resource.Key]bool{}}
	ours := map[gatewayv1.ObjectName]bool{}
	for _, class := range resource.List[*gatewayv1.GatewayClass](set) {
		if string(class.Spec.ControllerName) == controller {
			ours[gatewayv1.ObjectName(class.Name)] = true
			r.class(class)
		}
	}
	gateways := map[types.NamespacedName]bool{}
	for _, gateway := range resource.List[*gatewayv1.Gateway](set) {
		if ours[gateway.Spec.GatewayClassName] {
			gateways[types.NamespacedName{Namespace: gateway.Namespace, Name: gateway.Name}] = true
			r.gateway(gateway)
		}
	}
	for _, s := range resource.List[*gatewayv1.ListenerSet](set) {
		if gateways[parent(s)] {
			for _, l := range s.Spec.Listeners {
				r.certificates(resource.KeyOf(s), l.TLS)
			}
		}
	}
	for _, policy := range resource.List[*gatewayv1.BackendTLSPolicy](set) {
		for _, ref := range policy.Spec.Validation.CACertificateRefs {
			r.add(resource.KeyOf(policy), resource.Key{
				Group: string(ref.Group), Kind: string(ref.Kind), Namespace: policy.Namespace, Name: string(ref.Name),
			})
		}
	}
	r.ingresses()
	for _, policy := range resource.List[*v1alpha1.UpstreamTLSPolicy](set) {
		r.upstreamTLS(policy)
	}
	return r.found
}

// upstreamTLS adds the Secrets of the configs that hold for a port.
func (r references) upstreamTLS(p *v1alpha1.UpstreamTLSPolicy) {
	for _, port := range p.Spec.Ports {
		if c := cmp.Or(port.Config, p.Spec.Config); c != nil {
			r.secret(resource.KeyOf(p), c.CertificateRef)
		}
	}
}

func (r references) class(c *gatewayv1.GatewayClass) {
	if p := c.Spec.ParametersRef; p != nil && p.Namespace != nil && p.Group == "" && p.Kind == "ConfigMap" {
		// Whoever may write GatewayClasses may point them anywhere.
		r.found[resource.Key{Kind: "ConfigMap", Namespace: string(*p.Namespace), Name: p.Name}] = true
	}
}

func (r references) gateway(g *gatewayv1.Gateway) {
	from := resource.KeyOf(g)
	for _, l := range g.Spec.Listeners {
		r.certificates(from, l.TLS)
	}
	if i := g.Spec.Infrastructure; i != nil && i.ParametersRef != nil {
		p := i.ParametersRef
		r.add(from, resource.Key{Group: string(p.Group), Kind: string(p.Kind), Namespace: g.Namespace, Name: p.Name})
	}
	tls := g.Spec.TLS
	if tls == nil {
		return
	}
	if tls.Backend != nil && tls.Backend.ClientCertificateRef != nil {
		r.secret(from, *tls.Backend.ClientCertificateRef)
	}
	if tls.Frontend != nil {
		r.authorities(from, tls.Frontend.Default.Validation)
		for _, p := range tls.Frontend.PerPort {
			r.authorities(from, p.TLS.Validation)
		}
	}
}

func (r references) certificates(from resource.Key, tls *gatewayv1.ListenerTLSConfig) {
	if tls == nil {
		return
	}
	for _, ref := range tls.CertificateRefs {
		r.secret(from, ref)
	}
}

// secret adds a reference to a Secret, which is what an absent group and kind mean.
func (r references) secret(from resource.Key, ref gatewayv1.SecretObjectReference) {
	to := resource.Key{Kind: "Secret", Namespace: from.Namespace, Name: string(ref.Name)}
	if ref.Group != nil {
		to.Group = string(*ref.Group)
	}
	if ref.Kind != nil {
		to.Kind = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		to.Namespace = string(*ref.Namespace)
	}
	r.add(from, to)
}

func (r references) authorities(from resource.Key, v *gatewayv1.FrontendTLSValidation) {
	if v == nil {
		return
	}
	for _, ref := range v.CACertificateRefs {
		to := resource.Key{Group: string(ref.Group), Kind: string(ref.Kind), Namespace: from.Namespace, Name: string(ref.Name)}
		if ref.Namespace != nil {
			to.Namespace = string(*ref.Namespace)
		}
		r.add(from, to)
	}
}

// add notes a reference to a kind that is watched by name, if it is permitted.
func (r references) add(from, to resource.Key) {
	_, named := namedPlaces[to.Kind]
	if to.Group != "" || !named || to.Name == "" || !r.permits(from, to) {
		return
	}
	r.found[to] = true
}

func (r references) permits(from, to resource.Key) bool {
	if from.Namespace == to.Namespace {
		return true
	}
	for _, grant := range resource.List[*gatewayv1.ReferenceGrant](r.set) {
		if grant.Namespace == to.Namespace && grants(grant, from, to) {
			return true
		}
	}
	return false
}

func grants(grant *gatewayv1.ReferenceGrant, from, to resource.Key) bool {
	return slices.ContainsFunc(grant.Spec.From, func(f gatewayv1.ReferenceGrantFrom) bool {
		return string(f.Group) == from.Group && string(f.Kind) == from.Kind && string(f.Namespace) == from.Namespace
	}) && slices.ContainsFunc(grant.Spec.To, func(t gatewayv1.ReferenceGrantTo) bool {
		return string(t.Group) == to.Group && string(t.Kind) == to.Kind &&
			(t.Name == nil || *t.Name == "" || string(*t.Name) == to.Name)
	})
}

// parent is the Gateway that a ListenerSet names.
func parent(s *gatewayv1.ListenerSet) types.NamespacedName {
	ref := s.Spec.ParentRef
	name := types.NamespacedName{Namespace: s.Namespace, Name: string(ref.Name)}
	if ref.Namespace != nil {
		name.Namespace = string(*ref.Namespace)
	}
	return name
}
