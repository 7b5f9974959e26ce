package gatewayapi

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// listenerSet is a ListenerSet of one of our Gateways.
type listenerSet struct {
	object *gatewayv1.ListenerSet
	key    resource.Key
	// refusal is set when the Gateway does not let the set in.
	refusal []metav1.Condition
	// accepted is set when a listener of the set can serve.
	accepted   bool
	conditions []metav1.Condition
}

// parentsOf is the Gateway that a ListenerSet names, or none when it names
// something else.
func parentsOf(s *gatewayv1.ListenerSet) []types.NamespacedName {
	ref := s.Spec.ParentRef
	if ref.Group != nil && *ref.Group != gatewayv1.GroupName || ref.Kind != nil && *ref.Kind != "Gateway" {
		return nil
	}
	name := types.NamespacedName{Namespace: s.Namespace, Name: string(ref.Name)}
	if ref.Namespace != nil {
		name.Namespace = string(*ref.Namespace)
	}
	return []types.NamespacedName{name}
}

// listenerSets returns the ListenerSets that name the Gateway, oldest first.
func (f *Frontend) listenerSets(r *memo.Recorder, g *gateway) []*listenerSet {
	name := types.NamespacedName{Namespace: g.key.Namespace, Name: g.key.Name}
	rule, err := setNamespaces(g.object)
	if err != nil {
		g.warn(g.key, fmt.Sprintf("allowedListeners.namespaces.selector: %v", err))
	}
	var sets []*listenerSet
	for _, object := range f.sets.List(r, name) {
		set := &listenerSet{object: object, key: resource.KeyOf(object)}
		switch {
		case !f.allowsNamespace(r, rule, object.Namespace):
			set.refusal = report.ListenerSetNotAllowed(fmt.Sprintf("allowedListeners of Gateway %s does not allow namespace %q", name, object.Namespace))
		case !g.accepted:
			set.refusal = report.ListenerSetParentNotAccepted(fmt.Sprintf("Gateway %s is not accepted", name))
		}
		sets = append(sets, set)
	}
	return sets
}

// setNamespaces reads allowedListeners. Absent, it allows no ListenerSets.
func setNamespaces(g *gatewayv1.Gateway) (namespaceRule, error) {
	rule := namespaceRule{from: gatewayv1.NamespacesFromNone, own: g.Namespace}
	if g.Spec.AllowedListeners == nil || g.Spec.AllowedListeners.Namespaces == nil {
		return rule, nil
	}
	allowed := g.Spec.AllowedListeners.Namespaces
	if allowed.From != nil {
		rule.from = *allowed.From
	}
	err := rule.selectBy(allowed.Selector)
	return rule, err
}

// specs are the listeners of a set; none when the Gateway does not let it in.
func (s *listenerSet) specs() []*listenerSpec {
	if s.refusal != nil {
		return nil
	}
	own := owner{key: s.key, generation: s.object.Generation}
	specs := make([]*listenerSpec, len(s.object.Spec.Listeners))
	for i, entry := range s.object.Spec.Listeners {
		specs[i] = &listenerSpec{Listener: gatewayv1.Listener(entry), owner: own}
	}
	return specs
}

// conclude sums up the listeners of the set: one that serves is enough.
func (s *listenerSet) conclude(g *gateway) {
	conditions := s.refusal
	if s.refusal == nil {
		idle := slices.DeleteFunc(g.own(s.key), func(l *listener) bool { return l.serves })
		s.accepted = len(idle) < len(s.object.Spec.Listeners)
		message := "listeners that do not serve: " + joinNames(idle)
		switch {
		case !s.accepted:
			conditions = report.ListenerSetListenersNotValid(message)
		case len(idle) > 0:
			conditions = []metav1.Condition{report.ListenerSetPartlyAccepted(message), report.ListenerSetProgrammed()}
		default:
			conditions = []metav1.Condition{report.ListenerSetAccepted(), report.ListenerSetProgrammed()}
		}
	}
	s.conditions = report.Conditions(s.object.Generation, conditions...)
}
