package webhook

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/validation/field"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// Policies judges the policies of gateway.flomesh.io, by translating them together with
// what they are attached to and the policies that are attached to it as well.
type Policies struct {
	// Set is what the cluster has.
	Set func() *resource.Set
	// Config is what policies are translated with at the time of a question.
	Config func() translate.Config
}

// Judge refuses values that can never be used. What other objects may mend, such as a
// target that is not there yet, is warned about: users create objects in any order.
func (j Policies) Judge(object []byte) Verdict {
	objects, problems := resource.Decode("policy", object)
	if len(objects) != 1 { // its schema lets nothing through that does not fit
		var v Verdict
		for _, p := range problems {
			v.Mistakes = append(v.Mistakes, field.InternalError(nil, errors.New(p.Message)))
		}
		return v
	}
	policy, ok := objects[0].(v1alpha1.Policy)
	if !ok {
		return Verdict{}
	}
	_, rep := translate.Translate(resource.NewSet(append(nearby(j.Set(), policy), policy)), j.Config())
	status := rep.Attachments[resource.KeyOf(policy)]
	if status == nil {
		return Verdict{} // others look after it
	}
	accepted := meta.FindStatusCondition(status.Conditions, string(gatewayv1.PolicyConditionAccepted))
	if accepted == nil {
		return Verdict{}
	}
	switch gatewayv1.PolicyConditionReason(accepted.Reason) {
	case gatewayv1.PolicyReasonAccepted:
		if accepted.Message != "" {
			return Verdict{Warnings: []string{"for now a part of it does nothing: " + accepted.Message}}
		}
	case gatewayv1.PolicyReasonInvalid, report.PolicyReasonUnsupportedValue:
		return Verdict{Mistakes: field.ErrorList{field.Invalid(field.NewPath("spec"), field.OmitValueType{}, accepted.Message)}}
	case gatewayv1.PolicyReasonTargetNotFound, gatewayv1.PolicyReasonConflicted, gatewayv1.PolicyConditionReason(gatewayv1.RouteReasonRefNotPermitted):
		return Verdict{Warnings: []string{"for now it does nothing: " + accepted.Message}}
	}
	return Verdict{}
}

// nearby are the objects that a policy's condition depends on, but for Secrets: those
// that nothing refers to yet are not read.
func nearby(set *resource.Set, policy v1alpha1.Policy) []resource.Object {
	near := set.Like(policy)
	for _, grant := range resource.List[*gatewayv1.ReferenceGrant](set) {
		near = append(near, grant)
	}
	target := policy.Target()
	namespace, name := policy.GetNamespace(), string(target.Name)
	if target.Namespace != nil && *target.Namespace != "" {
		namespace = string(*target.Namespace)
	}
	switch target.Kind {
	case "Gateway":
		return append(near, gatewayParts(set, namespace, name)...)
	case "HTTPRoute":
		return with[*gatewayv1.HTTPRoute](near, set, namespace, name)
	case "GRPCRoute":
		return with[*gatewayv1.GRPCRoute](near, set, namespace, name)
	default:
		for _, standard := range resource.List[*gatewayv1.BackendTLSPolicy](set) {
			if standard.Namespace == namespace {
				near = append(near, standard)
			}
		}
		return with[*corev1.Service](near, set, namespace, name)
	}
}

// gatewayParts are a Gateway with what says which listeners it has and whose it is.
func gatewayParts(set *resource.Set, namespace, name string) []resource.Object {
	gateway, ok := resource.Get[*gatewayv1.Gateway](set, namespace, name)
	if !ok {
		return nil
	}
	parts := with[*gatewayv1.GatewayClass]([]resource.Object{gateway}, set, "", string(gateway.Spec.GatewayClassName))
	for _, listeners := range resource.List[*gatewayv1.ListenerSet](set) {
		if string(listeners.Spec.ParentRef.Name) == name {
			parts = with[*corev1.Namespace](append(parts, listeners), set, "", listeners.Namespace)
		}
	}
	return parts
}

// with adds an object to others, if it is there.
func with[T resource.Object](list []resource.Object, set *resource.Set, namespace, name string) []resource.Object {
	if object, ok := resource.Get[T](set, namespace, name); ok {
		list = append(list, object)
	}
	return list
}
