package status

import (
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	istiov1 "fsm/api/istio/v1"
	policyv1alpha1 "fsm/api/policy/v1alpha1"
	"fsm/internal/translate/report"
)

// merger puts what is wanted in the place of what is ours, and keeps the rest.
type merger struct {
	controller gatewayv1.GatewayController
	now        metav1.Time
	// stays, if it is set, says which entries about a parent or an ancestor stay as
	// they are.
	stays func(gatewayv1.ParentReference) bool
}

// Types of conditions that are ours, whether they are wanted or not. Only these are
// ever removed.
var (
	classTypes   = []string{string(gatewayv1.GatewayClassConditionStatusAccepted), string(gatewayv1.GatewayClassConditionStatusSupportedVersion)}
	gatewayTypes = []string{
		string(gatewayv1.GatewayConditionAccepted), string(gatewayv1.GatewayConditionProgrammed), string(gatewayv1.GatewayConditionResolvedRefs),
		string(gatewayv1.GatewayConditionInsecureFrontendValidationMode), report.OptionsValid,
	}
	listenerTypes = []string{
		string(gatewayv1.ListenerConditionAccepted), string(gatewayv1.ListenerConditionProgrammed), string(gatewayv1.ListenerConditionResolvedRefs),
		string(gatewayv1.ListenerConditionConflicted), string(gatewayv1.ListenerConditionOverlappingTLSConfig),
	}
	routeTypes = []string{
		string(gatewayv1.RouteConditionAccepted), string(gatewayv1.RouteConditionResolvedRefs), string(gatewayv1.RouteConditionPartiallyInvalid),
	}
	policyTypes = []string{string(gatewayv1.PolicyConditionAccepted), string(gatewayv1.BackendTLSPolicyConditionResolvedRefs)}
)

// conditions are the current ones with ours replaced. The order of those that stay
// does not change.
func (m merger) conditions(current, want []metav1.Condition, ours []string) []metav1.Condition {
	var merged []metav1.Condition
	for _, c := range current {
		if w := meta.FindStatusCondition(want, c.Type); w != nil {
			merged = append(merged, m.condition(c, *w))
		} else if !slices.Contains(ours, c.Type) {
			merged = append(merged, c)
		}
	}
	for _, w := range want {
		if meta.FindStatusCondition(current, w.Type) == nil {
			w.LastTransitionTime = m.now
			merged = append(merged, w)
		}
	}
	return merged
}

// condition is what is wanted, with the time of the current one unless the status
// differs. What was observed of a later generation is not taken back.
func (m merger) condition(current, want metav1.Condition) metav1.Condition {
	if current.ObservedGeneration > want.ObservedGeneration {
		return current
	}
	want.LastTransitionTime = m.now
	if current.Status == want.Status && !current.LastTransitionTime.IsZero() {
		want.LastTransitionTime = current.LastTransitionTime
	}
	return want
}

// The schema of the Gateway API allows so many entries.
const (
	mostParents   = 32
	mostAncestors = 16
)

func (m merger) parents(current, want []gatewayv1.RouteParentStatus) []gatewayv1.RouteParentStatus {
	merged := mergeEntries(m, current, want, entryKind[gatewayv1.RouteParentStatus]{ours: routeTypes, of: func(p *gatewayv1.RouteParentStatus) entry {
		return entry{p.ControllerName, p.ParentRef, &p.Conditions}
	}})
	return merged[:min(len(merged), mostParents)]
}

func (m merger) ancestors(current, want []gatewayv1.PolicyAncestorStatus) []gatewayv1.PolicyAncestorStatus {
	merged := mergeEntries(m, current, want, entryKind[gatewayv1.PolicyAncestorStatus]{ours: policyTypes, of: func(a *gatewayv1.PolicyAncestorStatus) entry {
		return entry{a.ControllerName, a.AncestorRef, &a.Conditions}
	}})
	return merged[:min(len(merged), mostAncestors)]
}

