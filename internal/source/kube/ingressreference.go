package kube

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/resource"
)

// ingressController is the controller of our IngressClasses. Without such a class
// nobody has asked for the ingress, and no Secret is read for it.
const ingressController = "flomesh.io/ingress-pipy"

// classAnnotation is older than ingressClassName, and beats it.
const classAnnotation = "kubernetes.io/ingress.class"

// ingressSecrets are the annotations that name Secrets, as NAME or NAMESPACE/NAME.
func ingressSecrets() []string {
	return []string{
		"pipy.ingress.kubernetes.io/upstream-ssl-secret",
		"pipy.ingress.kubernetes.io/tls-trusted-ca-secret",
		"nginx.ingress.kubernetes.io/proxy-ssl-secret",
		"nginx.ingress.kubernetes.io/auth-tls-secret",
	}
}

// ingressHeaders is the annotation that names a ConfigMap.
const ingressHeaders = "nginx.ingress.kubernetes.io/custom-headers"

// ingresses finds what Ingresses of our classes refer to.
func (r references) ingresses() {
	classes, byDefault := r.ingressClasses()
	if len(classes) > 0 {
		r.istio()
	}
	for _, o := range resource.List[*networkingv1.Ingress](r.set) {
		name, named := o.Annotations[classAnnotation]
		if named && name == istiov1.IngressClass && len(classes) > 0 && !slices.Contains(classes, name) {
			r.istioIngress(o)
			continue
		}
		if !named && o.Spec.IngressClassName != nil {
			name, named = *o.Spec.IngressClassName, true
		}
		if named && slices.Contains(classes, name) || !named && byDefault {
			r.ingress(o)
		}
	}
}

// ingressClasses are the names of our classes; byDefault says that one of them is for
// Ingresses that name none.
func (r references) ingressClasses() (names []string, byDefault bool) {
	for _, c := range resource.List[*networkingv1.IngressClass](r.set) {
		if c.Spec.Controller == ingressController {
			names = append(names, c.Name)
			byDefault = byDefault || c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true"
		}
	}
	return names, byDefault
}

func (r references) ingress(o *networkingv1.Ingress) {
	from := resource.KeyOf(o)
	for _, tls := range o.Spec.TLS {
		if tls.SecretName != "" {
			r.add(from, resource.Key{Kind: "Secret", Namespace: o.Namespace, Name: tls.SecretName})
		}
	}
	for _, annotation := range ingressSecrets() {
		r.named(from, "Secret", o.Annotations[annotation])
	}
	r.named(from, "ConfigMap", o.Annotations[ingressHeaders])
}

// named adds what an annotation names.
func (r references) named(from resource.Key, kind, text string) {
	if text == "" {
		return
	}
	to := resource.Key{Kind: kind, Namespace: from.Namespace, Name: text}
	if namespace, name, found := strings.Cut(text, "/"); found {
		to.Namespace, to.Name = namespace, name
	}
	r.add(from, to)
}
