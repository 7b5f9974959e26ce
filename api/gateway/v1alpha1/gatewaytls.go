package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GatewayTLSPolicy asks the clients of a port for certificates.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=gatewaytlspolicies,singular=gatewaytlspolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type GatewayTLSPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GatewayTLSPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// GatewayTLSPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type GatewayTLSPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []GatewayTLSPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *GatewayTLSPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *GatewayTLSPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// GatewayTLSPolicySpec says at which ports clients are asked.
type GatewayTLSPolicySpec struct {
	// TargetRef is a Gateway.
	TargetRef TargetRef `json:"targetRef"`

	// Ports of a Gateway that the policy is for.
	// +listType=map
	// +listMapKey=port
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []PortGatewayTLS `json:"ports"`

	// Config is for ports that have none of their own.
	// +optional
	Config *GatewayTLSConfig `json:"config,omitempty"`
}

// PortGatewayTLS is for a port of a Gateway.
type PortGatewayTLS struct {
	// Port is that of listeners.
	Port Port `json:"port"`

	// Config of the port.
	// +optional
	Config *GatewayTLSConfig `json:"config,omitempty"`
}

// GatewayTLSConfig is what a port asks of its clients.
type GatewayTLSConfig struct {
	// MTLS refuses clients without a certificate of the authority in key ca.crt of the
	// Secret that has the certificate of the listener.
	// +optional
	// +kubebuilder:default=false
	MTLS *bool `json:"mTLS,omitempty"`
}
