package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// CircuitBreakingPolicy answers in place of a Service that is too slow or fails too often.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=circuitbreakingpolicies,singular=circuitbreakingpolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CircuitBreakingPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec CircuitBreakingPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// CircuitBreakingPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type CircuitBreakingPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []CircuitBreakingPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *CircuitBreakingPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *CircuitBreakingPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// CircuitBreakingPolicySpec says when a Service is spared.
type CircuitBreakingPolicySpec struct {
	// TargetRef is a Service or a ServiceImport.
	TargetRef TargetRef `json:"targetRef"`

	// Ports of a Service that the policy is for.
	// +listType=map
	// +listMapKey=port
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []PortCircuitBreaking `json:"ports"`

	// Config is for ports that have none of their own.
	// +optional
	Config *CircuitBreakingConfig `json:"config,omitempty"`
}

// PortCircuitBreaking is for a port of a Service.
type PortCircuitBreaking struct {
	// Port is that of the Service.
	Port Port `json:"port"`

	// Config of the port.
	// +optional
	Config *CircuitBreakingConfig `json:"config,omitempty"`
}

// CircuitBreakingConfig says when a Service is spared, and what is answered meanwhile.
// It counts the requests of a statTimeWindow; any threshold that is reached opens the
// circuit for a degradedTimeWindow.
type CircuitBreakingConfig struct {
	// MinRequestAmount is how many requests a statTimeWindow must have had before a
	// ratio opens the circuit.
	// +kubebuilder:validation:Minimum=1
	MinRequestAmount int32 `json:"minRequestAmount"`

	// StatTimeWindow is in seconds.
	// +kubebuilder:validation:Minimum=1
	StatTimeWindow int32 `json:"statTimeWindow"`

	// SlowTimeThreshold is how long, in seconds, a request takes that counts as slow.
	// +optional
	// +kubebuilder:validation:Minimum=0.0001
	SlowTimeThreshold *float64 `json:"slowTimeThreshold,omitempty"`

	// SlowAmountThreshold is how many slow requests open the circuit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	SlowAmountThreshold *int32 `json:"slowAmountThreshold,omitempty"`

	// SlowRatioThreshold is which share of slow requests opens the circuit.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1
	SlowRatioThreshold *float64 `json:"slowRatioThreshold,omitempty"`

	// ErrorAmountThreshold is how many failed requests open the circuit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ErrorAmountThreshold *int32 `json:"errorAmountThreshold,omitempty"`

	// ErrorRatioThreshold is which share of failed requests opens the circuit.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1
	ErrorRatioThreshold *float64 `json:"errorRatioThreshold,omitempty"`

	// DegradedTimeWindow is how long the circuit stays open, in seconds.
	// +kubebuilder:validation:Minimum=1
	DegradedTimeWindow int32 `json:"degradedTimeWindow"`

	// DegradedStatusCode of replies while the circuit is open.
	// +optional
	// +kubebuilder:default=503
	DegradedStatusCode *StatusCode `json:"degradedStatusCode,omitempty"`

	// DegradedResponseContent is the body of those replies.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	DegradedResponseContent *string `json:"degradedResponseContent,omitempty"`
}
