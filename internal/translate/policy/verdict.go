package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
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
	x.access.report(x, rep, s)
	x.rates.report(x, rep, s)
	x.faults.report(x, rep, s)
	x.gatewayTLS.report(x, rep, s)
}

// ReportPorts says what has become of the policies of Services.
func (x *Index) ReportPorts(rep *report.Report) {
	s := &x.services
	s.balancing.report(x, rep, Surroundings{})
	s.session.report(x, rep, Surroundings{})
	s.health.report(x, rep, Surroundings{})
	s.breaker.report(x, rep, Surroundings{})
	s.retry.report(x, rep, Surroundings{})
	s.tls.report(x, rep, Surroundings{})
}

// report writes the status of each policy of the family.
func (f *family[P, S]) report(x *Index, rep *report.Report, s Surroundings) {
	for _, p := range core.List[P](f.src) {
		key, target := resource.KeyOf(p), targetOf(p)
		var own parts
		if f.allows(target) {
			found, foreign := x.partsOf(target, s)
			if foreign {
				continue
			}
			own = found
		}
		condition, contested := f.verdict(p, own)
		if len(contested) > 0 {
			rep.Contested[key] = contested // the condition says so: no warning besides
		}
		rep.Targets[key] = []resource.Key{target}
		rep.Attachments[key] = &v1alpha1.PolicyStatus{Conditions: report.Conditions(p.GetGeneration(), condition)}
		if condition.Status != metav1.ConditionTrue {
			continue
		}
		if isRoute(target) && !s.Serves(target) {
			rep.Warn(key, "no Gateway serves "+target.String()+", so the policy has no effect")
		}
		for _, warning := range f.readings.Read(nil, nameOf(p)).warnings {
			rep.Warn(key, warning)
		}
	}
}

// verdict is the condition of a policy whose target has these parts, nil if there is no
// such target, and what of it others have. A policy that is for several parts is accepted
// while it acts at one, unless what it protects fails at another.
func (f *family[P, S]) verdict(p P, own parts) (condition metav1.Condition, contested []string) {
	target := targetOf(p)
	if !f.allows(target) {
		return report.PolicyInvalid(f.misplaced(target)), nil
	}
	rd := f.readings.Read(nil, nameOf(p))
	switch {
	case rd.problem != "":
		return report.PolicyRefused(rd.reason, rd.problem), nil
	case !f.permitted(nil, p, target):
		return report.PolicyRefNotPermitted(fmt.Sprintf("targetRef: no ReferenceGrant in namespace %q allows %s of namespace %q to refer to %s %q",
			target.Namespace, withArticle(f.kind), p.GetNamespace(), target.Kind, target.Name)), nil
	case own == nil:
		return report.PolicyTargetNotFound(fmt.Sprintf("targetRef: %s does not exist", target)), nil
	}
	idle := report.PolicyTargetNotFound("")
	var said []string
	for _, s := range rd.scopes {
		refused := f.refusal(p, s, own)
		switch {
		case refused == nil:
			continue
		case !harmless(refused):
			return *refused, nil
		case len(said) == 0 || conflicted(refused):
			idle = *refused
		}
		if conflicted(refused) {
			contested = append(contested, refused.Message)
		}
		said = append(said, refused.Message)
	}
	if len(said) < len(rd.scopes) {
		return report.PolicyAcceptedBut(strings.Join(said, "; ")), contested
	}
	idle.Message = strings.Join(said, "; ")
	return idle, contested
}

// misplaced says why a policy cannot be attached to a kind of target.
func (f *family[P, S]) misplaced(target resource.Key) string {
	for _, k := range f.allowed {
		if k.Kind == target.Kind {
			return fmt.Sprintf("targetRef.group: %q has no %s that can be the target of %s; use %q", target.Group, k.Kind, withArticle(f.kind), k.Group)
		}
	}
	return fmt.Sprintf("targetRef: kind %s cannot be the target of %s; use %s",
		cmp.Or(target.Group, "core")+"/"+target.Kind, withArticle(f.kind), kindList(f.allowed))
}

// refusal says why a policy does not act at a part; nil if it does.
func (f *family[P, S]) refusal(p P, s scope[S], own parts) *metav1.Condition {
	target := targetOf(p)
	if !own.has(s.part) {
		return new(report.PolicyTargetNotFound(fmt.Sprintf("%s: %s has no %s%s", s.field, target, s, own.instead(s.level))))
	}
	if rival, loses := f.rival(p, target, s.part); loses {
		return new(report.PolicyConflicted(fmt.Sprintf("%s: %s %s is older or comes first by name, and is for %s too; remove one of them",
			cmp.Or(s.field, "spec"), f.kind, rival, cmp.Or(s.String(), "the whole route"))))
	}
	if f.judge == nil {
		return nil
	}
	return f.judge(p, s)
}

