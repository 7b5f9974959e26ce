package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
)

// target is a port of a Service.
type target struct {
	namespace, service string
	port               int32
}

func (t target) String() string {
	return fmt.Sprintf("Service %s/%s port %d", t.namespace, t.service, t.port)
}

// securedBackend is TLS towards a target, and the Ingress that asked for it first.
type securedBackend struct {
	target
	owner resource.Key
	tls   *ir.BackendTLS
}

// targetOf finds what a backend stands for: a Service, or a name in DNS.
func (c *converter) targetOf(name ir.BackendName) target {
	b := c.mesh.Backends[name]
	text := strings.TrimPrefix(b.Origin.Part, "port ")
	if b.Origin.Part == "" {
		text = string(b.Endpoints[strings.LastIndex(string(b.Endpoints), ":")+1:])
	}
	port, _ := strconv.ParseInt(text, 10, 32) // it was made from a number
	return target{b.Origin.Namespace, b.Origin.Name, int32(port)}
}

func (c *converter) backendRef(name ir.BackendName) gatewayv1.BackendObjectReference {
	t := c.targetOf(name)
	return gatewayv1.BackendObjectReference{Name: gatewayv1.ObjectName(t.service), Port: &t.port}
}

// backendPolicies writes TLS towards backends.
func (c *converter) backendPolicies() {
	for _, wishes := range c.wishes {
		// Nobody is to be trusted by an Ingress that did not trust them.
		slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(laxity(a.tls), laxity(b.tls)) })
	}
	var named []securedBackend
	for _, t := range c.targets() {
		owner, tls := agreed(c, t, "TLS", func(w wish) (*ir.BackendTLS, bool) { return w.tls, true })
		if tls != nil && !trustsAnyName(tls) {
			named = append(named, securedBackend{t, owner, tls})
			c.attached = append(c.attached, c.backendTLS(t, named[len(named)-1]))
		}
	}
	attach(c, c.upstreamTLS, func(a attachment, ports []v1alpha1.PortUpstreamTLS) resource.Object {
		return &v1alpha1.UpstreamTLSPolicy{ObjectMeta: a.ObjectMeta, Spec: v1alpha1.UpstreamTLSPolicySpec{TargetRef: a.target, Ports: ports}}
	})
	c.clientCertificate(named)
}

// trustsAnyName tells whether a certificate may be for any name if only an authority has
// signed it. An UpstreamTLSPolicy says just that; a BackendTLSPolicy wants a name.
func trustsAnyName(tls *ir.BackendTLS) bool { return tls.ServerName == "" && len(tls.Authorities) > 0 }

// laxity is how little TLS asks of certificates.
func laxity(tls *ir.BackendTLS) int {
	switch {
	case tls == nil:
		return 3
	case tls.SkipVerification:
		return 2
	case trustsAnyName(tls):
		return 1
	}
	return 0
}

func (c *converter) upstreamTLS(t target) (port v1alpha1.PortUpstreamTLS, ok bool) {
	owner, tls := agreed(c, t, "TLS", func(w wish) (*ir.BackendTLS, bool) { return w.tls, true })
	if tls == nil || !trustsAnyName(tls) {
		return port, false
	}
	if tls.SkipVerification {
		c.add(Lost, owner, "%s: its certificate has to be of the authority, which ingress-nginx does not demand", t)
	}
	origin := c.mesh.Secrets[tls.Authorities[0]].Origin // an Ingress names one Secret
	ref := c.secretRef(grantee{v1alpha1.GroupName, "UpstreamTLSPolicy", t.namespace}, origin)
	port.Port, port.Config = v1alpha1.Port(t.port), &v1alpha1.UpstreamTLSConfig{CertificateRef: ref}
	if tls.Certificate != "" {
		port.Config.MTLS = new(true) // it is of the same Secret
	}
	return port, true
}