// entry is what an entry for a parent and one for an ancestor have in common.
type entry struct {
	controller gatewayv1.GatewayController
	ref        gatewayv1.ParentReference
	conditions *[]metav1.Condition
}

// entryKind is one kind of entries, and the types of conditions that are ours there.
type entryKind[E any] struct {
	of   func(*E) entry
	ours []string
}

// mergeEntries keeps the entries of others where they are, and ours as far as they
// are wanted or are to stay.
func mergeEntries[E any](m merger, current, want []E, kind entryKind[E]) []E {
	merged := []E{}
	left := slices.Clone(want)
	for _, c := range current {
		have := kind.of(&c)
		if have.controller != m.controller || m.stays != nil && m.stays(have.ref) {
			merged = append(merged, c)
			continue
		}
		i := slices.IndexFunc(left, func(w E) bool { return equality.Semantic.DeepEqual(kind.of(&w).ref, have.ref) })
		if i >= 0 {
			*have.conditions = m.conditions(*have.conditions, *kind.of(&left[i]).conditions, kind.ours)
			merged = append(merged, c)
			left = slices.Delete(left, i, i+1)
		}
	}
	for _, w := range left {
		wanted := kind.of(&w).conditions
		*wanted = m.conditions(nil, *wanted, kind.ours)
		merged = append(merged, w)
	}
	return merged
}

// listener is what the statuses of a listener of a Gateway and of one of a
// ListenerSet have in common.
type listener struct {
	name       gatewayv1.SectionName
	conditions *[]metav1.Condition
}

func ofGateway(l *gatewayv1.ListenerStatus) listener  { return listener{l.Name, &l.Conditions} }
func ofSet(l *gatewayv1.ListenerEntryStatus) listener { return listener{l.Name, &l.Conditions} }

// eachListener are the listeners that are wanted, in that order, with conditions that
// are made from the current ones and those that are wanted.
func eachListener[L any](of func(*L) listener, current, want []L, join func(current, want []metav1.Condition) []metav1.Condition) []L {
	joined := []L{}
	for _, w := range want {
		var before []metav1.Condition
		for _, c := range current {
			if of(&c).name == of(&w).name {
				before = *of(&c).conditions
			}
		}
		conditions := of(&w).conditions
		*conditions = join(before, *conditions)
		joined = append(joined, w)
	}
	return joined
}

// listenerConditions are those of a listener, merged.
func (m merger) listenerConditions(current, want []metav1.Condition) []metav1.Condition {
	return m.conditions(current, want, listenerTypes)
}

// fields are the parts of a status that have to be written, by name. A part is
// always written as a whole.
type fields map[string]any

// set adds a part if it differs in meaning.
func (f fields) set(name string, current, merged any) {
	if !equality.Semantic.DeepEqual(current, merged) {
		f[name] = merged
	}
}

// names lists the parts.
func (f fields) names() string { return strings.Join(slices.Sorted(maps.Keys(f)), " ") }

func (m merger) class(current, want *gatewayv1.GatewayClassStatus) fields {
	f := fields{}
	f.set("conditions", current.Conditions, m.conditions(current.Conditions, want.Conditions, classTypes))
	f.set("supportedFeatures", current.SupportedFeatures, want.SupportedFeatures)
	return f
}

func (m merger) gateway(current, want *gatewayv1.GatewayStatus) fields {
	f := fields{}
	f.set("conditions", current.Conditions, m.conditions(current.Conditions, want.Conditions, gatewayTypes))
	f.set("listeners", current.Listeners, eachListener(ofGateway, current.Listeners, want.Listeners, m.listenerConditions))
	if want.AttachedListenerSets != nil {
		f.set("attachedListenerSets", current.AttachedListenerSets, want.AttachedListenerSets)
	}
	f.set("addresses", current.Addresses, want.Addresses)
	return f
}

