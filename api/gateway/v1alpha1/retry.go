package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RetryPolicy repeats requests that a Service could not answer.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=retrypolicies,singular=retrypolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RetryPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec RetryPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// RetryPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type RetryPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []RetryPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *RetryPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *RetryPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// RetryPolicySpec says which requests are repeated, and how often.
type RetryPolicySpec struct {
	// TargetRef is a Service or a ServiceImport.
	TargetRef TargetRef `json:"targetRef"`

	// Ports of a Service that the policy is for.
	// +listType=map
	// +listMapKey=port
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []PortRetry `json:"ports"`

	// Config is for ports that have none of their own.
	// +optional
	Config *RetryConfig `json:"config,omitempty"`
}

// PortRetry is for a port of a Service.
type PortRetry struct {
	// Port is that of the Service.
	Port Port `json:"port"`

	// Config of the port.
	// +optional
	Config *RetryConfig `json:"config,omitempty"`
}

// RetryConfig says which requests are repeated, and how often.
type RetryConfig struct {
	// RetryOn are statuses, as 503, and classes of them, as 5xx.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:Pattern=`^[1-9]([0-9]{2}|x{2})$`
	RetryOn []string `json:"retryOn"`

	// NumRetries is how often a request is repeated at most.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	NumRetries *int32 `json:"numRetries,omitempty"`

	// BackoffBaseInterval is the pause before the first repetition, in seconds. Later
	// ones are longer.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0.001
	BackoffBaseInterval *float64 `json:"backoffBaseInterval,omitempty"`
}
