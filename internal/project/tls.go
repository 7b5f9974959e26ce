package project

import (
	"slices"

	"fsm/internal/ir"
)

// tlsChains makes a chain for each server name of the TLS listeners of a port. A
// listener owns the names that its hostname covers and no more specific listener
// covers; routes of a wider listener do not get them, even where the owner has no
// route for them (listener isolation).
func tlsChains(members []*ir.GatewayListener) []*ir.Chain {
	var chains []*ir.Chain
	for _, m := range members {
		if m.Protocol == ir.ProtocolHTTPS {
			chains = append(chains, httpsChain(m, members))
			continue
		}
		chains = append(chains, relayChains(m, members)...)
	}
	slices.SortStableFunc(chains, func(a, b *ir.Chain) int {
		return ir.CompareHostnames(a.Match.ServerName, b.Match.ServerName)
	})
	return chains
}

func chainName(kind, serverName string) string { return kind + "/" + orAny(serverName) }

func httpsChain(m *ir.GatewayListener, members []*ir.GatewayListener) *ir.Chain {
	return &ir.Chain{
		Name:   chainName("https", m.Hostname),
		Origin: m.Origin,
		Match:  ir.ChainMatch{TLS: true, ServerName: m.Hostname},
		TLS:    m.TLS,
		HTTP: &ir.HTTPChain{
			VirtualHosts: []ir.VirtualHost{virtualHost(m)},
			Elsewhere:    elsewhere(m, members),
		},
	}
}

// elsewhere are the hostnames of the other TLS listeners, most specific first.
// The empty one is there when a listener takes any name.
func elsewhere(m *ir.GatewayListener, members []*ir.GatewayListener) []string {
	var hostnames []string
	for _, o := range bySpecificity(members) {
		if o != m && !slices.Contains(hostnames, o.Hostname) {
			hostnames = append(hostnames, o.Hostname)
		}
	}
	return hostnames
}

// relayChains makes a chain for each server name that a TLS listener has a route
// for. The first route of a name is the one that serves it.
func relayChains(m *ir.GatewayListener, members []*ir.GatewayListener) []*ir.Chain {
	var chains []*ir.Chain
	seen := map[string]bool{}
	for _, route := range m.Relays {
		if seen[route.ServerName] || ownedByOther(m, route.ServerName, members) {
			continue
		}
		seen[route.ServerName] = true
		chains = append(chains, relayChain(m, m.TLS, route))
	}
	if !seen[m.Hostname] && hasWider(m, members) {
		// Names without a route are closed rather than given to the wider listener.
		closed := &ir.RelayRoute{Origin: m.Origin, ServerName: m.Hostname}
		chains = append(chains, relayChain(m, nil, closed))
	}
	return chains
}

func relayChain(m *ir.GatewayListener, tls *ir.ServerTLS, route *ir.RelayRoute) *ir.Chain {
	return &ir.Chain{
		Name:   chainName("tls", route.ServerName),
		Origin: m.Origin,
		Match:  ir.ChainMatch{TLS: true, ServerName: route.ServerName},
		TLS:    tls,
		Relay:  &ir.RelayChain{Route: route},
	}
}

// ownedByOther tells whether a more specific listener covers the server name.
func ownedByOther(m *ir.GatewayListener, serverName string, members []*ir.GatewayListener) bool {
	return slices.ContainsFunc(members, func(o *ir.GatewayListener) bool {
		return o != m && o.Hostname != m.Hostname && ir.HostnameCovers(m.Hostname, o.Hostname) && ir.HostnameCovers(o.Hostname, serverName)
	})
}

// hasWider tells whether another listener covers the hostname of this one.
func hasWider(m *ir.GatewayListener, members []*ir.GatewayListener) bool {
	return slices.ContainsFunc(members, func(o *ir.GatewayListener) bool {
		return o != m && ir.HostnameCovers(o.Hostname, m.Hostname)
	})
}
