package report

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// IngressStatus is what there is to say about an Ingress of ours. The object has
// no conditions of its own: these are for people, in the terms of routes, and
// become Events in a cluster.
type IngressStatus struct {
	// Class is the IngressClass that it is of.
	Class string `json:"class,omitempty"`
	// Hosts that it has rules for; "*" is any.
	Hosts      []string           `json:"hosts,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

func (s *IngressStatus) about() string {
	var words []string
	if s.Class != "" {
		words = append(words, "class="+s.Class)
	}
	if len(s.Hosts) > 0 {
		words = append(words, "hosts="+strings.Join(s.Hosts, ","))
	}
	return strings.Join(words, "  ")
}

// Reasons of the conditions of Ingresses, where the Gateway API has none that fits.
const (
	// ReasonInvalidAnnotation is an annotation with a value that makes no sense.
	ReasonInvalidAnnotation gatewayv1.RouteConditionReason = "InvalidAnnotation"
	// ReasonUnsupportedAnnotation is an annotation that protects, and that this
	// build cannot honour.
	ReasonUnsupportedAnnotation gatewayv1.RouteConditionReason = "UnsupportedAnnotation"
	// ReasonInvalidCertificateRef is a Secret that cannot be used for TLS.
	ReasonInvalidCertificateRef gatewayv1.RouteConditionReason = "InvalidCertificateRef"
)
