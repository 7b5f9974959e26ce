package core

import (
	"cmp"
	"fmt"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"

	"fsm/internal/ir"
	"fsm/internal/translate/memo"
)

// Endpoints are the addresses behind a destination.
type Endpoints struct {
	*ir.Endpoints
	// Warnings name what in the EndpointSlices was not used.
	Warnings []string
}

// Endpoints returns the addresses behind a destination. They are the same value
// as before while the EndpointSlices are.
func (s *Source) Endpoints(r *memo.Recorder, a Address) *Endpoints { return s.endpoints.Read(r, a) }

func (s *Source) makeEndpoints(r *memo.Recorder, a Address) *Endpoints {
	if a.Host != "" {
		return &Endpoints{Endpoints: &ir.Endpoints{
			Name:   a.Endpoints,
			Origin: hostOrigin(a.Host),
			Items:  []ir.Endpoint{{Address: a.Host, Port: a.Port}},
		}}
	}
	g := gatherer{dns: s.dns, address: a}
	for _, slice := range s.slices.List(r, a.Slices) {
		g.slice(slice)
	}
	return g.endpoints()
}

// gatherer collects endpoints from several EndpointSlices.
type gatherer struct {
	dns     DNS
	address Address
	ready   []ir.Endpoint
	// draining endpoints are on their way out but still answer. They serve when
	// nothing else does, as kube-proxy has it (KEP-1669).
	draining []ir.Endpoint
	slices   int
	ports    int
	warnings []string
}

func (g *gatherer) slice(slice *discoveryv1.EndpointSlice) {
	g.slices++
	port, ok := g.port(slice)
	if !ok {
		return
	}
	g.ports++
	for i, e := range slice.Endpoints {
		if len(e.Addresses) == 0 {
			continue
		}
		if len(e.Addresses) > 1 {
			g.warn("EndpointSlice %q: endpoints[%d].addresses: only the first address of an endpoint is used; write one endpoint per address", slice.Name, i)
		}
		address := e.Addresses[0]
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			address = canonicalHost(address)
			if why := g.dns.refuse(address); why != "" {
				g.warn("EndpointSlice %q: endpoints[%d]: %s", slice.Name, i, why)
				continue
			}
		}
		g.endpoint(e.Conditions, ir.Endpoint{Address: address, Port: port})
	}
}

// port is the number of the Service port in this slice: ports are matched by
// name, a Service's only port may have none.
func (g *gatherer) port(slice *discoveryv1.EndpointSlice) (uint16, bool) {
	for _, p := range slice.Ports {
		name := ""
		if p.Name != nil {
			name = *p.Name
		}
		switch {
		case name != g.address.SlicePort:
		case p.Port == nil:
			return g.address.Port, true // "all ports": the Service's own number
		case *p.Port >= 1 && *p.Port <= 65535:
			return uint16(*p.Port), true
		}
	}
	return 0, false
}

// endpoint files the address by its conditions; those that are not set mean that
// the endpoint is fine.
func (g *gatherer) endpoint(c discoveryv1.EndpointConditions, e ir.Endpoint) {
	ready := c.Ready == nil || *c.Ready
	serving := ready
	if c.Serving != nil {
		serving = *c.Serving
	}
	switch {
	case ready:
		g.ready = append(g.ready, e)
	case serving && c.Terminating != nil && *c.Terminating:
		g.draining = append(g.draining, e)
	}
}

func (g *gatherer) warn(format string, args ...any) {
	g.warnings = append(g.warnings, fmt.Sprintf(format, args...))
}

func (g *gatherer) endpoints() *Endpoints {
	if g.slices > 0 && g.ports == 0 {
		g.warn("port %d: none of the Service's EndpointSlices has a port named %q", g.address.Port, g.address.SlicePort)
	}
	items := g.ready
	if len(items) == 0 {
		items = g.draining
	}
	slices.SortFunc(items, func(a, b ir.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Port, b.Port))
	})
	return &Endpoints{
		Endpoints: &ir.Endpoints{
			Name:   g.address.Endpoints,
			Origin: ir.Origin{Kind: "Service", Namespace: g.address.Slices.Namespace, Name: g.address.Slices.Name},
			Items:  slices.Compact(items),
		},
		Warnings: g.warnings,
	}
}
