package istio

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
)

// TLS modes of servers.
const (
	modeSimple      = "SIMPLE"
	modeMutual      = "MUTUAL"
	modePassthrough = "PASSTHROUGH"
)

func (s *server) refuse(format string, args ...any) {
	s.refused = append(s.refused, fmt.Sprintf("servers[%d].", s.index)+fmt.Sprintf(format, args...))
}

func (f *Frontend) makeServer(r *memo.Recorder, g *gateway, index int) *server {
	spec := g.object.Spec.Servers[index]
	s := &server{gateway: g, index: index, port: uint16(spec.Port.Number)}
	if spec.Port.Number < 1 || spec.Port.Number > 65535 {
		s.refuse("port.number: %d is not a port", spec.Port.Number)
	}
	unsupportedServer(s, spec)
	s.readHosts(spec.Hosts)
	s.readProtocol(spec)
	s.readTLS(f, r, spec.TLS)
	return s
}

// readHosts reads "host" and "namespace/host". A Gateway of early 2018 had no hosts
// and served any.
func (s *server) readHosts(list []string) {
	if len(list) == 0 {
		s.open, s.hosts = true, []host{{}}
		return
	}
	for i, text := range list {
		h := host{name: strings.ToLower(text)}
		if namespace, name, ok := strings.Cut(h.name, "/"); ok {
			h = host{namespace, name}
		}
		switch h.namespace {
		case ".":
			h.namespace = s.gateway.key.Namespace
		case "*":
			h.namespace = ""
		}
		if !isHostname(h.name) {
			s.refuse("hosts[%d]: %q is not a host name", i, text)
			continue
		}
		if h.name == "*" {
			h.name = ""
		}
		s.hosts = append(s.hosts, h)
	}
}

// isHostname takes DNS names, also those of a single label, IP addresses, "*." wildcards and "*".
func isHostname(name string) bool {
	name = strings.TrimPrefix(name, "*.")
	return name == "*" || len(validation.IsDNS1123Subdomain(name)) == 0
}

// readProtocol finds out what the server speaks. Without a protocol the name of the
// port tells, as the names of Service ports do in Istio: "https-web" is HTTPS.
func (s *server) readProtocol(spec istiov1.Server) {
	protocol := spec.Port.Protocol
	if protocol == "" {
		protocol, _, _ = strings.Cut(spec.Port.Name, "-")
	}
	passthrough := spec.TLS != nil && spec.TLS.Mode == modePassthrough
	switch strings.ToUpper(protocol) {
	case "HTTP", "HTTP2", "GRPC":
		s.protocol = ir.ProtocolHTTP
	case "HTTPS":
		s.protocol = ir.ProtocolHTTPS
		if passthrough {
			s.protocol = ir.ProtocolTLS
		}
	case "TLS":
		s.protocol = ir.ProtocolTLS
	case "TCP":
		s.protocol = ir.ProtocolTCP
	case "":
		s.refuse("port: protocol is required, or a name that begins with one")
	default:
		s.refuse("port.protocol: %q is not supported; use HTTP, HTTP2, GRPC, HTTPS, TLS or TCP", protocol)
	}
}

// readTLS settles how TLS is dealt with.
func (s *server) readTLS(f *Frontend, r *memo.Recorder, t *istiov1.ServerTLS) {
	encrypted := s.protocol == ir.ProtocolHTTPS || s.protocol == ir.ProtocolTLS
	switch {
	case t != nil && t.HTTPSRedirect && s.protocol == ir.ProtocolHTTP:
		s.redirect = &ir.Route{
			Origin: s.origin(), Match: everything,
			Filters: ir.Filters{&ir.Redirect{Scheme: "https", Status: 301}},
			Action:  &ir.Respond{Status: 500, Reason: core.ReasonNoBackends},
		}
	case t != nil && t.HTTPSRedirect:
		s.refuse("tls.httpsRedirect: is for servers with protocol HTTP")
	case encrypted && (t == nil || t.Mode == ""):
		s.refuse("tls.mode: is required with this protocol; use SIMPLE, MUTUAL or PASSTHROUGH")
	case !encrypted && t != nil && t.Mode != "":
		s.refuse("tls.mode: does not go with protocol %s; use HTTPS or TLS", s.protocol)
	case encrypted && t.Mode == modePassthrough:
	case encrypted && (t.Mode == modeSimple || t.Mode == modeMutual):
		s.terminate(f, r, t)
	case encrypted:
		s.refuse("tls.mode: %s is not supported; use SIMPLE, MUTUAL or PASSTHROUGH", t.Mode)
	}
}
