package kube

import (
	networkingv1 "k8s.io/api/networking/v1"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/resource"
)

// istio finds the Secrets of those of Istio's Gateways that the ingress serves.
func (r references) istio() {
	for _, g := range resource.List[*istiov1.Gateway](r.set) {
		if !g.Spec.SelectsIngress() {
			continue
		}
		for _, s := range g.Spec.Servers {
			if s.TLS == nil {
				continue
			}
			names := s.TLS.Credentials()
			if s.TLS.Mode == "MUTUAL" {
				names = append(names, s.TLS.AuthorityCredentials()...)
			}
			for _, name := range names {
				r.add(resource.KeyOf(g), resource.Key{Kind: "Secret", Namespace: g.Namespace, Name: name})
				r.add(resource.KeyOf(g), resource.Key{Kind: "Secret", Namespace: istiov1.RootNamespace, Name: name})
			}
		}
	}
}

// istioIngress finds the one Secret for Ingresses of Istio's class. Its name is fixed,
// so nobody can have another one read; whoever put it there means it to be used.
func (r references) istioIngress(o *networkingv1.Ingress) {
	_, taken := resource.Get[*networkingv1.IngressClass](r.set, "", istiov1.IngressClass)
	if !taken && len(o.Spec.TLS) > 0 {
		r.found[resource.Key{Kind: "Secret", Namespace: istiov1.RootNamespace, Name: istiov1.IngressCertificate}] = true
	}
}
