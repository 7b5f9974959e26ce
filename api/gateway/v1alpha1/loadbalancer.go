package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// LoadBalancerPolicy chooses how requests are spread over the endpoints of a Service.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=loadbalancerpolicies,singular=loadbalancerpolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LoadBalancerPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec LoadBalancerPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// LoadBalancerPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type LoadBalancerPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []LoadBalancerPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *LoadBalancerPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *LoadBalancerPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// LoadBalancerPolicySpec says how requests are spread.
type LoadBalancerPolicySpec struct {
	// TargetRef is a Service or a ServiceImport.
	TargetRef TargetRef `json:"targetRef"`

	// Ports of a Service that the policy is for.
	// +listType=map
	// +listMapKey=port
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []PortLoadBalancer `json:"ports"`

	// Type is for ports that have none of their own.
	// +optional
	// +kubebuilder:default=RoundRobinLoadBalancer
	Type *LoadBalancerType `json:"type,omitempty"`

	// HashHeader is for ports that have none of their own.
	// +optional
	HashHeader *gatewayv1.HTTPHeaderName `json:"hashHeader,omitempty"`
}

// PortLoadBalancer is for a port of a Service.
type PortLoadBalancer struct {
	// Port is that of the Service.
	Port Port `json:"port"`

	// Type of the port; that of the policy if absent.
	// +optional
	Type *LoadBalancerType `json:"type,omitempty"`

	// HashHeader is the header whose value HashingLoadBalancer goes by, instead of the
	// address of the client. Requests without it go by the address.
	// +optional
	HashHeader *gatewayv1.HTTPHeaderName `json:"hashHeader,omitempty"`
}

// LoadBalancerType is how requests are spread.
//
// +kubebuilder:validation:Enum=RoundRobinLoadBalancer;HashingLoadBalancer;LeastConnectionLoadBalancer
type LoadBalancerType string

// Types of load balancers.
const (
	// RoundRobinLoadBalancer sends each request to the next endpoint.
	RoundRobinLoadBalancer LoadBalancerType = "RoundRobinLoadBalancer"
	// HashingLoadBalancer sends the requests of a client to the same endpoint.
	HashingLoadBalancer LoadBalancerType = "HashingLoadBalancer"
	// LeastConnectionLoadBalancer sends a request to the endpoint that has the fewest to
	// answer.
	LeastConnectionLoadBalancer LoadBalancerType = "LeastConnectionLoadBalancer"
)
