package report

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// RouteAccepted is a route that at least one listener of the parent serves.
func RouteAccepted() metav1.Condition {
	return isTrue(gatewayv1.RouteConditionAccepted, gatewayv1.RouteReasonAccepted, "")
}

// RouteNoMatchingParent is a route that names a listener that is not there.
func RouteNoMatchingParent(message string) metav1.Condition {
	return isFalse(gatewayv1.RouteConditionAccepted, gatewayv1.RouteReasonNoMatchingParent, message)
}

// RouteNotAllowedByListeners is a route of a kind or namespace that no listener
// lets in.
func RouteNotAllowedByListeners(message string) metav1.Condition {
	return isFalse(gatewayv1.RouteConditionAccepted, gatewayv1.RouteReasonNotAllowedByListeners, message)
}

// RouteNoMatchingListenerHostname is a route none of whose hostnames is within
// that of a listener.
func RouteNoMatchingListenerHostname(message string) metav1.Condition {
	return isFalse(gatewayv1.RouteConditionAccepted, gatewayv1.RouteReasonNoMatchingListenerHostname, message)
}

// RouteInvalid is a route without a single rule that can be served, because of a
// value that is not supported or filters that contradict each other.
func RouteInvalid(reason gatewayv1.RouteConditionReason, message string) metav1.Condition {
	return isFalse(gatewayv1.RouteConditionAccepted, reason, message)
}

// RoutePartiallyInvalid is a route some of whose rules are not served. The
// message starts with "Dropped Rule", as the Gateway API demands.
func RoutePartiallyInvalid(reason gatewayv1.RouteConditionReason, message string) metav1.Condition {
	return isTrue(gatewayv1.RouteConditionPartiallyInvalid, reason, message)
}

// RouteResolvedRefs is a route all of whose references resolve.
func RouteResolvedRefs() metav1.Condition {
	return isTrue(gatewayv1.RouteConditionResolvedRefs, gatewayv1.RouteReasonResolvedRefs, "")
}

// RouteUnresolved is a route with a reference that does not resolve.
func RouteUnresolved(reason gatewayv1.RouteConditionReason, message string) metav1.Condition {
	return isFalse(gatewayv1.RouteConditionResolvedRefs, reason, message)
}

// ReasonInvalidBackendTLS goes with [RouteUnresolved] for backends whose
// BackendTLSPolicy cannot be put to work. The Gateway API has no reason for it.
const ReasonInvalidBackendTLS gatewayv1.RouteConditionReason = "InvalidBackendTLS"
