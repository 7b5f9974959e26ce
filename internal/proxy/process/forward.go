package process

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/proxy"
)

// Forward feeds the proxy with ports that are forwarded, each to one address and for
// as long as the process runs: "tcp/8080=10.0.0.1:80", or "udp/5353=10.0.0.1:53". With
// sources, which are networks as in "10.0.0.0/8", clients from elsewhere are refused.
func Forward(texts, sources []string) (Feed, error) {
	networks, err := prefixes(sources)
	if err != nil {
		return nil, err
	}
	s := &ir.Snapshot{Backends: map[ir.BackendName]*ir.Backend{}, Endpoints: map[ir.EndpointsName]*ir.Endpoints{}}
	for _, text := range texts {
		if err := addForward(s, text); err != nil {
			return nil, fmt.Errorf("forward %q: %w; want NETWORK/PORT=ADDRESS:PORT, as in tcp/8080=10.0.0.1:80", text, err)
		}
	}
	for _, l := range s.Listeners {
		l.Chains[0].Relay.Sources = networks
	}
	s.Seal()
	return func(ctx context.Context, p *proxy.Proxy) error {
		ack := p.Apply(s)
		if ack.Rejected != "" {
			return errors.New(ack.Rejected)
		}
		for _, f := range ack.Failures {
			return fmt.Errorf("forward %s: %s", f.Resource, f.Message)
		}
		<-ctx.Done()
		return nil
	}, nil
}

// prefixes are networks.
func prefixes(texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("source %q: %w; want a network, as in 10.0.0.0/8", text, err)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// addForward adds a listener and its backend to a snapshot.
func addForward(s *ir.Snapshot, text string) error {
	from, to, ok := strings.Cut(text, "=")
	network, digits, ok2 := strings.Cut(from, "/")
	if !ok || !ok2 {
		return errors.New("a part is missing")
	}
	if network != string(ir.TCP) && network != string(ir.UDP) {
		return fmt.Errorf("%q is neither tcp nor udp", network)
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("%q is no port", digits)
	}
	address, err := netip.ParseAddrPort(to)
	if err != nil || address.Port() == 0 {
		return fmt.Errorf("%q is no IP address with a port", to)
	}
	if slices.ContainsFunc(s.Listeners, func(l *ir.Listener) bool { return string(l.Name) == from }) {
		return errors.New("the port is forwarded already")
	}
	origin := ir.Origin{Kind: "Forward", Name: text}
	backend := &ir.Backend{Name: ir.BackendName(from), Endpoints: ir.EndpointsName(from), Origin: origin}
	s.Backends[backend.Name] = backend
	s.Endpoints[backend.Endpoints] = &ir.Endpoints{
		Name: backend.Endpoints, Items: []ir.Endpoint{{Address: address.Addr().String(), Port: address.Port()}},
	}
	route := &ir.RelayRoute{Origin: origin, Destinations: []ir.Destination{{Backend: backend.Name, Weight: 1}}}
	s.Listeners = append(s.Listeners, &ir.Listener{
		Name: ir.ListenerName(from), Network: ir.Network(network), Port: uint16(port), Origins: []ir.Origin{origin},
		Chains: []*ir.Chain{{Name: "forward", Origin: origin, Relay: &ir.RelayChain{Route: route}}},
	})
	return nil
}
