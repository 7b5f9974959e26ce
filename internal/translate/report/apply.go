package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
)

// ListenerPart is the part of an origin that names a listener of its object.
func ListenerPart(name gatewayv1.SectionName) string { return "listener " + string(name) }

// Apply joins what could not be put to work: listeners that a failure concerns,
// directly or through their certificates, are not programmed, and neither are
// Gateways and ListenerSets that have no other. A failure that concerns no
// listener becomes a warning about its object.
func (r *Report) Apply(failures []ir.Failure) *Report {
	next := *r
	next.Gateways = maps.Clone(r.Gateways)
	next.ListenerSets = maps.Clone(r.ListenerSets)
	next.Conditions = maps.Clone(r.Conditions)
	next.Warnings = maps.Clone(r.Warnings)
	for _, failure := range failures {
		for _, origin := range failure.Origins {
			next.fail(origin, failure)
		}
	}
	for set := range next.ListenerSets {
		next.settleSet(set)
	}
	for gateway := range next.Gateways {
		next.settleGateway(gateway)
	}
	return &next
}

// fail marks what one origin of a failure stands for. The receiver's maps are
// its own; what they hold is shared and replaced.
func (r *Report) fail(origin ir.Origin, failure ir.Failure) {
	if users := r.Users[origin.Object()]; len(users) > 0 {
		for _, listener := range users {
			r.failListener(listener, failure)
		}
		return
	}
	key := KeyOf(origin)
	if name, ok := strings.CutPrefix(origin.Part, ListenerPart("")); ok {
		r.failListener(Listener{Object: key, Name: gatewayv1.SectionName(name)}, failure)
		return
	}
	if status := r.Gateways[key]; status != nil {
		changed := *status
		changed.Conditions = replace(status.Conditions, isFalse(gatewayv1.GatewayConditionProgrammed, failure.Reason, failure.Message))
		r.Gateways[key] = &changed
		return
	}
	if conditions := r.Conditions[key]; len(conditions) > 0 {
		r.Conditions[key] = notProgrammed(conditions, failure)
		return
	}
	r.Warnings[key] = append(slices.Clone(r.Warnings[key]), fmt.Sprintf("%s: %s", failure.Reason, failure.Message))
}

// notProgrammed adds what failed to conditions that say nothing of the kind, or to
// those that name another failure.
func notProgrammed(conditions []metav1.Condition, failure ir.Failure) []metav1.Condition {
	c := isFalse(gatewayv1.GatewayConditionProgrammed, failure.Reason, failure.Message)
	c.ObservedGeneration = conditions[0].ObservedGeneration
	if before := meta.FindStatusCondition(conditions, c.Type); before != nil {
		c.Message = before.Message + "; " + c.Message
		return replace(conditions, c)
	}
	return append(slices.Clone(conditions), c)
}

// KeyOf finds the object of an origin, whose kind is the ID of one.
func KeyOf(origin ir.Origin) resource.Key {
	key := resource.Key{Kind: origin.Kind, Namespace: origin.Namespace, Name: origin.Name}
	if k, ok := resource.KindByID(origin.Kind); ok {
		key.Group, key.Kind = k.Group, k.Name
	}
	return key
}

func (r *Report) failListener(l Listener, failure ir.Failure) {
	c := isFalse(gatewayv1.ListenerConditionProgrammed, failure.Reason, failure.Message)
	if status := r.Gateways[l.Object]; status != nil {
		changed := *status
		changed.Listeners = slices.Clone(status.Listeners)
		for i, listener := range changed.Listeners {
			if listener.Name == l.Name {
				changed.Listeners[i].Conditions = replace(listener.Conditions, c)
			}
		}
		r.Gateways[l.Object] = &changed
	}
	if status := r.ListenerSets[l.Object]; status != nil {
		changed := *status
		changed.Listeners = slices.Clone(status.Listeners)
		for i, listener := range changed.Listeners {
			if listener.Name == l.Name {
				changed.Listeners[i].Conditions = replace(listener.Conditions, c)
			}
		}
		r.ListenerSets[l.Object] = &changed
	}
}

// replace returns the conditions with the one of the same type replaced.
func replace(conditions []metav1.Condition, c metav1.Condition) []metav1.Condition {
	conditions = slices.Clone(conditions)
	for i := range conditions {
		if conditions[i].Type == c.Type {
			c.ObservedGeneration = conditions[i].ObservedGeneration
			conditions[i] = c
		}
	}
	return conditions
}

// settleSet takes a ListenerSet out of service that has no listener left.
func (r *Report) settleSet(key resource.Key) {
	status := r.ListenerSets[key]
	if !programmed(status.Conditions) || r.servingSet(key) {
		return
	}
	changed := *status
	changed.Conditions = replace(status.Conditions,
		isFalse(gatewayv1.ListenerSetConditionProgrammed, gatewayv1.ListenerSetReasonListenersNotValid, noneServes))
	r.ListenerSets[key] = &changed
}

const noneServes = "no listener can serve; see the conditions of the listeners"

func (r *Report) servingSet(key resource.Key) bool {
	status := r.ListenerSets[key]
	return status != nil && slices.ContainsFunc(status.Listeners, func(l gatewayv1.ListenerEntryStatus) bool {
		return programmed(l.Conditions)
	})
}

// settleGateway takes a Gateway out of service that has no listener left, its
// ListenerSets' included.
func (r *Report) settleGateway(key resource.Key) {
	status := r.Gateways[key]
	if !programmed(status.Conditions) ||
		slices.ContainsFunc(status.Listeners, func(l gatewayv1.ListenerStatus) bool { return programmed(l.Conditions) }) ||
		slices.ContainsFunc(r.Attached[key], r.servingSet) {
		return
	}
	changed := *status
	changed.Conditions = replace(status.Conditions, GatewayNotProgrammed(noneServes))
	r.Gateways[key] = &changed
}

func programmed(conditions []metav1.Condition) bool {
	return slices.ContainsFunc(conditions, func(c metav1.Condition) bool {
		return c.Type == string(gatewayv1.ListenerConditionProgrammed) && c.Status == metav1.ConditionTrue
	})
}