func (m merger) listenerSet(current, want *gatewayv1.ListenerSetStatus) fields {
	f := fields{}
	f.set("conditions", current.Conditions, m.conditions(current.Conditions, want.Conditions, gatewayTypes))
	f.set("listeners", current.Listeners, eachListener(ofSet, current.Listeners, want.Listeners, m.listenerConditions))
	return f
}

func (m merger) route(current, want *gatewayv1.RouteStatus) fields {
	f := fields{}
	f.set("parents", current.Parents, m.parents(current.Parents, want.Parents))
	return f
}

func (m merger) policy(current, want *gatewayv1.PolicyStatus) fields {
	f := fields{}
	f.set("ancestors", current.Ancestors, m.ancestors(current.Ancestors, want.Ancestors))
	return f
}

// ingress replaces the addresses. None at all is a null, so that it gets removed.
func (m merger) ingress(current, want *networkingv1.IngressStatus) fields {
	f := fields{}
	if !equality.Semantic.DeepEqual(current.LoadBalancer, want.LoadBalancer) {
		f["loadBalancer"] = map[string]any{"ingress": want.LoadBalancer.Ingress}
	}
	return f
}

func (m merger) attachment(current, want *v1alpha1.PolicyStatus) fields {
	f := fields{}
	f.set("conditions", current.Conditions, m.conditions(current.Conditions, want.Conditions, policyTypes))
	return f
}

// compare says what of a status has to be written so that it says what is wanted.
// Of types that do not belong together there is nothing to write.
func (m merger) compare(current, want any) fields {
	switch want := want.(type) {
	case *gatewayv1.GatewayClassStatus:
		if current, ok := current.(*gatewayv1.GatewayClassStatus); ok {
			return m.class(current, want)
		}
	case *gatewayv1.GatewayStatus:
		if current, ok := current.(*gatewayv1.GatewayStatus); ok {
			return m.gateway(current, want)
		}
	case *gatewayv1.ListenerSetStatus:
		if current, ok := current.(*gatewayv1.ListenerSetStatus); ok {
			return m.listenerSet(current, want)
		}
	case *networkingv1.IngressStatus:
		if current, ok := current.(*networkingv1.IngressStatus); ok {
			return m.ingress(current, want)
		}
	case *gatewayv1.RouteStatus:
		if current := routeStatus(current); current != nil {
			return m.route(current, want)
		}
	case *gatewayv1.PolicyStatus:
		if current, ok := current.(*gatewayv1.PolicyStatus); ok {
			return m.policy(current, want)
		}
	case *istiov1.Status:
		if current, ok := current.(*istiov1.Status); ok {
			return m.istio(current, want)
		}
	case report.Commit:
		if current, ok := current.(*policyv1alpha1.IngressBackendStatus); ok {
			return m.commit(current, want)
		}
	case *v1alpha1.PolicyStatus:
		if current, ok := current.(*v1alpha1.PolicyStatus); ok {
			return m.attachment(current, want)
		}
	}
	return nil
}

// routeStatus is what the statuses of all kinds of routes have in common.
func routeStatus(status any) *gatewayv1.RouteStatus {
	switch s := status.(type) {
	case *gatewayv1.HTTPRouteStatus:
		return &s.RouteStatus
	case *gatewayv1.GRPCRouteStatus:
		return &s.RouteStatus
	case *gatewayv1.TLSRouteStatus:
		return &s.RouteStatus
	case *gatewayv1.TCPRouteStatus:
		return &s.RouteStatus
	case *gatewayv1.UDPRouteStatus:
		return &s.RouteStatus
	}
	return nil
}

// mentions tells whether a status has an entry of ours.
func (m merger) mentions(status any) bool {
	if r := routeStatus(status); r != nil {
		return slices.ContainsFunc(r.Parents, func(p gatewayv1.RouteParentStatus) bool { return p.ControllerName == m.controller })
	}
	if p, ok := status.(*gatewayv1.PolicyStatus); ok {
		return slices.ContainsFunc(p.Ancestors, func(a gatewayv1.PolicyAncestorStatus) bool { return a.ControllerName == m.controller })
	}
	return false
}
