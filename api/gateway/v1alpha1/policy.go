package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Policy is what all kinds of policies have in common.
//
// +kubebuilder:object:generate=false
type Policy interface {
	metav1.Object
	runtime.Object
	// Target is what the policy is attached to.
	Target() TargetRef
	// Conditions are those of its status.
	Conditions() []metav1.Condition
}

// TargetRef names what a policy is attached to.
type TargetRef struct {
	// Group of the target: gateway.networking.k8s.io for Gateways and routes, empty for
	// Services, flomesh.io for ServiceImports.
	// +optional
	// +kubebuilder:default=""
	Group gatewayv1.Group `json:"group"`

	// Kind of the target.
	// +optional
	// +kubebuilder:default=Service
	Kind gatewayv1.Kind `json:"kind"`

	// Name of the target.
	Name gatewayv1.ObjectName `json:"name"`

	// Namespace of the target, that of the policy if absent. Another namespace has to
	// allow it with a ReferenceGrant.
	// +optional
	Namespace *gatewayv1.Namespace `json:"namespace,omitempty"`
}

// PolicyStatus tells what has become of a policy.
type PolicyStatus struct {
	// Conditions of the policy. Accepted is the one that says whether it acts.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Port of a Gateway or Service.
//
// +kubebuilder:validation:Minimum=1
// +kubebuilder:validation:Maximum=65535
type Port int32

// StatusCode of a reply. The schema is as wide as that of FSM 1.2; codes that are none
// of HTTP are refused by the condition Accepted.
//
// +kubebuilder:validation:Minimum=1
// +kubebuilder:validation:Maximum=10000
type StatusCode int32
