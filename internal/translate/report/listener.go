package report

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Conditions of listeners are spelled the same for Gateways and ListenerSets.

// ListenerAccepted is a listener that is valid in itself.
func ListenerAccepted() metav1.Condition {
	return isTrue(gatewayv1.ListenerConditionAccepted, gatewayv1.ListenerReasonAccepted, "")
}

// ListenerUnsupportedProtocol is a listener with a protocol that is not known.
func ListenerUnsupportedProtocol(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionAccepted, gatewayv1.ListenerReasonUnsupportedProtocol, message)
}

// ListenerPortUnavailable is a listener with a port that cannot be.
func ListenerPortUnavailable(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionAccepted, gatewayv1.ListenerReasonPortUnavailable, message)
}

// ListenerUnsupportedValue is a listener that uses a field that is not supported.
func ListenerUnsupportedValue(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionAccepted, gatewayv1.ListenerReasonUnsupportedValue, message)
}

// ListenerNoValidCACertificate is a listener that must check client certificates
// and has nothing to check them with.
func ListenerNoValidCACertificate(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionAccepted, gatewayv1.ListenerReasonNoValidCACertificate, message)
}

// ListenerHostnameConflict is a listener with the port and hostname of another.
func ListenerHostnameConflict(message string) []metav1.Condition {
	return conflict(gatewayv1.ListenerReasonHostnameConflict, message)
}

// ListenerProtocolConflict is a listener whose protocol cannot share the port
// with that of another.
func ListenerProtocolConflict(message string) []metav1.Condition {
	return conflict(gatewayv1.ListenerReasonProtocolConflict, message)
}

func conflict(reason gatewayv1.ListenerConditionReason, message string) []metav1.Condition {
	return []metav1.Condition{
		isFalse(gatewayv1.ListenerConditionAccepted, reason, message),
		isTrue(gatewayv1.ListenerConditionConflicted, reason, message),
		isFalse(gatewayv1.ListenerConditionProgrammed, reason, message),
	}
}

// ListenerOverlappingTLS is a listener one of whose names also belongs to a TLS
// listener on the same port.
func ListenerOverlappingTLS(message string) metav1.Condition {
	return isTrue(gatewayv1.ListenerConditionOverlappingTLSConfig, gatewayv1.ListenerReasonOverlappingHostnames, message)
}

// ListenerProgrammed is a listener that is expected to serve.
func ListenerProgrammed() metav1.Condition {
	return isTrue(gatewayv1.ListenerConditionProgrammed, gatewayv1.ListenerReasonProgrammed, "")
}

// ListenerNotProgrammed is a listener that cannot serve.
func ListenerNotProgrammed(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionProgrammed, gatewayv1.ListenerReasonInvalid, message)
}

// ListenerNotYetProgrammed is a listener of a Gateway whose proxies have not
// answered yet.
func ListenerNotYetProgrammed(message string) metav1.Condition {
	return isUnknown(gatewayv1.ListenerConditionProgrammed, gatewayv1.ListenerReasonPending, message)
}

// ListenerResolvedRefs is a listener all of whose references resolve.
func ListenerResolvedRefs() metav1.Condition {
	return isTrue(gatewayv1.ListenerConditionResolvedRefs, gatewayv1.ListenerReasonResolvedRefs, "")
}

// ListenerInvalidCertificateRef is a listener without a usable certificate where
// it names one.
func ListenerInvalidCertificateRef(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionResolvedRefs, gatewayv1.ListenerReasonInvalidCertificateRef, message)
}

// ListenerRefNotPermitted is a listener that refers into another namespace
// without a grant.
func ListenerRefNotPermitted(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionResolvedRefs, gatewayv1.ListenerReasonRefNotPermitted, message)
}

// ListenerInvalidRouteKinds is a listener that allows kinds of routes that do
// not go with its protocol.
func ListenerInvalidRouteKinds(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionResolvedRefs, gatewayv1.ListenerReasonInvalidRouteKinds, message)
}

// ListenerInvalidCACertificateRef is a listener whose authorities for client
// certificates are missing or malformed.
func ListenerInvalidCACertificateRef(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionResolvedRefs, gatewayv1.ListenerReasonInvalidCACertificateRef, message)
}

// ListenerInvalidCACertificateKind is a listener whose authorities for client
// certificates are of a kind that is not supported.
func ListenerInvalidCACertificateKind(message string) metav1.Condition {
	return isFalse(gatewayv1.ListenerConditionResolvedRefs, gatewayv1.ListenerReasonInvalidCACertificateKind, message)
}

// ListenerSetAccepted is a ListenerSet all of whose listeners are in order.
func ListenerSetAccepted() metav1.Condition {
	return isTrue(gatewayv1.ListenerSetConditionAccepted, gatewayv1.ListenerSetReasonAccepted, "")
}

// ListenerSetPartlyAccepted is a ListenerSet that serves, though not all its
// listeners.
func ListenerSetPartlyAccepted(message string) metav1.Condition {
	return isTrue(gatewayv1.ListenerSetConditionAccepted, gatewayv1.ListenerSetReasonListenersNotValid, message)
}

// ListenerSetListenersNotValid is a ListenerSet none of whose listeners serves.
func ListenerSetListenersNotValid(message string) []metav1.Condition {
	return setRefused(gatewayv1.ListenerSetReasonListenersNotValid, message)
}

// ListenerSetNotAllowed is a ListenerSet that the Gateway does not let in.
func ListenerSetNotAllowed(message string) []metav1.Condition {
	return setRefused(gatewayv1.ListenerSetReasonNotAllowed, message)
}

// ListenerSetParentNotAccepted is a ListenerSet whose Gateway is not accepted.
func ListenerSetParentNotAccepted(message string) []metav1.Condition {
	return setRefused(gatewayv1.ListenerSetReasonParentNotAccepted, message)
}

func setRefused(reason gatewayv1.ListenerSetConditionReason, message string) []metav1.Condition {
	return []metav1.Condition{
		isFalse(gatewayv1.ListenerSetConditionAccepted, reason, message),
		isFalse(gatewayv1.ListenerSetConditionProgrammed, reason, message),
	}
}

// ListenerSetProgrammed is a ListenerSet with a listener that is expected to
// serve.
func ListenerSetProgrammed() metav1.Condition {
	return isTrue(gatewayv1.ListenerSetConditionProgrammed, gatewayv1.ListenerSetReasonProgrammed, "")
}

// ListenerSetNotYetProgrammed is a ListenerSet of a Gateway whose proxies have not
// answered yet.
func ListenerSetNotYetProgrammed(message string) metav1.Condition {
	return isUnknown(gatewayv1.ListenerSetConditionProgrammed, gatewayv1.ListenerSetReasonPending, message)
}
