package istio

import (
	"slices"

	"fsm/internal/ir"
)

// tables are the route tables of a run, with the routes that each is made from.
type tables map[ir.TableName]tableEntry

type tableEntry struct {
	routes []*ir.Route
	// closed tables let no request on to the table of a wider hostname.
	closed bool
	table  *ir.RouteTable
}

// entry returns the entry with its table, the same as before if the routes are.
func (t tables) entry(name ir.TableName, want tableEntry, origin ir.Origin) tableEntry {
	if before, ok := t[name]; ok && before.closed == want.closed && slices.Equal(before.routes, want.routes) {
		return before
	}
	want.table = &ir.RouteTable{Name: name, Routes: want.routes}
	if want.closed {
		want.table.Routes = append(slices.Clip(want.routes), closing(origin))
	}
	return want
}

// closing is the end of a table whose hostname a wider one covers. A Host is served by
// the rules for it, and where none matches, by none.
func closing(origin ir.Origin) *ir.Route {
	return &ir.Route{Origin: origin, Match: everything, Action: &ir.Respond{
		Status: 404, Reason: "no_route", Message: "no rule of the VirtualServices for this host matches",
	}}
}

// merge joins what several VirtualServices have to say about a hostname, in their
// order. What one of them leaves to a rule without conditions must not keep others
// from being asked, so such rules come last, as in Istio. A single VirtualService
// stays as its user wrote it.
func merge(parts []part) []*ir.Route {
	var routes []*ir.Route
	for _, p := range parts {
		routes = append(routes, p.routes...)
	}
	if len(parts) > 1 {
		slices.SortStableFunc(routes, func(a, b *ir.Route) int { return catchAll(a) - catchAll(b) })
	}
	return routes
}

func catchAll(r *ir.Route) int {
	m := r.Match
	if m.Path == everything.Path && m.Method == "" && len(m.Headers)+len(m.Query) == 0 {
		return 1
	}
	return 0
}
