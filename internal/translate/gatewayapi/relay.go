package gatewayapi

import (
	"cmp"
	"fmt"
	"slices"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/policy"
)

// relayUse is how TCP, UDP and TLS routes use backends unless their listener
// takes off TLS: the bytes are the client's own.
var relayUse = policy.Use{Traffic: policy.Raw}

func tcpRoute(o *gatewayv1.TCPRoute) routeInput {
	return routeInput{
		object: o, common: &o.Spec.CommonRouteSpec, use: relayUse,
		compile: func(c *compiler) {
			for i, r := range o.Spec.Rules {
				c.relay(i, r.Name, r.BackendRefs)
			}
		},
	}
}

func udpRoute(o *gatewayv1.UDPRoute) routeInput {
	return routeInput{
		object: o, common: &o.Spec.CommonRouteSpec, use: relayUse,
		compile: func(c *compiler) {
			for i, r := range o.Spec.Rules {
				c.relay(i, r.Name, r.BackendRefs)
			}
		},
	}
}

func tlsRoute(o *gatewayv1.TLSRoute) routeInput {
	return routeInput{
		object: o, common: &o.Spec.CommonRouteSpec, hostnames: o.Spec.Hostnames, use: relayUse,
		compile: func(c *compiler) {
			for i, r := range o.Spec.Rules {
				c.relay(i, r.Name, r.BackendRefs)
			}
		},
	}
}

// relay compiles a rule without matches. A second one could never be reached;
// the CRDs allow a single one.
func (c *compiler) relay(index int, name *gatewayv1.SectionName, refs []gatewayv1.BackendRef) {
	if index > 0 {
		c.out.dropped = append(c.out.dropped, droppedRule{
			gatewayv1.RouteReasonUnsupportedValue, fmt.Sprintf("Rule %d: only the first rule can be reached", index),
		})
		return
	}
	c.out.rules++
	c.out.origin = c.origin
	c.out.origin.Part = rulePart(index, name)
	for _, ref := range refs {
		if d := c.destination(ref); d.Weight > 0 {
			c.out.destinations = append(c.out.destinations, d)
		}
	}
	if len(c.out.destinations) == 0 {
		// Connections are accepted and closed, and the log says why.
		c.out.destinations = []ir.Destination{{Weight: 1, Failure: &ir.Respond{Status: c.use.FailureStatus(), Reason: core.ReasonNoBackends}}}
	}
}

// relayCandidate is one route of a listener for one server name.
type relayCandidate struct {
	attachment
	// hostname is the route's own, serverName what it shares with the listener.
	hostname, serverName string
}

// relays are the routes of a TLS, TCP or UDP listener. Of several with the same
// server name the first one serves: that with the more specific hostname, then
// the oldest.
func relays(l *listener, attached []attachment) []*ir.RelayRoute {
	var candidates []relayCandidate
	for _, a := range attached {
		for _, h := range a.hostnames {
			serverName, _ := ir.IntersectHostnames(l.matchedHostname(), h)
			candidates = append(candidates, relayCandidate{a, h, serverName})
		}
	}
	slices.SortStableFunc(candidates, func(a, b relayCandidate) int {
		return cmp.Or(
			ir.CompareHostnames(a.serverName, b.serverName),
			ir.CompareHostnames(a.hostname, b.hostname),
			core.ByAge(a.compiled.route, b.compiled.route),
		)
	})
	routes := make([]*ir.RelayRoute, len(candidates))
	for i, c := range candidates {
		routes[i] = &ir.RelayRoute{Origin: c.compiled.origin, ServerName: c.serverName, Destinations: c.compiled.destinations}
	}
	return routes
}
