package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// notes gathers what is out of order about objects, each thing once.
type notes struct {
	model *Model
	all   []Condition
}

func (n *notes) add(o Object, format string, args ...any) {
	c := Condition{Object: o, Text: fmt.Sprintf(format, args...)}
	if !slices.Contains(n.all, c) {
		n.all = append(n.all, c)
	}
}

// conditions are what is out of order about the objects that the request met,
// and what was refused altogether, which may be the very thing that is missing.
func (m *Model) conditions(w *walk) []Condition {
	n := &notes{model: m}
	origins := w.origins
	if w.listener == nil {
		// Whatever does not listen may be what was meant.
		for _, g := range resource.List[*gatewayv1.Gateway](m.set) {
			origins = append(origins, ir.Origin{Kind: "Gateway", Namespace: g.Namespace, Name: g.Name})
		}
		for _, key := range slices.SortedFunc(maps.Keys(m.report.Conditions), byName) {
			if key.Kind == "Gateway" {
				origins = append(origins, ir.Origin{Kind: key.KindID(), Namespace: key.Namespace, Name: key.Name})
			}
		}
	}
	for _, o := range origins {
		n.about(o)
	}
	for _, p := range m.report.Problems {
		if p.Refused {
			n.add(Object{Name: p.Key.String(), At: p.Source}, "refused: %s", p.Message)
		}
	}
	return n.all
}

func byName(a, b resource.Key) int { return strings.Compare(a.String(), b.String()) }

func (n *notes) about(o ir.Origin) {
	key, r := report.KeyOf(o), n.model.report
	whole := n.model.object(o.Object())
	if s := r.Gateways[key]; s != nil {
		n.conditions(whole, s.Conditions)
		for _, l := range s.Listeners {
			if o.Part == "" || o.Part == report.ListenerPart(l.Name) {
				n.listener(o, l.Name, l.Conditions)
			}
		}
	}
	if s := r.ListenerSets[key]; s != nil {
		n.conditions(whole, s.Conditions)
		for _, l := range s.Listeners {
			if o.Part == "" || o.Part == report.ListenerPart(l.Name) {
				n.listener(o, l.Name, l.Conditions)
			}
		}
	}
	if s := r.Routes[key]; s != nil {
		for _, parent := range s.Parents {
			n.conditions(whole, parent.Conditions)
		}
	}
	n.conditions(whole, r.Conditions[key])
	if s := r.Attachments[key]; s != nil {
		n.conditions(whole, s.Conditions)
	}
	for _, policy := range policiesOf(r, key) {
		n.policy(policy)
	}
	for _, warning := range r.Warnings[key] {
		n.add(whole, "warning: %s", warning)
	}
}

// policiesOf are those that are attached to an object, by name.
func policiesOf(r *report.Report, target resource.Key) []resource.Key {
	var policies []resource.Key
	for policy, targets := range r.Targets {
		if slices.Contains(targets, target) {
			policies = append(policies, policy)
		}
	}
	slices.SortFunc(policies, func(a, b resource.Key) int { return cmp.Compare(a.String(), b.String()) })
	return policies
}

// policy says why a policy that is attached to an object does not act. One that does
// is named where it acts.
func (n *notes) policy(key resource.Key) {
	if s := n.model.report.Attachments[key]; s != nil {
		n.conditions(n.model.object(ir.Origin{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name}), s.Conditions)
	}
}

func (n *notes) listener(o ir.Origin, name gatewayv1.SectionName, conditions []metav1.Condition) {
	o.Part = report.ListenerPart(name)
	n.conditions(n.model.object(o), conditions)
}

// badWhenTrue are the conditions that say that something is out of order by
// being True.
var badWhenTrue = []string{
	string(gatewayv1.ListenerConditionConflicted),
	string(gatewayv1.ListenerConditionOverlappingTLSConfig),
	string(gatewayv1.RouteConditionPartiallyInvalid),
	string(gatewayv1.GatewayConditionInsecureFrontendValidationMode),
}

func (n *notes) conditions(o Object, conditions []metav1.Condition) {
	for _, c := range conditions {
		if (c.Status == metav1.ConditionTrue) == slices.Contains(badWhenTrue, c.Type) {
			n.add(o, "%s=%s/%s: %s", c.Type, c.Status, c.Reason, c.Message)
		}
	}
}
