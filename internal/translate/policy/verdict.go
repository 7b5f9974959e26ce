package policy

import (
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/report"
)

// Surroundings are what front-ends know about the targets of policies.
type Surroundings struct {
	// Ports of a Gateway; ours is false when somebody else serves it.
	Ports func(gateway types.NamespacedName) (ports []int32, ours bool)
	// Serves tells whether a Gateway of ours serves a route.
	Serves func(route resource.Key) bool
}

// Report says what has become of the policies of routes and Gateways.
func (x *Index) Report(rep *report.Report, s Surroundings) {
	reportFamily(x, x.access, rep, s)
	reportFamily(x, x.rates, rep, s)
	reportFamily(x, x.faults, rep, s)
	x.reportGatewayTLS(rep, s)
}

func reportFamily[P object, S any](x *Index, f *family[P, S], rep *report.Report, s Surroundings) {
	for _, p := range core.List[P](x.src) {
		key, target := resource.KeyOf(p), targetOf(p)
		has, foreign := x.partsOf(target, s)
		if foreign {
			continue
		}
		rep.Targets[key] = []resource.Key{target}
		condition := f.verdict(p, has)
		rep.Attachments[key] = &v1alpha1.PolicyStatus{Conditions: report.Conditions(p.GetGeneration(), condition)}
		if condition.Status == metav1.ConditionTrue && kindOf(target) != gatewayKind && !s.Serves(target) {
			rep.Warn(key, "no Gateway serves "+target.String()+", so the policy has no effect")
		}
	}
}

// partsOf tells which parts a target has, nil if there is no such target. A Gateway
// that somebody else serves is none of our business.
func (x *Index) partsOf(target resource.Key, s Surroundings) (has func(part) bool, foreign bool) {
	name := types.NamespacedName{Namespace: target.Namespace, Name: target.Name}
	switch kindOf(target) {
	case gatewayKind:
		ports, ours := s.Ports(name)
		exists := core.Get[*gatewayv1.Gateway](x.src, nil, name) != nil
		if !exists || !ours {
			return nil, exists
		}
		return func(p part) bool {
			return slices.ContainsFunc(ports, func(port int32) bool { return strconv.Itoa(int(port)) == p.name })
		}, false
	case httpRouteKind:
		if route := core.Get[*gatewayv1.HTTPRoute](x.src, nil, name); route != nil {
			return routeParts(route.Spec.Hostnames, httpKeys(route)), false
		}
	case grpcRouteKind:
		if route := core.Get[*gatewayv1.GRPCRoute](x.src, nil, name); route != nil {
			return routeParts(route.Spec.Hostnames, grpcKeys(route)), false
		}
	}
	return nil, false
}

// routeParts are those of a route. One without hostnames has those of its listeners.
func routeParts(hostnames []gatewayv1.Hostname, matches []string) func(part) bool {
	return func(p part) bool {
		switch p.level {
		case byMatch:
			return slices.Contains(matches, p.name)
		case byHostname:
			return len(hostnames) == 0 || slices.ContainsFunc(hostnames, func(h gatewayv1.Hostname) bool {
				return p.covers(place{hostname: string(h)})
			})
		default:
			return p.level == byWhole
		}
	}
}

func httpKeys(o *gatewayv1.HTTPRoute) []string {
	var keys []string
	for _, rule := range o.Spec.Rules {
		keys = append(keys, matchKeys(rule.Matches, HTTPMatchKey)...)
	}
	return keys
}

func grpcKeys(o *gatewayv1.GRPCRoute) []string {
	var keys []string
	for _, rule := range o.Spec.Rules {
		keys = append(keys, matchKeys(rule.Matches, GRPCMatchKey)...)
	}
	return keys
}

// matchKeys are those of a rule.
func matchKeys[M any](matches []M, key func(M) string) []string {
	if len(matches) == 0 {
		return []string{everything}
	}
	keys := make([]string, len(matches))
	for i, m := range matches {
		keys[i] = key(m)
	}
	return keys
}
