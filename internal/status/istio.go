package status

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// istioTypes are those of our conditions on Istio's kinds. Istio itself writes others.
var istioTypes = []string{
	string(gatewayv1.GatewayConditionAccepted), string(gatewayv1.GatewayConditionProgrammed), string(gatewayv1.GatewayConditionResolvedRefs),
	string(gatewayv1.RouteConditionPartiallyInvalid), report.FieldsHonoured,
}

// istioKinds are the IDs of Istio's kinds.
func istioKinds() []string {
	var ids []string
	for _, k := range resource.Kinds() {
		if k.Group == istiov1.GroupName {
			ids = append(ids, k.ID())
		}
	}
	return ids
}

// istio lists what objects of Istio's kinds should say. Warnings become a condition,
// since there is nowhere else to read them. Objects that the report does not mention
// lose what we once said about them.
func (w *Writer) istio(rep *report.Report) []demand {
	var all []demand
	for key, conditions := range rep.Conditions {
		if warnings := rep.Warnings[key]; len(warnings) > 0 && len(conditions) > 0 {
			c := report.FieldsIgnored(warnings)
			c.ObservedGeneration = conditions[0].ObservedGeneration
			conditions = append(slices.Clone(conditions), c)
		}
		all = append(all, demand{key: key, status: &istiov1.Status{Conditions: conditions}})
	}
	for _, kind := range istioKinds() {
		for _, key := range w.options.Source.Keys(kind) {
			if _, wanted := rep.Conditions[key]; !wanted && w.spoke(key) {
				all = append(all, demand{key: key, status: &istiov1.Status{}})
			}
		}
	}
	return all
}

// spoke tells whether a status has a condition of ours.
func (w *Writer) spoke(key resource.Key) bool {
	recorded, _ := w.options.Source.Recorded(key)
	status, ok := recorded.Status.(*istiov1.Status)
	return ok && slices.ContainsFunc(istioTypes, func(t string) bool { return meta.FindStatusCondition(status.Conditions, t) != nil })
}

func (m merger) istio(current, want *istiov1.Status) fields {
	f := fields{}
	merged := m.conditions(current.Conditions, want.Conditions, istioTypes)
	if merged == nil {
		merged = []metav1.Condition{} // null would not do: the schema wants a list
	}
	f.set("conditions", current.Conditions, merged)
	return f
}
