package access

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	policyv1alpha1 "fsm/api/policy/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
)

// ingressBackend is what an IngressBackend comes to.
type ingressBackend struct {
	object         *policyv1alpha1.IngressBackend
	authorizations []*ir.Authorization
	endpoints      []*ir.Endpoints
	// invalid says why it lets nobody in, idle why some of those whom it means have
	// no address.
	invalid, idle []string
	warnings      []string

	principals []string
	sources    []ir.AddressSource
}

func (b *ingressBackend) reject(format string, args ...any) {
	b.invalid = append(b.invalid, fmt.Sprintf(format, args...))
}

func (f *Frontend) makeIngressBackend(r *memo.Recorder, name types.NamespacedName) *ingressBackend {
	object := core.Get[*policyv1alpha1.IngressBackend](f.src, r, name)
	b := &ingressBackend{object: object}
	addressed := false
	for i, s := range object.Spec.Sources {
		f.source(r, b, i, s)
		addressed = addressed || s.Kind != policyv1alpha1.KindAuthenticatedPrincipal
	}
	if addressed && len(b.sources) == 0 {
		// No source at all would mean any address.
		b.invalid, b.idle = append(b.invalid, b.idle...), nil
	}
	taken := map[ir.AuthorizationName]bool{}
	for i, backend := range object.Spec.Backends {
		path := fmt.Sprintf("backends[%d]", i)
		a := b.authorization(path, i, backend)
		if taken[a.Name] {
			b.reject("%s: %s stands twice", path, a.Name)
		}
		taken[a.Name] = true
		f.checkTarget(r, b, path, a)
		b.authorizations = append(b.authorizations, a)
	}
	if len(object.Spec.Matches) > 0 {
		b.warnings = append(b.warnings, "matches: have no effect")
	}
	return b
}

// source reads one of the sources.
func (f *Frontend) source(r *memo.Recorder, b *ingressBackend, index int, s policyv1alpha1.IngressSourceSpec) {
	path := fmt.Sprintf("sources[%d]", index)
	switch s.Kind {
	case policyv1alpha1.KindIPRange:
		network, err := netip.ParsePrefix(s.Name)
		if err != nil {
			b.reject("%s.name: %q is not a CIDR", path, s.Name)
			return
		}
		b.sources = append(b.sources, ir.AddressSource{Network: network.Masked().String()})
	case policyv1alpha1.KindAuthenticatedPrincipal:
		if s.Name == "" {
			b.reject("%s.name: is required", path)
			return
		}
		b.principals = append(b.principals, s.Name)
	case policyv1alpha1.KindService:
		if s.Name == "" || s.Namespace == "" {
			b.reject("%s: name and namespace of the Service are required", path)
			return
		}
		f.service(r, b, path, types.NamespacedName{Namespace: s.Namespace, Name: s.Name})
	default:
		b.reject("%s.kind: %q is not supported; use Service, IPRange or AuthenticatedPrincipal", path, s.Kind)
	}
}

// monitored is the label of namespaces that belong to a mesh.
const monitored = "flomesh.io/monitored-by"

// service reads a Service as source: the addresses of its endpoints may send. They
// are named, port by port, so that a change of them changes nothing here. The namespace of
// FSM's own ingress needs no label.
func (f *Frontend) service(r *memo.Recorder, b *ingressBackend, path string, name types.NamespacedName) {
	found := core.Get[*corev1.Service](f.src, r, name)
	namespace := core.Get[*corev1.Namespace](f.src, r, types.NamespacedName{Name: name.Namespace})
	switch {
	case found == nil:
		b.idle = append(b.idle, fmt.Sprintf("%s: Service %s does not exist, so it has no endpoints", path, name))
		return
	case !f.config.Standalone && name.Name != ir.SharedIngress && (namespace == nil || namespace.Labels[monitored] == ""):
		b.idle = append(b.idle, fmt.Sprintf("%s: namespace %q is not monitored, so the endpoints of Service %s do not count; label it %s", path, name.Namespace, name, monitored))
		return
	}
	addresses := 0
	for _, port := range found.Spec.Ports {
		d, err := f.src.Resolve(r, core.Reference{
			From: core.Referrer{Namespace: name.Namespace}, Kind: "Service", Namespace: name.Namespace, Name: name.Name,
			Port: port.Port, UDP: port.Protocol == corev1.ProtocolUDP,
		})
		if err != nil {
			b.reject("%s: %s", path, err.Message)
			return
		}
		e := f.src.Endpoints(r, d.Address)
		addresses += len(e.Items)
		b.endpoints = append(b.endpoints, e.Endpoints)
		b.sources = append(b.sources, ir.AddressSource{Endpoints: d.Endpoints})
	}
	if addresses == 0 {
		b.idle = append(b.idle, fmt.Sprintf("%s: Service %s has no endpoints", path, name))
	}
}

