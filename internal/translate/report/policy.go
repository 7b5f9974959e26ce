package report

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// PolicyAccepted is a policy that is in force.
func PolicyAccepted() metav1.Condition {
	return isTrue(gatewayv1.PolicyConditionAccepted, gatewayv1.PolicyReasonAccepted, "")
}

// PolicyConflicted is a policy that another one takes precedence over.
func PolicyConflicted(message string) metav1.Condition {
	return isFalse(gatewayv1.PolicyConditionAccepted, gatewayv1.PolicyReasonConflicted, message)
}

// PolicyInvalid is a policy that contradicts itself or asks for what is not
// supported.
func PolicyInvalid(message string) metav1.Condition {
	return isFalse(gatewayv1.PolicyConditionAccepted, gatewayv1.PolicyReasonInvalid, message)
}

// PolicyTargetNotFound is a policy whose target has no such section.
func PolicyTargetNotFound(message string) metav1.Condition {
	return isFalse(gatewayv1.PolicyConditionAccepted, gatewayv1.PolicyReasonTargetNotFound, message)
}

// PolicyNoValidCACertificate is a BackendTLSPolicy that has nothing to check
// backends with.
func PolicyNoValidCACertificate(message string) metav1.Condition {
	return isFalse(gatewayv1.PolicyConditionAccepted, gatewayv1.BackendTLSPolicyReasonNoValidCACertificate, message)
}

// PolicyResolvedRefs is a policy all of whose references resolve.
func PolicyResolvedRefs() metav1.Condition {
	return isTrue(gatewayv1.BackendTLSPolicyConditionResolvedRefs, gatewayv1.BackendTLSPolicyReasonResolvedRefs, "")
}

// PolicyInvalidCACertificateRef is a BackendTLSPolicy whose authorities are
// missing or malformed.
func PolicyInvalidCACertificateRef(message string) metav1.Condition {
	return isFalse(gatewayv1.BackendTLSPolicyConditionResolvedRefs, gatewayv1.BackendTLSPolicyReasonInvalidCACertificateRef, message)
}

// PolicyInvalidKind is a BackendTLSPolicy whose authorities are of a kind that
// is not supported.
func PolicyInvalidKind(message string) metav1.Condition {
	return isFalse(gatewayv1.BackendTLSPolicyConditionResolvedRefs, gatewayv1.BackendTLSPolicyReasonInvalidKind, message)
}

// PolicyAcceptedBut is a policy that is in force for some parts of its target; the
// message says for which it is not, and is empty if there are none.
func PolicyAcceptedBut(message string) metav1.Condition {
	return isTrue(gatewayv1.PolicyConditionAccepted, gatewayv1.PolicyReasonAccepted, message)
}

// PolicyRefused is a policy that cannot be put to work, for a reason such as
// PolicyReasonInvalid or PolicyReasonUnsupportedValue.
func PolicyRefused(reason gatewayv1.PolicyConditionReason, message string) metav1.Condition {
	return isFalse(gatewayv1.PolicyConditionAccepted, reason, message)
}

// PolicyReasonUnsupportedValue is for values that the schema has and this version does
// not support.
const PolicyReasonUnsupportedValue gatewayv1.PolicyConditionReason = "UnsupportedValue"

// PolicyInvalidCertificateRef is a policy whose certificates cannot be used.
func PolicyInvalidCertificateRef(message string) metav1.Condition {
	return isFalse(gatewayv1.PolicyConditionAccepted, gatewayv1.ListenerReasonInvalidCertificateRef, message)
}

// PolicyRefNotPermitted is a policy whose target is in a namespace that does not allow
// it.
func PolicyRefNotPermitted(message string) metav1.Condition {
	return isFalse(gatewayv1.PolicyConditionAccepted, gatewayv1.RouteReasonRefNotPermitted, message)
}
