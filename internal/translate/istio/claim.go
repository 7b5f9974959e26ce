package istio

import (
	"fmt"

	"fsm/internal/ir"
)

// claimedGateway is a Gateway with the ports that it has got.
type claimedGateway struct {
	*gateway
	servers []*claimedServer
}

// claimedServer is a server with its listeners; with none if it is not served.
type claimedServer struct {
	*server
	listeners []*listener
	// conflicts say what another server has.
	conflicts []string
}

// listener is what servers become: one for each port without TLS, whichever servers
// share it; one for each server name with TLS.
type listener struct {
	name     string
	origin   ir.Origin
	port     uint16
	protocol ir.Protocol
	hostname string
	tls      *ir.ServerTLS
	// hosts are the rules of HTTP listeners by hostname.
	hosts map[string][]part
	// relays are those of all other listeners.
	relays []relay
}

// part is what one VirtualService, or one server, brings to a hostname.
type part struct {
	from   any
	routes []*ir.Route
}

// relay is one rule for one server name.
type relay struct {
	serverName   string
	origin       ir.Origin
	destinations []ir.Destination
}

// add adds a part to a hostname, once.
func (l *listener) add(hostname string, p part) {
	for _, other := range l.hosts[hostname] {
		if other.from == p.from {
			return
		}
	}
	if len(p.routes) > 0 {
		l.hosts[hostname] = append(l.hosts[hostname], p)
	}
}

// claimAll gives ports to the servers of a Gateway, first come, first served.
func (a *assembly) claimAll(g *gateway) {
	claimed := &claimedGateway{gateway: g}
	for _, s := range g.servers {
		c := &claimedServer{server: s}
		if s.serves() {
			a.claim(c)
		}
		claimed.servers = append(claimed.servers, c)
	}
	a.gateways = append(a.gateways, claimed)
	a.byName[nameOf(g.object)] = claimed
}

func (a *assembly) claim(s *claimedServer) {
	taken := a.ports[s.port]
	if len(taken) > 0 && (family(taken[0].protocol) != family(s.protocol) || s.protocol == ir.ProtocolTCP) {
		s.conflict("port %d is taken by %s with protocol %s", s.port, taken[0].origin, taken[0].protocol)
		return
	}
	switch s.protocol {
	case ir.ProtocolHTTP:
		if len(taken) == 0 {
			a.open(s, "")
		} else {
			s.listeners = append(s.listeners, taken[0])
		}
		if s.redirect != nil {
			for _, h := range s.hosts {
				s.listeners[0].add(h.name, part{s.server, []*ir.Route{s.redirect}})
			}
		}
	case ir.ProtocolTCP:
		a.open(s, "")
	default:
		for _, h := range s.hosts {
			a.claimName(s, h.name)
		}
	}
}

// claimName gives a server name to a server.
func (a *assembly) claimName(s *claimedServer, hostname string) {
	for _, l := range a.ports[s.port] {
		if l.hostname != hostname {
			continue
		}
		if l.origin != s.origin() {
			s.conflict("host %q of port %d is taken by %s", orAny(hostname), s.port, l.origin)
		}
		return
	}
	a.open(s, hostname)
}

func (s *claimedServer) conflict(format string, args ...any) {
	s.conflicts = append(s.conflicts, fmt.Sprintf("servers[%d]: ", s.index)+fmt.Sprintf(format, args...))
}

// family groups protocols that can share a port.
func family(p ir.Protocol) ir.Protocol {
	if p == ir.ProtocolHTTPS {
		return ir.ProtocolTLS
	}
	return p
}

func orAny(hostname string) string {
	if hostname == "" {
		return "*"
	}
	return hostname
}

// open makes a listener for a server.
func (a *assembly) open(s *claimedServer, hostname string) {
	l := &listener{
		origin: s.origin(), port: s.port, protocol: s.protocol, hostname: hostname,
		tls: s.tls, hosts: map[string][]part{},
	}
	switch family(s.protocol) {
	case ir.ProtocolHTTP:
		l.name = fmt.Sprintf("http-%d", s.port)
	case ir.ProtocolTLS:
		l.name = fmt.Sprintf("tls-%d/%s", s.port, orAny(hostname))
	default:
		l.name = fmt.Sprintf("tcp-%d", s.port)
	}
	for _, secret := range s.secrets {
		a.mesh.Secrets[secret.Name] = secret
	}
	a.ports[s.port] = append(a.ports[s.port], l)
	s.listeners = append(s.listeners, l)
}
