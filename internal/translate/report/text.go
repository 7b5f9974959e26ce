package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
)

// Entry is what the report has to say about one object.
type Entry struct {
	Key resource.Key
	// Accepted is false when the object, or some part of it, is not accepted.
	Accepted bool
	// Text is for people: a line for the object, for each of its listeners, parents
	// or ancestors, and for each warning.
	Text string
}

// Entries lists all objects with something to be said about them, in an order
// that depends on their names only.
func (r *Report) Entries() []Entry {
	w := writer{entries: map[resource.Key]*entry{}}
	for key, status := range r.Classes {
		w.conditions(key, "", status.Conditions)
	}
	for key, status := range r.Gateways {
		w.gateway(key, status)
	}
	for key, status := range r.ListenerSets {
		w.conditions(key, "", status.Conditions)
		for _, l := range status.Listeners {
			w.conditions(key, listenerText(l.Name, l.SupportedKinds, l.AttachedRoutes), l.Conditions)
		}
	}
	for key, status := range r.Ingresses {
		w.conditions(key, status.about(), status.Conditions)
	}
	for key, status := range r.Routes {
		for _, parent := range status.Parents {
			w.conditions(key, "parent "+refText(parent.ParentRef, key.Namespace), parent.Conditions)
		}
	}
	for key, status := range r.Policies {
		for _, ancestor := range status.Ancestors {
			w.conditions(key, "ancestor "+refText(ancestor.AncestorRef, key.Namespace), ancestor.Conditions)
		}
	}
	for key, conditions := range r.Conditions {
		w.conditions(key, "", conditions)
	}
	for key, commit := range r.Commits {
		w.commit(key, commit)
	}
	for key, status := range r.Attachments {
		w.conditions(key, "", status.Conditions)
	}
	for _, problem := range r.Problems {
		w.problem(problem)
	}
	for key, warnings := range r.Warnings {
		for _, warning := range warnings {
			w.line(key, "warning: "+warning)
		}
	}
	return w.sorted()
}

// String is the text of all entries.
func (r *Report) String() string {
	var s strings.Builder
	for _, e := range r.Entries() {
		s.WriteString(e.Text)
	}
	return s.String()
}

type writer struct{ entries map[resource.Key]*entry }

type entry struct {
	lines    []string
	rejected bool
}

func (w *writer) entry(key resource.Key) *entry {
	e := w.entries[key]
	if e == nil {
		e = &entry{}
		w.entries[key] = e
	}
	return e
}

func (w *writer) line(key resource.Key, words ...string) {
	e := w.entry(key)
	words = slices.DeleteFunc(words, func(s string) bool { return s == "" })
	e.lines = append(e.lines, strings.Join(words, "  "))
}

func (w *writer) gateway(key resource.Key, status *gatewayv1.GatewayStatus) {
	sets := ""
	if n := status.AttachedListenerSets; n != nil && *n > 0 {
		sets = fmt.Sprintf("listenerSets=%d", *n)
	}
	w.conditions(key, sets, status.Conditions)
	for _, l := range status.Listeners {
		w.conditions(key, listenerText(l.Name, l.SupportedKinds, l.AttachedRoutes), l.Conditions)
	}
}

func listenerText(name gatewayv1.SectionName, kinds []gatewayv1.RouteGroupKind, routes int32) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k.Kind)
	}
	return fmt.Sprintf("listener %s  kinds=%s  routes=%d", name, strings.Join(names, ","), routes)
}

// refText names a parent; its namespace is left out where it is the object's own.
func refText(ref gatewayv1.ParentReference, namespace string) string {
	s := "Gateway "
	if ref.Kind != nil {
		s = string(*ref.Kind) + " "
	}
	if ref.Namespace != nil && string(*ref.Namespace) != namespace {
		s += string(*ref.Namespace) + "/"
	}
	s += string(ref.Name)
	if ref.SectionName != nil {
		s += " section " + string(*ref.SectionName)
	}
	if ref.Port != nil {
		s += fmt.Sprintf(" port %d", *ref.Port)
	}
	return s
}

func (w *writer) conditions(key resource.Key, about string, conditions []metav1.Condition) {
	words := []string{about}
	said := map[string]bool{}
	for _, c := range conditions {
		if said[c.Message] {
			c.Message = "" // conditions of one cause have the same message
		}
		said[c.Message] = true
		words = append(words, conditionText(c))
		if c.Type == string(gatewayv1.GatewayConditionAccepted) && c.Status != metav1.ConditionTrue {
			w.entry(key).rejected = true
		}
	}
	w.line(key, words...)
}

// conditionText is "Accepted=True" or "Accepted=False/Reason: message"; the
// usual reason of a condition that holds is its type and is left out.
func conditionText(c metav1.Condition) string {
	s := c.Type + "=" + string(c.Status)
	if c.Status != metav1.ConditionTrue || c.Reason != c.Type {
		s += "/" + c.Reason
	}
	if c.Message != "" {
		s += ": " + c.Message
	}
	return s
}

func (w *writer) commit(key resource.Key, c Commit) {
	state := "committed"
	if !c.OK {
		state, w.entry(key).rejected = "error", true
	}
	w.line(key, state+": "+c.Reason)
}

// problem shows a refused object as one that is not accepted.
func (w *writer) problem(p resource.Problem) {
	source := ""
	if p.Source != "" {
		source = " (" + p.Source + ")"
	}
	if !p.Refused {
		w.line(p.Key, "warning: "+p.Message+source)
		return
	}
	w.entry(p.Key).rejected = true
	w.line(p.Key, conditionText(isFalse(gatewayv1.GatewayConditionAccepted, gatewayv1.GatewayReasonInvalid, p.Message+source)))
}

func (w *writer) sorted() []Entry {
	keys := slices.SortedFunc(maps.Keys(w.entries), func(a, b resource.Key) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Group, b.Group))
	})
	entries := make([]Entry, len(keys))
	for i, key := range keys {
		e := w.entries[key]
		var text strings.Builder
		for _, line := range e.lines {
			if key != (resource.Key{}) {
				text.WriteString(key.String() + "  ")
			}
			text.WriteString(line + "\n")
		}
		entries[i] = Entry{Key: key, Accepted: !e.rejected, Text: text.String()}
	}
	return entries
}

// rank puts parents before what attaches to them.
func rank(key resource.Key) int {
	if key.Group == v1alpha1.GroupName {
		return 100
	}
	return slices.Index([]string{"GatewayClass", "Gateway", "ListenerSet", "IngressClass", "NamespacedIngress", "Ingress", "HTTPRoute", "GRPCRoute",
		"TLSRoute", "TCPRoute", "UDPRoute", "VirtualService", "BackendTLSPolicy", "IngressBackend"}, key.Kind)
}
