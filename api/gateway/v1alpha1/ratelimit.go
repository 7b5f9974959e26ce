package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// RateLimitPolicy limits bytes at a port and requests of a route.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=ratelimitpolicies,singular=ratelimitpolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RateLimitPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec RateLimitPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// RateLimitPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type RateLimitPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []RateLimitPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *RateLimitPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *RateLimitPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// RateLimitPolicySpec says what is limited where.
type RateLimitPolicySpec struct {
	// TargetRef is a Gateway, an HTTPRoute or a GRPCRoute.
	TargetRef TargetRef `json:"targetRef"`

	// Ports of a Gateway.
	// +optional
	// +listType=map
	// +listMapKey=port
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []PortRateLimit `json:"ports,omitempty"`

	// BPS are the bytes per second of ports that have no limit of their own.
	// +optional
	// +kubebuilder:validation:Minimum=1
	BPS *int64 `json:"bps,omitempty"`

	// Hostnames of a route. All routes of a hostname share one bucket.
	// +optional
	// +listType=map
	// +listMapKey=hostname
	// +kubebuilder:validation:MaxItems=16
	Hostnames []HostnameRateLimit `json:"hostnames,omitempty"`

	// HTTPRateLimits are for matches of an HTTPRoute.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	HTTPRateLimits []HTTPRateLimit `json:"http,omitempty"`

	// GRPCRateLimits are for matches of a GRPCRoute.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	GRPCRateLimits []GRPCRateLimit `json:"grpc,omitempty"`

	// Config is for hostnames and matches that have none of their own.
	// +optional
	Config *RateLimitConfig `json:"config,omitempty"`
}

// PortRateLimit is for a port of a Gateway.
type PortRateLimit struct {
	// Port is that of listeners.
	Port Port `json:"port"`

	// BPS are the bytes per second that all connections of the port share, in each
	// direction.
	// +optional
	// +kubebuilder:validation:Minimum=1
	BPS *int64 `json:"bps,omitempty"`
}

// HostnameRateLimit is for a hostname of a route.
type HostnameRateLimit struct {
	// Hostname as the route has it.
	Hostname gatewayv1.Hostname `json:"hostname"`

	// Config of the hostname.
	// +optional
	Config *RateLimitConfig `json:"config,omitempty"`
}

// HTTPRateLimit is for a match of an HTTPRoute.
type HTTPRateLimit struct {
	// Match as the route has it, whole.
	Match gatewayv1.HTTPRouteMatch `json:"match"`

	// Config of the match.
	// +optional
	Config *RateLimitConfig `json:"config,omitempty"`
}

// GRPCRateLimit is for a match of a GRPCRoute.
type GRPCRateLimit struct {
	// Match as the route has it, whole.
	Match gatewayv1.GRPCRouteMatch `json:"match"`

	// Config of the match.
	// +optional
	Config *RateLimitConfig `json:"config,omitempty"`
}

// RateLimitMode tells what counts together.
//
// +kubebuilder:validation:Enum=Local;Global
type RateLimitMode string

// Modes of rate limits.
const (
	// RateLimitLocal is exact for each proxy.
	RateLimitLocal RateLimitMode = "Local"
	// RateLimitGlobal would be exact for all proxies of a Gateway. It is not supported,
	// and a policy that asks for it is not accepted.
	RateLimitGlobal RateLimitMode = "Global"
)

// RateLimitConfig is a bucket of requests: it holds burst, and each statTimeWindow puts
// requests into it, at once. A request takes one out, or waits in the backlog.
type RateLimitConfig struct {
	// Mode tells what counts together.
	// +optional
	// +kubebuilder:default=Local
	Mode *RateLimitMode `json:"mode,omitempty"`

	// Backlog is how many requests wait for the next statTimeWindow, in their order.
	// More are refused at once.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	Backlog *int32 `json:"backlog,omitempty"`

	// Requests are let through in each statTimeWindow.
	// +kubebuilder:validation:Minimum=1
	Requests int32 `json:"requests"`

	// Burst is the size of the bucket; requests if absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Burst *int32 `json:"burst,omitempty"`

	// StatTimeWindow is in seconds.
	// +kubebuilder:validation:Minimum=1
	StatTimeWindow int32 `json:"statTimeWindow"`

	// ResponseStatusCode of replies to refused requests.
	// +optional
	// +kubebuilder:default=429
	ResponseStatusCode *StatusCode `json:"responseStatusCode,omitempty"`

	// ResponseHeadersToAdd to those replies.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ResponseHeadersToAdd []gatewayv1.HTTPHeader `json:"responseHeadersToAdd,omitempty"`
}
