package policy

import (
	"cmp"
	"slices"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/memo"
)

// ForRoute returns what policies have to say about a route, nil for nothing.
func (x *Index) ForRoute(r *memo.Recorder, route resource.Key) *Route {
	if !x.some.Read(r, struct{}{}) {
		return nil
	}
	return &Route{index: x, recorder: r, key: route}
}

// Route is a route as policies see it.
type Route struct {
	index    *Index
	recorder *memo.Recorder
	key      resource.Key
}

// Variant is the hostname if policies make a difference between it and others, and
// empty otherwise.
func (p *Route) Variant(hostname string) string {
	if p == nil || hostname == "" {
		return ""
	}
	x, r := p.index, p.recorder
	names := slices.Concat(x.access.hostnames(r, p.key), x.rates.hostnames(r, p.key), x.faults.hostnames(r, p.key))
	if slices.ContainsFunc(names, func(name string) bool { return ir.HostnameCovers(name, hostname) }) {
		return hostname
	}
	return ""
}

// Attached are the filters that policies add to a route.
type Attached struct {
	// Filters come before all others: whoever is refused is not even mirrored.
	Filters ir.Filters
	// Limiters are those of the filters.
	Limiters []*ir.Limiter
}

// Filters of a route for a hostname and a match, whose key is that of [HTTPMatchKey]
// or [GRPCMatchKey]. An empty key is that of a rule without matches.
func (p *Route) Filters(hostname, match string) Attached {
	var a Attached
	if p == nil {
		return a
	}
	at := place{hostname: hostname, match: cmp.Or(match, everything)}
	x, r := p.index, p.recorder
	if _, s, ok := x.access.winner(r, p.key, at); ok {
		a.Filters = append(a.Filters, s.setting.filter)
	}
	if _, s, ok := x.rates.winner(r, p.key, at); ok {
		a.Filters = append(a.Filters, s.setting.filter)
		a.Limiters = append(a.Limiters, s.setting.limiter)
	}
	if _, s, ok := x.faults.winner(r, p.key, at); ok {
		a.Filters = append(a.Filters, s.setting)
	}
	return a
}

// ForListener returns what policies demand at a port of a Gateway, nil for nothing.
func (x *Index) ForListener(r *memo.Recorder, gateway resource.Key, port int32) *ir.Guard {
	if !x.some.Read(r, struct{}{}) {
		return nil
	}
	at := portPlace(port)
	var guard ir.Guard
	if _, s, ok := x.access.winner(r, gateway, at); ok {
		guard.Access = s.setting.port
	}
	if _, s, ok := x.rates.winner(r, gateway, at); ok {
		guard.Rate = s.setting.port
	}
	if guard == (ir.Guard{}) {
		return nil
	}
	return &guard
}
