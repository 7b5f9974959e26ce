package stack

import (
	"errors"

	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/message"
)

var (
	errNoHost      = &message.Reply{Status: 404, Reason: ReasonNoHost, Cause: errors.New("no listener has this host")}
	errNoRoute     = &message.Reply{Status: 404, Reason: ReasonNoRoute, Cause: errors.New("no route of this host matches")}
	errMisdirected = &message.Reply{Status: 421, Reason: ReasonMisdirected, Cause: errors.New("host belongs to another listener than the TLS server name")}
)

// match finds the listener and the route. Of the listeners that share the
// connection only the most specific one for the host is asked (Gateway API,
// listener isolation); of its tables each that covers the host, most specific
// first, until one has a route.
func match() layer {
	return func(next handler) handler {
		return func(x *exchange) error {
			r := &x.Request
			if x.config.elsewhere != nil {
				if owner := x.config.elsewhere.Lookup(r.Authority); len(owner) > 0 && !owner[0] {
					return errMisdirected
				}
			}
			hosts := x.config.hosts.Lookup(r.Authority)
			if len(hosts) == 0 {
				if x.config.elsewhere != nil {
					return errMisdirected
				}
				return errNoHost
			}
			x.host = hosts[0]
			for _, t := range x.host.tables.Lookup(r.Authority) {
				if i, prefix := t.index.Match(r); i >= 0 {
					x.route, x.Prefix = t.routes[i], prefix
					return next(x)
				}
			}
			return errNoRoute
		}
	}
}

// filters lets the route's filters see the request.
func filters() layer {
	return func(next handler) handler {
		return func(x *exchange) error {
			if err := x.apply(x.route.filters); err != nil {
				return err
			}
			return next(x)
		}
	}
}

// apply lets filters see the request, until one ends it.
func (x *exchange) apply(list []filter.Filter) error {
	for _, f := range list {
		x.applied = append(x.applied, f)
		if err := f.Request(&x.Exchange); err != nil {
			return err
		}
	}
	return nil
}
