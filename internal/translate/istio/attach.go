package istio

import (
	"fmt"
	"slices"

	"fsm/internal/ir"
)

// attached is what became of a VirtualService at the Gateways.
type attached struct {
	*virtualService
	// missing are the gateways that it names and that are not there, hidden those
	// that it is not exported to, found counts the others.
	missing, hidden []string
	found           int
	// served is set when a server has hosts in common with it.
	served bool
}

func (a *assembly) attach(v *virtualService) {
	at := &attached{virtualService: v}
	for _, name := range v.bound {
		g := a.byName[name]
		switch {
		case g == nil:
			at.missing = append(at.missing, name.String())
		case !v.exportedTo(name.Namespace):
			at.hidden = append(at.hidden, name.String())
		default:
			at.found++
			for _, s := range g.servers {
				at.attachTo(s)
			}
		}
	}
	if at.found > 0 {
		a.use(v)
	}
	a.services = append(a.services, at)
}

// attachTo brings the rules to the listeners of a server.
func (at *attached) attachTo(s *claimedServer) {
	common := at.hostnames(s.server)
	if len(common) == 0 || len(s.listeners) == 0 {
		return
	}
	at.served = true
	for _, l := range s.listeners {
		switch {
		case s.protocol == ir.ProtocolHTTP || s.protocol == ir.ProtocolHTTPS:
			p := at.httpPart(s.server)
			for _, h := range common {
				if ir.HostnameCovers(l.hostname, h) {
					l.add(h, p)
				}
			}
		case s.protocol == ir.ProtocolTCP:
			l.relays = append(l.relays, at.tcpRelays(s.server, "")...)
		case s.tls != nil:
			for _, h := range common {
				if ir.HostnameCovers(l.hostname, h) {
					l.relays = append(l.relays, at.tcpRelays(s.server, h)...)
				}
			}
		default:
			l.relays = append(l.relays, at.tlsRelays(l, s.server, common)...)
		}
	}
}

// httpPart are the rules that are in force at a server: for one that redirects to
// https, the redirect.
func (at *attached) httpPart(s *server) part {
	if s.redirect != nil {
		return part{s, []*ir.Route{s.redirect}}
	}
	p := part{from: at.virtualService}
	for _, entry := range at.http {
		if entry.covers(s) {
			p.routes = append(p.routes, entry.route)
		}
	}
	return p
}

func (at *attached) tcpRelays(s *server, serverName string) []relay {
	var relays []relay
	for _, entry := range at.tcp {
		if !entry.covers(s) {
			continue
		}
		destinations := entry.raw
		if s.tls != nil {
			destinations = entry.decrypted
		}
		relays = append(relays, relay{serverName, entry.origin, destinations})
	}
	return relays
}

func (at *attached) tlsRelays(l *listener, s *server, common []string) []relay {
	var relays []relay
	for _, entry := range at.tls {
		if !entry.covers(s) {
			continue
		}
		for _, wanted := range entry.serverNames {
			for _, h := range common {
				name, ok := ir.IntersectHostnames(h, wanted)
				if ok && ir.HostnameCovers(l.hostname, name) {
					relays = append(relays, relay{name, entry.origin, entry.raw})
				}
			}
		}
	}
	return relays
}

// use adds the backends of a VirtualService to the mesh, with all they need.
func (a *assembly) use(v *virtualService) {
	for _, u := range v.backends {
		u.slot.Read(nil).AddTo(a.mesh, a.report, serviceKey(u.service))
	}
}

// orderRelays sorts rules by server name, most specific first, and warns of those
// that another VirtualService keeps from being reached.
func (a *assembly) orderRelays(l *listener) []*ir.RelayRoute {
	slices.SortStableFunc(l.relays, func(x, y relay) int { return ir.CompareHostnames(x.serverName, y.serverName) })
	var routes []*ir.RelayRoute
	for i, r := range l.relays {
		if i > 0 && l.relays[i-1].serverName == r.serverName {
			if winner := routes[len(routes)-1].Origin; winner.Object() != r.origin.Object() {
				a.report.WarnOnce(originKey(r.origin), fmt.Sprintf("%s gets no traffic for %q of port %d: %s comes first", r.origin.Part, orAny(r.serverName), l.port, winner))
			}
			continue
		}
		routes = append(routes, &ir.RelayRoute{Origin: r.origin, ServerName: r.serverName, Destinations: r.destinations})
	}
	return routes
}
