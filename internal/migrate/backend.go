package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

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

// use notes how an Ingress talks to a backend. In the Gateway API that is a matter of
// the Service, for all who use it.
func (c *converter) use(owner resource.Key, name ir.BackendName) {
	b, t := c.mesh.Backends[name], c.targetOf(name)
	if b.ConnectTimeout > 0 {
		c.add(Lost, owner, "proxy-connect-timeout: connections are given the time that they always are")
	}
	if b.Balancing != nil && !says(b, "LoadBalancerPolicy") || b.Session != nil && !says(b, "SessionStickyPolicy") {
		c.add(Lost, owner, "%s: its endpoints take turns, since the Gateway API has no other ways to choose one; FSM has LoadBalancerPolicy and SessionStickyPolicy", t)
	}
	before := c.upstreams[t]
	switch {
	case b.TLS == nil:
		c.clear[t] = owner
	case before == nil:
		c.upstreams[t] = &securedBackend{owner, b.TLS}
	case !reflect.DeepEqual(before.tls, b.TLS):
		c.add(Lost, owner, "%s: what its certificate has to be is that of %s, since a Service can have one BackendTLSPolicy", t, before.owner)
	}
}

// says tells whether a policy of a kind is attached to a backend. It stays there.
func says(b *ir.Backend, kind string) bool {
	return slices.ContainsFunc(b.Policies, func(o ir.Origin) bool { return o.Kind == kind })
}

// policies writes TLS towards backends.
func (c *converter) policies() {
	targets := slices.SortedFunc(maps.Keys(c.upstreams), func(a, b target) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.service, b.service), cmp.Compare(a.port, b.port))
	})
	for _, t := range targets {
		s := c.upstreams[t]
		if other, ok := c.clear[t]; ok {
			c.add(Differs, other, "%s is talked to with TLS, as %s has it, since a BackendTLSPolicy is for all", t, s.owner)
		}
		c.attached = append(c.attached, c.backendTLS(t, s))
	}
	c.clientCertificate(targets)
}

func (c *converter) backendTLS(t target, s *securedBackend) resource.Object {
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
func (c *converter) clientCertificate(targets []target) {
	var first *securedBackend
	for _, t := range targets {
		s := c.upstreams[t]
		switch {
		case s.tls.Certificate == "":
			continue
		case first == nil:
			first = s
		case first.tls.Certificate != s.tls.Certificate:
			c.add(Lost, s.owner, "%s is shown the certificate that %s has, since a Gateway has one", t, first.owner)
		}
	}
	if first != nil {
		c.certificate = first.tls.Certificate
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
