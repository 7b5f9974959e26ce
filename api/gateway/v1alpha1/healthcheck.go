package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// HealthCheckPolicy tries the endpoints of a Service out, and sends no requests to those that fail.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=healthcheckpolicies,singular=healthcheckpolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type HealthCheckPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec HealthCheckPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// HealthCheckPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type HealthCheckPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []HealthCheckPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *HealthCheckPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *HealthCheckPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// HealthCheckPolicySpec says how endpoints are tried out.
type HealthCheckPolicySpec struct {
	// TargetRef is a Service or a ServiceImport.
	TargetRef TargetRef `json:"targetRef"`

	// Ports of a Service that the policy is for.
	// +listType=map
	// +listMapKey=port
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []PortHealthCheck `json:"ports"`

	// Config is for ports that have none of their own.
	// +optional
	Config *HealthCheckConfig `json:"config,omitempty"`
}

// PortHealthCheck is for a port of a Service.
type PortHealthCheck struct {
	// Port is that of the Service.
	Port Port `json:"port"`

	// Config of the port.
	// +optional
	Config *HealthCheckConfig `json:"config,omitempty"`
}

// HealthCheckConfig says how endpoints are tried out: with a request for path whose
// reply is compared with matches, or, without the two, with a connection.
type HealthCheckConfig struct {
	// Interval between two checks of an endpoint, in seconds.
	// +kubebuilder:validation:Minimum=1
	Interval int32 `json:"interval"`

	// MaxFails is how many checks in a row have to fail before an endpoint gets no more
	// requests.
	// +kubebuilder:validation:Minimum=0
	MaxFails int32 `json:"maxFails"`

	// FailTimeout is how long, in seconds, an endpoint that failed gets no requests
	// before it is tried out again.
	// +optional
	// +kubebuilder:validation:Minimum=0
	FailTimeout *int32 `json:"failTimeout,omitempty"`

	// Path that is asked for.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Path *string `json:"path,omitempty"`

	// Matches tell good replies; one of them has to fit.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Matches []HealthCheckMatch `json:"matches,omitempty"`
}

// HealthCheckMatch fits replies that have everything it names.
type HealthCheckMatch struct {
	// StatusCodes of which the reply has one.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	StatusCodes []int32 `json:"statusCodes,omitempty"`

	// Body of the reply.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Body *string `json:"body,omitempty"`

	// Headers of the reply.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Headers []gatewayv1.HTTPHeader `json:"headers,omitempty"`
}