// authorization is what one backend gets. The combinations of protocols and sources
// are those of the documentation of IngressBackend.
func (b *ingressBackend) authorization(path string, index int, s policyv1alpha1.BackendSpec) *ir.Authorization {
	object := b.object
	service := object.Namespace + "/" + s.Name
	a := &ir.Authorization{
		Name: ir.AuthorizationName(fmt.Sprintf("%s:%d", service, s.Port.Number)),
		Origin: ir.Origin{
			Kind: resource.KeyOf(object).Kind, Namespace: object.Namespace, Name: object.Name, Part: fmt.Sprintf("backend %d", index),
		},
		Service: service, Port: uint16(s.Port.Number), Sources: b.sources,
	}
	secure := s.Port.Protocol == "https" || s.Port.Protocol == "grpc" && s.TLS != nil
	switch {
	case !slices.Contains([]string{"http", "https", "grpc"}, s.Port.Protocol):
		b.reject("%s.port.protocol: %q is not supported; use http, https or grpc", path, s.Port.Protocol)
	case secure:
		a.TLS = b.tls(path, s.TLS)
	case s.TLS != nil:
		b.reject("%s.tls: does not go with protocol http", path)
	case len(b.principals) > 0:
		b.reject("%s.port.protocol: %s has no certificates, so sources of kind AuthenticatedPrincipal do not go with it; use Service or IPRange", path, s.Port.Protocol)
	}
	return a
}

func (b *ingressBackend) tls(path string, t *policyv1alpha1.TLSSpec) *ir.AuthorizedTLS {
	t = cmp.Or(t, &policyv1alpha1.TLSSpec{})
	out := &ir.AuthorizedTLS{Principals: b.principals, Any: t.SkipClientCertValidation, ServerNames: t.SNIHosts}
	hasPrincipals := slices.ContainsFunc(b.object.Spec.Sources, func(s policyv1alpha1.IngressSourceSpec) bool {
		return s.Kind == policyv1alpha1.KindAuthenticatedPrincipal
	})
	if !hasPrincipals {
		b.reject("%s.port.protocol: https needs a source of kind AuthenticatedPrincipal", path)
	}
	if out.Any {
		out.Principals = nil
	}
	return out
}

// checkTarget makes sure that the port is one of the Service's pods: its targetPort,
// not the port of the Service.
func (f *Frontend) checkTarget(r *memo.Recorder, b *ingressBackend, path string, a *ir.Authorization) {
	name := types.NamespacedName{Namespace: b.object.Namespace, Name: b.object.Spec.Backends[len(b.authorizations)].Name}
	service := core.Get[*corev1.Service](f.src, r, name)
	if service == nil {
		b.reject("%s: Service %s does not exist", path, a.Service)
		return
	}
	for _, p := range service.Spec.Ports {
		// A name means the number that each pod has for it.
		if p.TargetPort.Type == intstr.String && p.TargetPort.StrVal != "" || target(p) == int32(a.Port) {
			return
		}
	}
	b.reject("%s.port.number: no port of Service %s has the targetPort %d", path, a.Service, a.Port)
}

// target is the number of a port of pods.
func target(p corev1.ServicePort) int32 { return cmp.Or(p.TargetPort.IntVal, p.Port) }
