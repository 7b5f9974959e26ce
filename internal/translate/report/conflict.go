package report

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
)

// Conflict is an object that does not get what it wants because another one has it.
type Conflict struct {
	Key     resource.Key
	Message string
}

// Contest notes that another object has what this one wants, and warns of it. It is for
// kinds that have no condition for this.
func (r *Report) Contest(object resource.Key, message string) {
	r.Warn(object, message)
	r.Contested[object] = append(r.Contested[object], message)
}

// Conflicts lists all of them, by kind and name.
func (r *Report) Conflicts() []Conflict {
	var found []Conflict
	for key, messages := range r.Contested {
		for _, message := range messages {
			found = append(found, Conflict{key, message})
		}
	}
	for key, status := range r.Policies {
		for _, ancestor := range status.Ancestors {
			if message, ok := conflicted(ancestor.Conditions); ok {
				found = append(found, Conflict{key, "ancestor " + refText(ancestor.AncestorRef, key.Namespace) + ": " + message})
			}
		}
	}
	for key, status := range r.Gateways {
		for _, l := range status.Listeners {
			if message, ok := conflicted(l.Conditions); ok {
				found = append(found, Conflict{key, "listener " + string(l.Name) + ": " + message})
			}
		}
	}
	for key, status := range r.ListenerSets {
		for _, l := range status.Listeners {
			if message, ok := conflicted(l.Conditions); ok {
				found = append(found, Conflict{key, "listener " + string(l.Name) + ": " + message})
			}
		}
	}
	slices.SortFunc(found, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.Key.Kind, b.Key.Kind), cmp.Compare(a.Key.Namespace, b.Key.Namespace),
			cmp.Compare(a.Key.Name, b.Key.Name), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(found)
}

// conflicted finds the condition that says so: policies have a reason for it, listeners
// a type.
func conflicted(conditions []metav1.Condition) (message string, ok bool) {
	for _, c := range conditions {
		if c.Reason == string(gatewayv1.PolicyReasonConflicted) && c.Status == metav1.ConditionFalse ||
			c.Type == string(gatewayv1.ListenerConditionConflicted) && c.Status == metav1.ConditionTrue {
			return c.Message, true
		}
	}
	return "", false
}
