package report

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Conditions completes the conditions of an object: they observe its generation
// and come sorted by type.
func Conditions(generation int64, conditions ...metav1.Condition) []metav1.Condition {
	conditions = slices.Clone(conditions)
	for i := range conditions {
		conditions[i].ObservedGeneration = generation
	}
	slices.SortStableFunc(conditions, func(a, b metav1.Condition) int { return cmp.Compare(a.Type, b.Type) })
	return conditions
}

func condition[T, R ~string](t T, status metav1.ConditionStatus, reason R, message string) metav1.Condition {
	return metav1.Condition{Type: string(t), Status: status, Reason: string(reason), Message: message}
}

func isTrue[T, R ~string](t T, reason R, message string) metav1.Condition {
	return condition(t, metav1.ConditionTrue, reason, message)
}

func isFalse[T, R ~string](t T, reason R, message string) metav1.Condition {
	return condition(t, metav1.ConditionFalse, reason, message)
}

func isUnknown[T, R ~string](t T, reason R, message string) metav1.Condition {
	return condition(t, metav1.ConditionUnknown, reason, message)
}

// ClassAccepted is a GatewayClass that Gateways may use.
func ClassAccepted() metav1.Condition {
	return isTrue(gatewayv1.GatewayClassConditionStatusAccepted, gatewayv1.GatewayClassReasonAccepted, "")
}

// ClassInvalidParameters is a GatewayClass whose parametersRef leads nowhere.
func ClassInvalidParameters(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayClassConditionStatusAccepted, gatewayv1.GatewayClassReasonInvalidParameters, message)
}

// ClassSupportedVersion is a GatewayClass in a cluster whose definitions of the
// Gateway API are understood.
func ClassSupportedVersion(message string) metav1.Condition {
	return isTrue(gatewayv1.GatewayClassConditionStatusSupportedVersion, gatewayv1.GatewayClassReasonSupportedVersion, message)
}

// ClassUnsupportedVersion is a GatewayClass in a cluster with definitions of another
// version, which are served as well as they can be.
func ClassUnsupportedVersion(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayClassConditionStatusSupportedVersion, gatewayv1.GatewayClassReasonUnsupportedVersion, message)
}
