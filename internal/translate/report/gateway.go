package report

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// OptionsValid is our own condition on Gateways; it is there only when False.
const OptionsValid = "gateway.flomesh.io/OptionsValid"

// GatewayAccepted is a Gateway all of whose listeners are in order.
func GatewayAccepted() metav1.Condition {
	return isTrue(gatewayv1.GatewayConditionAccepted, gatewayv1.GatewayReasonAccepted, "")
}

// GatewayPartlyAccepted is a Gateway that serves, though not all its listeners.
func GatewayPartlyAccepted(message string) metav1.Condition {
	return isTrue(gatewayv1.GatewayConditionAccepted, gatewayv1.GatewayReasonListenersNotValid, message)
}

// GatewayListenersNotValid is a Gateway without a single acceptable listener.
func GatewayListenersNotValid(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayConditionAccepted, gatewayv1.GatewayReasonListenersNotValid, message)
}

// GatewayUnsupportedAddress is a Gateway that asks for an address of a type that
// cannot be had.
func GatewayUnsupportedAddress(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayConditionAccepted, gatewayv1.GatewayReasonUnsupportedAddress, message)
}

// GatewayInvalidParameters is a Gateway whose parametersRef leads nowhere.
func GatewayInvalidParameters(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayConditionAccepted, gatewayv1.GatewayReasonInvalidParameters, message)
}

// GatewayPending is a Gateway whose class is not accepted: nothing is decided.
func GatewayPending(message string) metav1.Condition {
	return isUnknown(gatewayv1.GatewayConditionAccepted, gatewayv1.GatewayReasonPending, message)
}

// GatewayProgrammed is a Gateway with at least one listener that is expected to
// serve.
func GatewayProgrammed() metav1.Condition {
	return isTrue(gatewayv1.GatewayConditionProgrammed, gatewayv1.GatewayReasonProgrammed, "")
}

// GatewayNotProgrammed is a Gateway none of whose listeners can serve.
func GatewayNotProgrammed(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayConditionProgrammed, gatewayv1.GatewayReasonInvalid, message)
}

// GatewayNotYetProgrammed goes with [GatewayPending], and is also said of a Gateway
// whose proxies have not answered yet.
func GatewayNotYetProgrammed(message string) metav1.Condition {
	return isUnknown(gatewayv1.GatewayConditionProgrammed, gatewayv1.GatewayReasonPending, message)
}

// GatewayAddressNotUsable is a Gateway that asks for an address that is none.
func GatewayAddressNotUsable(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayConditionProgrammed, gatewayv1.GatewayReasonAddressNotUsable, message)
}

// GatewayAddressNotAssigned is a Gateway that nobody can reach yet.
func GatewayAddressNotAssigned() metav1.Condition {
	return isFalse(gatewayv1.GatewayConditionProgrammed, gatewayv1.GatewayReasonAddressNotAssigned, "no address has been assigned yet")
}

// GatewayResolvedRefs is a Gateway all of whose references resolve.
func GatewayResolvedRefs() metav1.Condition {
	return isTrue(gatewayv1.GatewayConditionResolvedRefs, gatewayv1.GatewayReasonResolvedRefs, "")
}

// GatewayListenersNotResolved points to the listeners' own ResolvedRefs.
func GatewayListenersNotResolved(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayConditionResolvedRefs, gatewayv1.GatewayReasonListenersNotResolved, message)
}

// GatewayInvalidClientCertificateRef is a Gateway that cannot identify itself to
// backends.
func GatewayInvalidClientCertificateRef(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayConditionResolvedRefs, gatewayv1.GatewayReasonInvalidClientCertificateRef, message)
}

// GatewayRefNotPermitted is a Gateway whose client certificate is in another
// namespace, without a grant.
func GatewayRefNotPermitted(message string) metav1.Condition {
	return isFalse(gatewayv1.GatewayConditionResolvedRefs, gatewayv1.GatewayReasonRefNotPermitted, message)
}

// GatewayInsecureFrontendValidation says that clients without a valid
// certificate are let in.
func GatewayInsecureFrontendValidation(message string) metav1.Condition {
	return isTrue(gatewayv1.GatewayConditionInsecureFrontendValidationMode, gatewayv1.GatewayReasonConfigurationChanged, message)
}

// GatewayInvalidOption is a Gateway with an annotation whose value is not
// allowed; the default holds.
func GatewayInvalidOption(message string) metav1.Condition {
	return isFalse(OptionsValid, "InvalidOption", message)
}
