package gatewayapi

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
)

// fitting are the route's own hostnames that have names in common with the
// listener's. They are not narrowed down: precedence between routes goes by what
// their users wrote (feature GatewayRouteHostnameIntersectionPrecedence), and a
// request reaches them only if the listener is the one for its name.
func fitting(listener string, route []gatewayv1.Hostname) []string {
	if len(route) == 0 {
		return []string{""}
	}
	var hostnames []string
	for _, h := range route {
		if _, ok := ir.IntersectHostnames(listener, string(h)); ok {
			hostnames = append(hostnames, string(h))
		}
	}
	return hostnames
}

// hostnameOf is the hostname behind an optional field.
func hostnameOf(h *gatewayv1.Hostname) string {
	if h == nil {
		return ""
	}
	return string(*h)
}