func conflicted(c *metav1.Condition) bool {
	return c.Reason == string(gatewayv1.PolicyReasonConflicted)
}

// harmless tells whether a part that a policy is refused for is as it would be without
// the policy. Otherwise the policy makes it fail.
func harmless(c *metav1.Condition) bool {
	return conflicted(c) || c.Reason == string(gatewayv1.PolicyReasonTargetNotFound)
}

// rival is the policy that takes precedence over another one for a part.
func (f *family[P, S]) rival(p P, target resource.Key, about part) (types.NamespacedName, bool) {
	for _, other := range f.byTarget.List(nil, target) {
		if other == p {
			return types.NamespacedName{}, false
		}
		rd, counts := f.counts(nil, other)
		if counts && slices.ContainsFunc(rd.scopes, func(s scope[S]) bool { return s.same(about) }) {
			return nameOf(other), true
		}
	}
	return types.NamespacedName{}, false
}

func withArticle(kind string) string {
	if strings.ContainsAny(kind[:1], "AEIOU") {
		return "an " + kind
	}
	return "a " + kind
}

func kindList(kinds []resource.Key) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Kind
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " or " + names[last]
	}
	return strings.Join(names, "")
}

func isRoute(target resource.Key) bool {
	return kindOf(target) == httpRouteKind || kindOf(target) == grpcRouteKind
}

// parts are those of a target. One without a name stands for whatever is named.
type parts []part

func (ps parts) has(p part) bool {
	return slices.ContainsFunc(ps, func(own part) bool {
		return own.level == p.level && (own.name == "" || own.name == p.name || p.covers(place{hostname: own.name}))
	})
}

// mostNamed are how many parts a message lists.
const mostNamed = 5

// instead says which parts a target has, for who named another one.
func (ps parts) instead(of level) string {
	var names []string
	for _, p := range ps {
		if p.level == of && !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	switch n := len(names); {
	case n == 0:
		return ""
	case n > mostNamed:
		return fmt.Sprintf("; it has %s and %d more", strings.Join(names[:mostNamed], ", "), n-mostNamed)
	default:
		return "; it has " + strings.Join(names, ", ")
	}
}

// partsAt makes parts of one level.
func partsAt[N any](at level, list []N, name func(N) string) parts {
	ps := parts{}
	for _, n := range list {
		ps = append(ps, part{level: at, name: name(n)})
	}
	return ps
}

// partsOf tells which parts a target has, nil if there is no such target. A Gateway
// that somebody else serves is none of our business. ServiceImports come with clusters
// that are yet to join, so that nothing of them can be missing.
func (x *Index) partsOf(target resource.Key, s Surroundings) (own parts, foreign bool) {
	name := types.NamespacedName{Namespace: target.Namespace, Name: target.Name}
	switch kindOf(target) {
	case gatewayKind:
		ports, ours := s.Ports(name)
		exists := core.Get[*gatewayv1.Gateway](x.src, nil, name) != nil
		if !exists || !ours {
			return nil, exists
		}
		return partsAt(byPort, ports, func(port int32) string { return strconv.Itoa(int(port)) }), false
	case httpRouteKind:
		if route := core.Get[*gatewayv1.HTTPRoute](x.src, nil, name); route != nil {
			return routeParts(route.Spec.Hostnames, httpKeys(route)), false
		}
	case grpcRouteKind:
		if route := core.Get[*gatewayv1.GRPCRoute](x.src, nil, name); route != nil {
			return routeParts(route.Spec.Hostnames, grpcKeys(route)), false
		}
	case serviceKind:
		if service := core.Get[*corev1.Service](x.src, nil, name); service != nil {
			return partsAt(byPort, service.Spec.Ports, func(p corev1.ServicePort) string { return strconv.Itoa(int(p.Port)) }), false
		}
	case importKind:
		return parts{{level: byPort}}, false
	}
	return nil, false
}

// routeParts are those of a route. One without hostnames has those of its listeners.
func routeParts(hostnames []gatewayv1.Hostname, matches []string) parts {
	if len(hostnames) == 0 {
		hostnames = []gatewayv1.Hostname{""}
	}
	return slices.Concat(parts{whole},
		partsAt(byHostname, hostnames, func(h gatewayv1.Hostname) string { return string(h) }),
		partsAt(byMatch, matches, func(key string) string { return key }))
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
