package project

import (
	"maps"
	"net/netip"
	"slices"

	"fsm/internal/ir"
)

// Node is a proxy, as far as its snapshot depends on it.
type Node struct {
	// Name is for logs and reports.
	Name string
	Role Role
	// Gateways that the proxy serves, and those that are served with them; nil means
	// all.
	Gateways []ir.GatewayName
	// Bind are the addresses of Gateways that ask for none. Empty, or an empty
	// address, means all addresses of the machine.
	Bind []string
	// Pod says that the proxy runs in a pod, behind a Service: it listens on all of
	// the pod's addresses, and not on privileged ports. The addresses that a Gateway
	// asks for are the Service's.
	Pod bool
	// Resolution returns what restricts the addresses of names, sealed; nil for no
	// restriction. It is asked for a proxy that resolves names only, because networks
	// come and go with the machines of a cluster.
	Resolution func() *ir.Resolution
}

// Role is what a proxy is there for.
type Role string

// RoleGateway serves Gateways.
const RoleGateway Role = "gateway"

// Project returns the sealed snapshot for a node.
func Project(mesh *ir.Mesh, node Node) *ir.Snapshot {
	s := &ir.Snapshot{
		Tables:    map[ir.TableName]*ir.RouteTable{},
		Backends:  map[ir.BackendName]*ir.Backend{},
		Endpoints: map[ir.EndpointsName]*ir.Endpoints{},
		Secrets:   map[ir.SecretName]*ir.Secret{},
		Limiters:  map[ir.LimiterName]*ir.Limiter{},
	}
	if node.Role == RoleGateway {
		s.Listeners, s.Conflicts = gatewayListeners(mesh, node)
	}
	r := reach{mesh: mesh, snapshot: s}
	for _, l := range s.Listeners {
		r.listener(l)
	}
	if node.Resolution != nil && named(s) {
		s.Resolution = node.Resolution()
	}
	s.Seal()
	return s
}

// named reports whether some endpoints of a snapshot have to be resolved.
func named(s *ir.Snapshot) bool {
	for _, e := range s.Endpoints {
		for _, item := range e.Items {
			if _, err := netip.ParseAddr(item.Address); err != nil {
				return true
			}
		}
	}
	return false
}

// reach adds to a snapshot what can be reached from its listeners.
type reach struct {
	mesh     *ir.Mesh
	snapshot *ir.Snapshot
}

func (r reach) listener(l *ir.Listener) {
	for _, c := range l.Chains {
		r.serverTLS(c.TLS)
		if c.Relay != nil {
			r.destinations(c.Relay.Route.Destinations)
			continue
		}
		for _, v := range c.HTTP.VirtualHosts {
			for _, h := range v.Hosts {
				r.table(h.Table)
			}
		}
	}
}

func (r reach) serverTLS(t *ir.ServerTLS) {
	if t == nil {
		return
	}
	r.secrets(t.Certificates)
	if t.Clients != nil {
		r.secrets(t.Clients.Authorities)
	}
}

func (r reach) secrets(names []ir.SecretName) {
	for _, name := range names {
		if s := r.mesh.Secrets[name]; s != nil {
			r.snapshot.Secrets[name] = s
		}
	}
}

func (r reach) table(name ir.TableName) {
	t := r.mesh.Tables[name]
	if t == nil || r.snapshot.Tables[name] != nil {
		return
	}
	r.snapshot.Tables[name] = t
	for _, route := range t.Routes {
		r.filters(route.Filters)
		if forward, ok := route.Action.(*ir.Forward); ok {
			r.destinations(forward.Destinations)
		}
	}
}

func (r reach) filters(filters ir.Filters) {
	for _, f := range filters {
		switch f := f.(type) {
		case *ir.Mirror:
			r.backend(f.Backend)
		case *ir.RateLimit:
			r.limiter(f.Limiter)
		case *ir.ClientLimit:
			r.limiter(f.Limiter)
		}
	}
}

func (r reach) limiter(name ir.LimiterName) {
	if l := r.mesh.Limiters[name]; l != nil {
		r.snapshot.Limiters[name] = l
	}
}

func (r reach) destinations(destinations []ir.Destination) {
	for _, d := range destinations {
		if d.Failure == nil {
			r.backend(d.Backend)
		}
		r.filters(d.Filters)
	}
}

func (r reach) backend(name ir.BackendName) {
	b := r.mesh.Backends[name]
	if b == nil || r.snapshot.Backends[name] != nil {
		return
	}
	r.snapshot.Backends[name] = b
	if e := r.mesh.Endpoints[b.Endpoints]; e != nil {
		r.snapshot.Endpoints[b.Endpoints] = e
	}
	if b.TLS != nil {
		r.secrets(b.TLS.Authorities)
		if b.TLS.Certificate != "" {
			r.secrets([]ir.SecretName{b.TLS.Certificate})
		}
	}
	if b.Session != nil && b.Session.Key != "" {
		r.secrets([]ir.SecretName{b.Session.Key})
	}
}

// selected are the Gateways of a node, oldest first.
func selected(mesh *ir.Mesh, node Node) []*ir.Gateway {
	gateways := slices.Collect(maps.Values(mesh.Gateways))
	if node.Gateways != nil {
		gateways = slices.DeleteFunc(gateways, func(g *ir.Gateway) bool {
			return !slices.Contains(node.Gateways, g.Name) && (g.With == "" || !slices.Contains(node.Gateways, g.With))
		})
	}
	slices.SortFunc(gateways, byAge)
	return gateways
}
