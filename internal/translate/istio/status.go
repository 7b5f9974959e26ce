package istio

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/translate/report"
)

func (a *assembly) reportGateway(g *claimedGateway) {
	var idle, unresolved []string
	serving := 0
	for _, s := range g.servers {
		idle = append(append(idle, s.refused...), s.conflicts...)
		if s.unresolved != "" {
			unresolved = append(unresolved, s.unresolved)
		}
		if len(s.listeners) > 0 {
			serving++
		}
	}
	if len(g.servers) == 0 {
		idle = append(idle, "servers: is required")
	}
	accepted, resolved := report.GatewayAccepted(), report.GatewayResolvedRefs()
	switch {
	case serving == 0 && len(idle) > 0:
		accepted = report.GatewayListenersNotValid(report.Summary(idle))
	case serving == 0:
		accepted = report.GatewayListenersNotValid(report.Summary(unresolved))
	case len(idle) > 0:
		accepted = report.GatewayPartlyAccepted(report.Summary(idle))
	}
	if len(unresolved) > 0 {
		resolved = report.GatewayListenersNotResolved(report.Summary(unresolved))
	}
	a.report.Conditions[g.key] = report.Conditions(g.object.Generation, accepted, resolved)
	a.report.Warn(g.key, g.warnings...)
}

func (a *assembly) reportService(v *attached) {
	if !a.config.Standalone && v.found == 0 && !v.mesh {
		return // its gateways are somebody else's
	}
	conditions := v.accepted()
	if len(v.unresolved) == 0 {
		conditions = append(conditions, report.RouteResolvedRefs())
	} else {
		var messages []string
		for _, err := range v.unresolved {
			messages = append(messages, err.Message)
		}
		conditions = append(conditions, report.RouteUnresolved(v.unresolved[0].Reason, report.Summary(messages)))
	}
	a.report.Conditions[v.key] = report.Conditions(v.object.Generation, conditions...)
	if v.found > 0 {
		for _, name := range v.missing {
			a.report.Warn(v.key, fmt.Sprintf("gateways: Gateway %s does not exist", name))
		}
		for _, name := range v.hidden {
			a.report.Warn(v.key, fmt.Sprintf("exportTo: does not include the namespace of Gateway %s", name))
		}
		if v.mesh {
			a.report.Warn(v.key, "gateways: "+meshNotServed)
		}
	}
	a.report.Warn(v.key, v.warnings...)
}

const meshNotServed = `"mesh", the default, stands for sidecars, which are not served`

// accepted is the Accepted condition, and PartiallyInvalid if need be.
func (v *attached) accepted() []metav1.Condition {
	dropped := report.Summary(v.dropped)
	switch {
	case len(v.hosts) == 0 && dropped == "":
		return []metav1.Condition{report.RouteInvalid(gatewayv1.RouteReasonUnsupportedValue, "hosts: is required")}
	case v.rules == 0 && dropped != "":
		return []metav1.Condition{report.RouteInvalid(gatewayv1.RouteReasonUnsupportedValue, dropped)}
	case v.found == 0 && len(v.missing) > 0:
		return []metav1.Condition{report.RouteNoMatchingParent("gateways: there is no Gateway " + strings.Join(v.missing, ", "))}
	case v.found == 0 && len(v.hidden) > 0:
		return []metav1.Condition{report.RouteNotAllowedByListeners("exportTo: does not include the namespace of Gateway " + strings.Join(v.hidden, ", "))}
	case v.found == 0:
		return []metav1.Condition{report.RouteNoMatchingParent("gateways: " + meshNotServed)}
	case !v.served:
		return []metav1.Condition{report.RouteNoMatchingListenerHostname("hosts: no server of its Gateways that is served has a host in common with them")}
	case dropped != "":
		return []metav1.Condition{report.RouteAccepted(), report.RoutePartiallyInvalid(gatewayv1.RouteReasonUnsupportedValue, "Dropped "+dropped)}
	default:
		return []metav1.Condition{report.RouteAccepted()}
	}
}
