package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// AccessControlPolicy admits clients by their addresses.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=accesscontrolpolicies,singular=accesscontrolpolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AccessControlPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec AccessControlPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// AccessControlPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type AccessControlPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []AccessControlPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *AccessControlPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *AccessControlPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// AccessControlPolicySpec says who may pass where.
type AccessControlPolicySpec struct {
	// TargetRef is a Gateway, an HTTPRoute or a GRPCRoute.
	TargetRef TargetRef `json:"targetRef"`

	// Ports of a Gateway. They look at the address of the connection, before anything
	// of it is read.
	// +optional
	// +listType=map
	// +listMapKey=port
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []PortAccessControl `json:"ports,omitempty"`

	// Hostnames of a route.
	// +optional
	// +listType=map
	// +listMapKey=hostname
	// +kubebuilder:validation:MaxItems=16
	Hostnames []HostnameAccessControl `json:"hostnames,omitempty"`

	// HTTPAccessControls are for matches of an HTTPRoute.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	HTTPAccessControls []HTTPAccessControl `json:"http,omitempty"`

	// GRPCAccessControls are for matches of a GRPCRoute.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	GRPCAccessControls []GRPCAccessControl `json:"grpc,omitempty"`

	// Config is for ports, hostnames and matches that have none of their own.
	// +optional
	Config *AccessControlConfig `json:"config,omitempty"`
}

// PortAccessControl is for a port of a Gateway.
type PortAccessControl struct {
	// Port is that of listeners.
	Port Port `json:"port"`

	// Config of the port.
	// +optional
	Config *AccessControlConfig `json:"config,omitempty"`
}

// HostnameAccessControl is for a hostname of a route.
type HostnameAccessControl struct {
	// Hostname as the route has it.
	Hostname gatewayv1.Hostname `json:"hostname"`

	// Config of the hostname.
	// +optional
	Config *AccessControlConfig `json:"config,omitempty"`
}

// HTTPAccessControl is for a match of an HTTPRoute.
type HTTPAccessControl struct {
	// Match as the route has it, whole.
	Match gatewayv1.HTTPRouteMatch `json:"match"`

	// Config of the match.
	// +optional
	Config *AccessControlConfig `json:"config,omitempty"`
}

// GRPCAccessControl is for a match of a GRPCRoute.
type GRPCAccessControl struct {
	// Match as the route has it, whole.
	Match gatewayv1.GRPCRouteMatch `json:"match"`

	// Config of the match.
	// +optional
	Config *AccessControlConfig `json:"config,omitempty"`
}

// AccessControlConfig tells who may pass. One of the lists has to have an entry.
type AccessControlConfig struct {
	// Blacklist are addresses and networks (CIDR) that may not pass. It does not count
	// if there is a whitelist.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	Blacklist []string `json:"blacklist,omitempty"`

	// Whitelist are the addresses and networks (CIDR) that may pass, and no others.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	Whitelist []string `json:"whitelist,omitempty"`

	// EnableXFF looks at the addresses in X-Forwarded-For instead of that of the
	// connection; each of them has to be admitted. Only where a proxy that sets the
	// header stands in front of the Gateway: clients can write there what they like.
	// Without the header the address of the connection counts. Not for ports.
	// +optional
	// +kubebuilder:default=false
	EnableXFF *bool `json:"enableXFF,omitempty"`

	// StatusCode of the reply to others. Not for ports, which reset connections.
	// +optional
	// +kubebuilder:default=403
	StatusCode *StatusCode `json:"statusCode,omitempty"`

	// Message is the body of the reply.
	// +optional
	// +kubebuilder:default=""
	// +kubebuilder:validation:MaxLength=4096
	Message *string `json:"message,omitempty"`
}
