package ingress

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/policy"
)

// server is a name that an Ingress has TLS for.
type server struct {
	owner *ingress
	host  string
	// tls is nil when the material for it is not there. The name is taken all the
	// same: nobody else's certificate, and no plaintext, stands in for it.
	tls *ir.ServerTLS
	// relay is set when TLS is passed through.
	relay *ir.RelayRoute
	// guard answers requests in plaintext that no path's guard does; nil where they
	// are welcome.
	guard *ir.Route
}

// tls reads spec.tls.
func (c *compiler) tls() {
	if c.passthrough() {
		for _, host := range hostsOf(c.out.entries) {
			c.relay(host)
		}
		return
	}
	if c.settings.istio {
		c.istioTLS()
		return
	}
	clients, problem := c.clientValidation()
	if problem != "" {
		c.certificateProblem(problem)
	}
	for _, entry := range c.out.object.Spec.TLS {
		if entry.SecretName == "" {
			for _, host := range entry.Hosts {
				c.serve(&server{host: strings.ToLower(host)})
			}
			c.certificateProblem("spec.tls: an entry has no secretName")
			continue
		}
		pair := c.frontend.src.KeyPair(c.recorder, types.NamespacedName{Namespace: c.out.key.Namespace, Name: entry.SecretName})
		hosts := entry.Hosts
		if pair.Problem != "" {
			c.certificateProblem(pair.Problem)
		} else if c.out.secrets = append(c.out.secrets, pair.Secret); len(hosts) == 0 {
			hosts = namesOf(pair.Secret.Certificate)
		}
		for _, host := range hosts {
			s := &server{host: strings.ToLower(host)}
			if pair.Problem == "" && problem == "" {
				s.tls = &ir.ServerTLS{Certificates: []ir.SecretName{pair.Secret.Name}, Clients: clients, ALPN: []string{"h2", "http/1.1"}}
			}
			c.serve(s)
		}
	}
	if clients != nil && len(c.out.servers) == 0 {
		c.warn("client certificates are demanded, but spec.tls names no host")
	}
}

func (c *compiler) serve(s *server) {
	s.owner = c.out
	if s.relay == nil || c.settings.passthrough || c.listed(s.host) {
		s.guard = c.guard(c.origin("tls "+s.host), ir.Match{Headers: oneLabel(s.host)})
	}
	c.out.servers = append(c.out.servers, s)
}

// listed tells whether spec.tls names a host.
func (c *compiler) listed(host string) bool {
	return slices.ContainsFunc(c.out.object.Spec.TLS, func(t networkingv1.IngressTLS) bool { return slices.Contains(t.Hosts, host) })
}

// passthrough tells whether TLS is not to be terminated: for all, or for this
// Ingress alone.
func (c *compiler) passthrough() bool {
	return c.out.place.passthrough || c.settings.passthrough
}

// relay passes the connections for a host on to the backend of its first path.
func (c *compiler) relay(host string) {
	if host == "" {
		return
	}
	route := &ir.RelayRoute{Origin: c.origin("tls " + host), ServerName: host}
	for _, rule := range c.out.object.Spec.Rules {
		if strings.ToLower(rule.Host) != host || rule.HTTP == nil || len(route.Destinations) > 0 || c.unserved != nil {
			continue
		}
		d := ir.Destination{Weight: 1}
		name, err := c.backend(c.withTLS(&rule.HTTP.Paths[0].Backend), policy.Use{Traffic: policy.Raw})
		if err != nil {
			d.Failure = &ir.Respond{Status: 500, Reason: err.Reply, Message: err.Message}
		}
		d.Backend = name
		route.Destinations = append(route.Destinations, d)
	}
	c.serve(&server{host: host, relay: route})
}

// withTLS is a backend at the port at which Services end TLS, if it has that one.
func (c *compiler) withTLS(b *networkingv1.IngressBackend) *networkingv1.IngressBackend {
	port := int32(c.out.place.passthroughPort)
	if port == 0 || b.Service == nil || c.settings.passthrough {
		return b
	}
	service := core.Get[*corev1.Service](c.frontend.src, c.recorder, types.NamespacedName{Namespace: c.out.key.Namespace, Name: b.Service.Name})
	if service == nil || !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port }) {
		return b
	}
	other := *b.Service
	other.Port = networkingv1.ServiceBackendPort{Number: port}
	return &networkingv1.IngressBackend{Service: &other}
}

// clientValidation finds the authorities for clients. Without them nobody can be
// let in.
func (c *compiler) clientValidation() (clients *ir.ClientValidation, problem string) {
	s := c.settings.clients
	if !s.required() || s.secret == "" {
		return nil, ""
	}
	name, problem := c.secretRef(s.secret)
	if problem != "" {
		return nil, problem
	}
	m, _ := c.frontend.src.Authorities(c.recorder, resource.Key{Kind: "Secret", Namespace: name.Namespace, Name: name.Name})
	if m.Problem != "" {
		return nil, m.Problem
	}
	c.out.secrets = append(c.out.secrets, m.Secret)
	return &ir.ClientValidation{Authorities: []ir.SecretName{m.Secret.Name}, Optional: s.optional}, ""
}

// namesOf are the names that a certificate speaks for, the common name too.
func namesOf(chain string) []string {
	block, _ := pem.Decode([]byte(chain))
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	names := slices.Clone(leaf.DNSNames)
	if cn := leaf.Subject.CommonName; !slices.Contains(names, cn) {
		names = append(names, cn)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		name = strings.TrimPrefix(strings.ToLower(name), "*.")
		return len(validation.IsDNS1123Subdomain(name)) > 0
	})
}
