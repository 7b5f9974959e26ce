package project

import (
	"fmt"
	"slices"

	"fsm/internal/ir"
)

// shared tells whether what wants a socket is to share this one: two gateways of the
// same proxies have one port for both, wherever each would have the proxy listen.
func (s *socket) shared(wanted *socket) bool {
	a, b := s.gateway, wanted.gateway
	return a != b && (a.With == b.Name || b.With == a.Name) &&
		s.network == wanted.network && s.port == wanted.port && s.address == wanted.address
}

// share adds a listener of another gateway to a socket. What both have stays with the
// one that came first: a server name with TLS, a host without.
func (p *ports) share(s *socket, l *ir.GatewayListener) {
	first := s.members[0]
	if layer(first.Protocol) != layer(l.Protocol) || layer(l.Protocol) == ir.ProtocolTCP {
		p.refuse(s, l, fmt.Sprintf("%s port %d is taken by Gateway %s with protocol %s", s.network, s.port, s.gateway.Name, first.Protocol))
		return
	}
	if layer(l.Protocol) == ir.ProtocolTLS {
		if i := slices.IndexFunc(s.members, func(m *ir.GatewayListener) bool { return m.Hostname == l.Hostname }); i >= 0 {
			p.refuse(s, l, fmt.Sprintf("server name %q of port %d is that of %s", orAny(l.Hostname), s.port, s.members[i].Origin))
			return
		}
		s.members = append(s.members, l)
		return
	}
	rest := *l
	rest.Hosts = slices.DeleteFunc(slices.Clone(l.Hosts), func(h ir.Host) bool {
		i := slices.IndexFunc(s.members, func(m *ir.GatewayListener) bool { return m.Hostname == l.Hostname && hasHost(m.Hosts, h.Hostname) })
		if i >= 0 {
			p.refuse(s, l, fmt.Sprintf("host %q of port %d is that of %s", orAny(h.Hostname), s.port, s.members[i].Origin))
		}
		return i >= 0
	})
	s.members = append(s.members, &rest)
}

func (p *ports) refuse(s *socket, l *ir.GatewayListener, message string) {
	p.conflicts = append(p.conflicts, ir.Failure{Resource: string(s.name()), Origins: []ir.Origin{l.Origin}, Reason: portUnavailable, Message: message})
}

// layer groups the protocols that can share a port.
func layer(p ir.Protocol) ir.Protocol {
	switch p {
	case ir.ProtocolHTTPS:
		return ir.ProtocolTLS
	case ir.ProtocolUDP:
		return ir.ProtocolTCP
	}
	return p
}

func hasHost(hosts []ir.Host, hostname string) bool {
	return slices.ContainsFunc(hosts, func(h ir.Host) bool { return h.Hostname == hostname })
}

func orAny(hostname string) string {
	if hostname == "" {
		return "*"
	}
	return hostname
}

// joinHosts are the hosts of two listeners that have none in common, most specific
// first.
func joinHosts(a, b []ir.Host) []ir.Host {
	return slices.SortedStableFunc(slices.Values(slices.Concat(a, b)), func(x, y ir.Host) int {
		return ir.CompareHostnames(x.Hostname, y.Hostname)
	})
}
