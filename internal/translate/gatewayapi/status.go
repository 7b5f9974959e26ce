package gatewayapi

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/translate/policy"
)

func (a *assembly) count(l *listener) int32 {
	if t := a.traffic[l]; t != nil {
		return t.count
	}
	return 0
}

func (a *assembly) reportGateway(g *gateway) {
	status := &gatewayv1.GatewayStatus{Conditions: g.conditions}
	for _, l := range g.own(g.key) {
		status.Listeners = append(status.Listeners, gatewayv1.ListenerStatus{
			Name: l.Name, SupportedKinds: kindsOrNone(l.kinds), AttachedRoutes: a.count(l), Conditions: l.conditions,
		})
	}
	var attached int32
	for _, s := range g.sets {
		if s.accepted {
			attached++
			a.report.Attached[g.key] = append(a.report.Attached[g.key], s.key)
		}
	}
	status.AttachedListenerSets = &attached
	a.report.Gateways[g.key] = status
}

// kindsOrNone is never nil: an empty list says that no kind is supported.
func kindsOrNone(kinds []gatewayv1.RouteGroupKind) []gatewayv1.RouteGroupKind {
	if kinds == nil {
		return []gatewayv1.RouteGroupKind{}
	}
	return kinds
}

func (a *assembly) reportListenerSet(g *gateway, s *listenerSet) {
	status := &gatewayv1.ListenerSetStatus{Conditions: s.conditions}
	for _, l := range g.own(s.key) {
		status.Listeners = append(status.Listeners, gatewayv1.ListenerEntryStatus{
			Name: l.Name, SupportedKinds: kindsOrNone(l.kinds), AttachedRoutes: a.count(l), Conditions: l.conditions,
		})
	}
	a.report.ListenerSets[s.key] = status
}

// reportPolicies reports BackendTLSPolicies, for each Gateway that they matter to.
func (a *assembly) reportPolicies() {
	for _, p := range a.policies.BackendTLSPolicies() {
		a.reportPolicy(p)
	}
	a.policies.Report(a.report, policy.Surroundings{Ports: a.ports, Serves: func(route resource.Key) bool {
		status := a.report.Routes[route]
		return status != nil && len(status.Parents) > 0
	}})
}

// ports of the listeners of a Gateway.
func (a *assembly) ports(name types.NamespacedName) (ports []int32, ours bool) {
	g := a.gateways.Read(nil, name)
	if g == nil {
		return nil, false
	}
	for _, l := range g.listeners {
		ports = append(ports, l.Port)
	}
	return ports, true
}

// mostAncestors is the length that the CRD allows.
const mostAncestors = 16

func (a *assembly) reportPolicy(p *gatewayv1.BackendTLSPolicy) {
	key := resource.KeyOf(p)
	ancestors := map[*gateway]bool{}
	for _, service := range policy.Targets(p) {
		maps.Copy(ancestors, a.reached[service])
		a.report.Targets[key] = append(a.report.Targets[key], resource.Key{Kind: "Service", Namespace: service.Namespace, Name: service.Name})
	}
	if len(ancestors) == 0 {
		return // others than Gateways may send to its Services
	}
	if len(p.Spec.Options) > 0 {
		a.report.Warn(key, "options are not used")
	}
	status := &gatewayv1.PolicyStatus{}
	sorted := slices.SortedFunc(maps.Keys(ancestors), func(x, y *gateway) int { return strings.Compare(string(x.name()), string(y.name())) })
	for _, g := range sorted[:min(len(sorted), mostAncestors)] {
		reached := func(service types.NamespacedName) bool { return a.reached[service][g] }
		status.Ancestors = append(status.Ancestors, gatewayv1.PolicyAncestorStatus{
			AncestorRef: gatewayv1.ParentReference{
				Group: new(gatewayv1.Group(gatewayv1.GroupName)), Kind: new(gatewayv1.Kind("Gateway")),
				Namespace: new(gatewayv1.Namespace(g.key.Namespace)), Name: gatewayv1.ObjectName(g.key.Name),
			},
			ControllerName: gatewayv1.GatewayController(a.config.ControllerName),
			Conditions:     a.policies.Conditions(p, reached),
		})
	}
	a.report.Policies[key] = status
}