func (c *converter) backendTLS(t target, s securedBackend) resource.Object {
	p := &gatewayv1.BackendTLSPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: t.service}}
	ref := gatewayv1.LocalPolicyTargetReferenceWithSectionName{
		LocalPolicyTargetReference: gatewayv1.LocalPolicyTargetReference{Kind: "Service", Name: gatewayv1.ObjectName(t.service)},
	}
	if name := c.portName(t); name != "" {
		ref.SectionName = new(gatewayv1.SectionName(name))
		p.Name += "-" + name
	}
	p.Spec.TargetRefs = []gatewayv1.LocalPolicyTargetReferenceWithSectionName{ref}
	v := &p.Spec.Validation
	if v.Hostname = gatewayv1.PreciseHostname(s.tls.ServerName); v.Hostname == "" {
		v.Hostname = gatewayv1.PreciseHostname(fmt.Sprintf("%s.%s.svc", t.service, t.namespace))
		c.add(Differs, s.owner, "%s: its certificate has to be for %s, where ingress-nginx demands no name; proxy-ssl-name says another one", t, v.Hostname)
	}
	for _, name := range s.tls.Authorities {
		origin := c.mesh.Secrets[name].Origin
		if origin.Namespace != t.namespace {
			c.add(Lost, s.owner, "%s: a BackendTLSPolicy cannot use authorities of namespace %s", t, origin.Namespace)
			continue
		}
		v.CACertificateRefs = append(v.CACertificateRefs, gatewayv1.LocalObjectReference{Kind: gatewayv1.Kind(origin.Kind), Name: gatewayv1.ObjectName(origin.Name)})
	}
	if s.tls.SkipVerification {
		c.add(Lost, s.owner, "%s: its certificate has to verify, which ingress-nginx does not demand", t)
	}
	if len(v.CACertificateRefs) == 0 {
		v.WellKnownCACertificates = new(gatewayv1.WellKnownCACertificatesSystem)
	}
	return p
}

// portName is what a policy is limited to where a Service has several ports.
func (c *converter) portName(t target) string {
	service, ok := resource.Get[*corev1.Service](c.original, t.namespace, t.service)
	if !ok || len(service.Spec.Ports) < 2 {
		return ""
	}
	for _, p := range service.Spec.Ports {
		if p.Port == t.port {
			return p.Name
		}
	}
	return ""
}

// clientCertificate finds who the proxy is to backends. A Gateway is one and the same
// to all of them.
func (c *converter) clientCertificate(backends []securedBackend) {
	i := slices.IndexFunc(backends, func(s securedBackend) bool { return s.tls.Certificate != "" })
	if i < 0 {
		return
	}
	first := backends[i]
	c.certificate = first.tls.Certificate
	for t := range c.wishes {
		owner, tls := agreed(c, t, "TLS", func(w wish) (*ir.BackendTLS, bool) { return w.tls, true })
		switch {
		case tls == nil || tls.Certificate == c.certificate:
		case tls.Certificate == "":
			c.add(Differs, owner, "%s is shown the certificate that %s has, if it asks for one, since a Gateway has one", t, first.owner)
		default:
			c.add(Lost, owner, "%s is shown the certificate that %s has, since a Gateway has one", t, first.owner)
		}
	}
}

// bodyLimit collects what routes say about the size of bodies, which in the Gateway API
// is a matter of the whole Gateway.
type bodyLimit struct {
	limits    map[uint64][]resource.Key
	unlimited bool
}

func (l *bodyLimit) forward(r *ir.Route) {
	if l.limits == nil {
		l.limits = map[uint64][]resource.Key{}
	}
	for _, f := range r.Filters {
		if f, ok := f.(*ir.BodyLimit); ok {
			l.limits[f.Bytes] = append(l.limits[f.Bytes], ownerOf(r.Origin))
			return
		}
	}
	l.unlimited = true
}

// limitAnnotation sets the limit of bodies that all routes have, if they have one.
func (c *converter) limitAnnotation() map[string]string {
	sizes := slices.Sorted(maps.Keys(c.limit.limits))
	if len(sizes) == 0 {
		return nil
	}
	most := sizes[len(sizes)-1]
	for size, owners := range c.limit.limits {
		for _, owner := range owners {
			switch {
			case c.limit.unlimited:
				c.add(Lost, owner, "proxy-body-size: a Gateway limits bodies for all its routes or for none, and others have no limit")
			case size < most:
				c.add(Lost, owner, "proxy-body-size: a Gateway limits bodies for all its routes, and others have a limit of %d bytes", most)
			}
		}
	}
	if c.limit.unlimited {
		return nil
	}
	return map[string]string{"gateway.flomesh.io/max-body-bytes": strconv.FormatUint(most, 10)}
}
