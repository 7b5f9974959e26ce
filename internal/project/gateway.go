package project

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"fsm/internal/ir"
)

func byAge(a, b *ir.Gateway) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
}

// gatewayListeners brings the listeners of a node's Gateways together by socket.
func gatewayListeners(mesh *ir.Mesh, node Node) ([]*ir.Listener, []ir.Failure) {
	p := ports{pod: node.Pod}
	for _, g := range selected(mesh, node) {
		p.gateway(g, bindAddresses(g, node))
	}
	var listeners []*ir.Listener
	for _, s := range p.sockets {
		listeners = append(listeners, s.listener())
	}
	slices.SortFunc(listeners, func(a, b *ir.Listener) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Address, b.Address))
	})
	return listeners, p.conflicts
}

func bindAddresses(g *ir.Gateway, node Node) []string {
	switch {
	case node.Pod:
		return []string{""}
	case len(g.Addresses) > 0:
		return g.Addresses
	case len(node.Bind) > 0:
		return node.Bind
	default:
		return []string{""}
	}
}

// ports gives sockets to Gateways, first come, first served.
type ports struct {
	pod       bool
	sockets   []*socket
	conflicts []ir.Failure
}

// socket is a port of one Gateway with the Gateway listeners that share it.
type socket struct {
	gateway *ir.Gateway
	network ir.Network
	address string
	port    uint16                // that clients use
	bind    uint16                // that the proxy listens on
	own     uint16                // the one of the two that is the socket's own: its name
	members []*ir.GatewayListener // in order of precedence
}

func (s *socket) name() ir.ListenerName {
	return ir.ListenerName(string(s.network) + "/" + net.JoinHostPort(s.address, strconv.Itoa(int(s.own))))
}

func (p *ports) gateway(g *ir.Gateway, addresses []string) {
	for _, l := range g.Listeners {
		for _, address := range addresses {
			p.add(g, l, address)
		}
	}
}

func (p *ports) add(g *ir.Gateway, l *ir.GatewayListener, address string) {
	wanted := &socket{gateway: g, network: networkOf(l.Protocol), address: address, port: l.Port, bind: l.Port, own: l.Port}
	switch {
	case l.Bind != 0:
		wanted.bind, wanted.own = l.Bind, l.Bind
	case p.pod:
		wanted.bind = ir.PodPort(l.Port)
	}
	for _, s := range p.sockets {
		if s.shared(wanted) {
			p.share(s, l)
			return
		}
		if !s.overlaps(wanted) {
			continue
		}
		if s.gateway != g || s.port != wanted.port {
			p.conflicts = append(p.conflicts, wanted.taken(l, s.gateway))
			return
		}
		if s.address == address {
			s.members = append(s.members, l)
			return
		}
	}
	wanted.members = []*ir.GatewayListener{l}
	p.sockets = append(p.sockets, wanted)
}

// overlaps tells whether the operating system would not let both sockets be.
func (s *socket) overlaps(o *socket) bool {
	return s.network == o.network && s.bind == o.bind &&
		(s.address == o.address || isAny(s.address) || isAny(o.address))
}

func isAny(address string) bool {
	ip, err := netip.ParseAddr(address)
	return address == "" || err == nil && ip.IsUnspecified()
}

const portUnavailable = "PortUnavailable"

// taken is the answer to a listener whose port another Gateway has.
func (s *socket) taken(l *ir.GatewayListener, holder *ir.Gateway) ir.Failure {
	return ir.Failure{
		Resource: string(s.name()),
		Origins:  []ir.Origin{l.Origin},
		Reason:   portUnavailable,
		Message: fmt.Sprintf("%s port %d is taken by Gateway %s, which is older or comes first by name; choose another port, or give the Gateways different spec.addresses",
			s.network, s.own, holder.Name),
	}
}

func networkOf(p ir.Protocol) ir.Network {
	if p == ir.ProtocolUDP {
		return ir.UDP
	}
	return ir.TCP
}

// listener arranges the members of a socket into chains.
func (s *socket) listener() *ir.Listener {
	l := &ir.Listener{Name: s.name(), Network: s.network, Address: s.address, Port: s.bind}
	if s.bind != s.port {
		l.Advertised = s.port
	}
	var http []*ir.GatewayListener
	var tls []*ir.GatewayListener
	for _, m := range s.members {
		l.Origins = append(l.Origins, m.Origin)
		if l.Options == nil {
			l.Options = m.Options
		}
		if l.Guard == nil {
			l.Guard = m.Guard
		}
		switch m.Protocol {
		case ir.ProtocolHTTP:
			http = append(http, m)
		case ir.ProtocolHTTPS, ir.ProtocolTLS:
			tls = append(tls, m)
		case ir.ProtocolTCP, ir.ProtocolUDP:
			if len(m.Relays) > 0 {
				l.Chains = append(l.Chains, &ir.Chain{
					Name: string(s.network), Origin: m.Origin, Relay: &ir.RelayChain{Route: m.Relays[0]},
				})
			}
		}
	}
	if len(http) > 0 {
		l.Chains = append(l.Chains, httpChain(http))
	}
	l.Chains = append(l.Chains, tlsChains(tls)...)
	return l
}

// httpChain serves all cleartext listeners of a port; the Host header tells them
// apart.
func httpChain(members []*ir.GatewayListener) *ir.Chain {
	chain := &ir.Chain{Name: "http", Origin: members[0].Origin, HTTP: &ir.HTTPChain{}}
	hosts := &chain.HTTP.VirtualHosts
	for _, m := range bySpecificity(members) {
		if n := len(*hosts); n > 0 && (*hosts)[n-1].Hostname == m.Hostname {
			(*hosts)[n-1].Hosts = joinHosts((*hosts)[n-1].Hosts, m.Hosts)
			continue
		}
		*hosts = append(*hosts, virtualHost(m))
	}
	return chain
}

func virtualHost(m *ir.GatewayListener) ir.VirtualHost {
	return ir.VirtualHost{Origin: m.Origin, Hostname: m.Hostname, Hosts: m.Hosts}
}

func bySpecificity(members []*ir.GatewayListener) []*ir.GatewayListener {
	return slices.SortedStableFunc(slices.Values(members), func(a, b *ir.GatewayListener) int {
		return ir.CompareHostnames(a.Hostname, b.Hostname)
	})
}
