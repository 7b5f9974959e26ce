package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// FaultInjectionPolicy makes requests of a route fail or wait, to see what comes of it.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=faultinjectionpolicies,singular=faultinjectionpolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type FaultInjectionPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec FaultInjectionPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// FaultInjectionPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type FaultInjectionPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []FaultInjectionPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *FaultInjectionPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *FaultInjectionPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// FaultInjectionPolicySpec says what fails where.
type FaultInjectionPolicySpec struct {
	// TargetRef is an HTTPRoute or a GRPCRoute.
	TargetRef TargetRef `json:"targetRef"`

	// Hostnames of a route.
	// +optional
	// +listType=map
	// +listMapKey=hostname
	// +kubebuilder:validation:MaxItems=16
	Hostnames []HostnameFaultInjection `json:"hostnames,omitempty"`

	// HTTPFaultInjections are for matches of an HTTPRoute.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	HTTPFaultInjections []HTTPFaultInjection `json:"http,omitempty"`

	// GRPCFaultInjections are for matches of a GRPCRoute.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	GRPCFaultInjections []GRPCFaultInjection `json:"grpc,omitempty"`

	// Config is for hostnames and matches that have none of their own.
	// +optional
	Config *FaultInjectionConfig `json:"config,omitempty"`

	// Unit of delays that have none of their own.
	// +optional
	// +kubebuilder:default=ms
	Unit *DelayUnit `json:"unit,omitempty"`
}

// HostnameFaultInjection is for a hostname of a route.
type HostnameFaultInjection struct {
	// Hostname as the route has it.
	Hostname gatewayv1.Hostname `json:"hostname"`

	// Config of the hostname.
	// +optional
	Config *FaultInjectionConfig `json:"config,omitempty"`
}

// HTTPFaultInjection is for a match of an HTTPRoute.
type HTTPFaultInjection struct {
	// Match as the route has it, whole.
	Match gatewayv1.HTTPRouteMatch `json:"match"`

	// Config of the match.
	// +optional
	Config *FaultInjectionConfig `json:"config,omitempty"`
}

// GRPCFaultInjection is for a match of a GRPCRoute.
type GRPCFaultInjection struct {
	// Match as the route has it, whole.
	Match gatewayv1.GRPCRouteMatch `json:"match"`

	// Config of the match.
	// +optional
	Config *FaultInjectionConfig `json:"config,omitempty"`
}

// FaultInjectionConfig is either a delay or an abort.
type FaultInjectionConfig struct {
	// Delay makes requests wait.
	// +optional
	Delay *FaultInjectionDelay `json:"delay,omitempty"`

	// Abort answers requests in place of the backend.
	// +optional
	Abort *FaultInjectionAbort `json:"abort,omitempty"`
}

// FaultInjectionDelay makes requests wait, either a fixed time or one out of a range.
type FaultInjectionDelay struct {
	// Percent of requests.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Percent *int32 `json:"percent,omitempty"`

	// Fixed is the time in units.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Fixed *int64 `json:"fixed,omitempty"`

	// Range that times are drawn from, all equally likely.
	// +optional
	Range *FaultInjectionRange `json:"range,omitempty"`

	// Unit of the time; that of the policy if absent.
	// +optional
	Unit *DelayUnit `json:"unit,omitempty"`
}

// FaultInjectionRange is a range of times, in units.
type FaultInjectionRange struct {
	// Min is the shortest time.
	// +kubebuilder:validation:Minimum=0
	Min int64 `json:"min"`

	// Max is the longest time, longer than min.
	// +kubebuilder:validation:Minimum=1
	Max int64 `json:"max"`
}

// FaultInjectionAbort answers requests in place of the backend.
type FaultInjectionAbort struct {
	// Percent of requests.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Percent *int32 `json:"percent,omitempty"`

	// StatusCode of the reply: of HTTP, or of gRPC for matches of a GRPCRoute.
	// +optional
	StatusCode *StatusCode `json:"statusCode,omitempty"`

	// Message is the body of the reply, or the message of the gRPC status.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Message *string `json:"message,omitempty"`
}

// DelayUnit is milliseconds, seconds, minutes, hours or days.
//
// +kubebuilder:validation:Enum=ms;s;m;h;d
type DelayUnit string
