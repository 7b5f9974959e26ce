package gatewayapi

import (
	"slices"

	"fsm/internal/ir"
	"fsm/internal/translate/core"
)

// tables are the route tables of a run, with the routes that each is made from.
type tables map[ir.TableName]tableEntry

type tableEntry struct {
	parts []*compiled
	table *ir.RouteTable
}

// entry returns the table of this name for the given routes, the same as before
// if they are the same.
func (t tables) entry(name ir.TableName, parts []*compiled) tableEntry {
	if before, ok := t[name]; ok && slices.Equal(before.parts, parts) {
		return before
	}
	return tableEntry{parts: parts, table: newTable(name, parts)}
}

// newTable sorts the rules of several routes into one table.
func newTable(name ir.TableName, parts []*compiled) *ir.RouteTable {
	byAge := slices.SortedStableFunc(slices.Values(parts), func(a, b *compiled) int { return core.ByAge(a.route, b.route) })
	var all []rankedRoute
	for _, part := range byAge {
		all = append(all, part.routes...)
	}
	slices.SortStableFunc(all, byPrecedence)
	table := &ir.RouteTable{Name: name, Routes: make([]*ir.Route, len(all))}
	for i, ranked := range all {
		table.Routes[i] = ranked.route
	}
	return table
}
