package ingress

import (
	"regexp"

	"fsm/internal/ir"
)

// canary is what makes an Ingress a canary of another one that has the same host
// and path.
type canary struct {
	on             bool
	weight, total  int
	header         string
	value, pattern string
	cookie         string
}

// canaryPair is a path and its canary.
type canaryPair struct{ primary, canary *entry }

// weightTotal of ingress-nginx if nothing else is said.
const weightTotal = 100

// withCanary are the routes of a path that has a canary, in the order in which
// ingress-nginx asks: header, cookie, weight. Everything but the backend is the
// primary's.
func withCanary(p canaryPair) []*ir.Route {
	c := p.canary.owner.settings.canary
	to, forwards := p.canary.route.Action.(*ir.Forward)
	from, primaryForwards := p.primary.route.Action.(*ir.Forward)
	if !forwards || !primaryForwards {
		// Requests of a canary that cannot be served stay with the primary.
		return []*ir.Route{p.primary.route}
	}
	var routes []*ir.Route
	add := func(destinations []ir.Destination, header ...ir.ValueMatch) {
		forward := *from
		forward.Destinations = destinations
		// A route of its own, and not a copy, which would bring the hash of the primary.
		route := &ir.Route{Origin: p.primary.route.Origin, Match: p.primary.route.Match, Filters: p.primary.route.Filters, Action: &forward}
		route.Match.Headers = append(header, route.Match.Headers...)
		routes = append(routes, route)
	}
	switch {
	case c.header == "":
	case c.value != "":
		add(to.Destinations, ir.ValueMatch{Name: c.header, Value: c.value})
	case c.pattern != "":
		add(to.Destinations, ir.ValueMatch{Name: c.header, Kind: ir.ValueRegex, Value: "(?s:.*)(?:" + c.pattern + ")(?s:.*)"})
	default:
		add(to.Destinations, ir.ValueMatch{Name: c.header, Value: "always"})
		add(from.Destinations, ir.ValueMatch{Name: c.header, Value: "never"})
	}
	if c.cookie != "" {
		add(to.Destinations, cookie(c.cookie, "always"))
		add(from.Destinations, cookie(c.cookie, "never"))
	}
	add(shares(from.Destinations[0], to.Destinations[0], c))
	return routes
}

// cookie finds a cookie among others (RFC 6265, section 4.2.1).
func cookie(name, value string) ir.ValueMatch {
	return ir.ValueMatch{Name: "Cookie", Kind: ir.ValueRegex, Value: `(?:.*;\s*)?` + regexp.QuoteMeta(name) + `=` + value + `(?:\s*;.*)?`}
}

// shares are the destinations by weight.
func shares(primary, other ir.Destination, c canary) []ir.Destination {
	total := c.total
	if total == 0 {
		total = weightTotal
	}
	other.Weight = uint32(min(c.weight, total))
	primary.Weight = uint32(total) - other.Weight
	switch {
	case other.Weight == 0:
		primary.Weight = 1
		return []ir.Destination{primary}
	case primary.Weight == 0:
		other.Weight = 1
		return []ir.Destination{other}
	}
	return []ir.Destination{primary, other}
}
