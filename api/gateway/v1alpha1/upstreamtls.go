package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// UpstreamTLSPolicy speaks TLS to a Service.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=upstreamtlspolicies,singular=upstreamtlspolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type UpstreamTLSPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec UpstreamTLSPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// UpstreamTLSPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type UpstreamTLSPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []UpstreamTLSPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *UpstreamTLSPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *UpstreamTLSPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// UpstreamTLSPolicySpec says at which ports a Service speaks TLS.
type UpstreamTLSPolicySpec struct {
	// TargetRef is a Service or a ServiceImport.
	TargetRef TargetRef `json:"targetRef"`

	// Ports of a Service that the policy is for.
	// +listType=map
	// +listMapKey=port
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []PortUpstreamTLS `json:"ports"`

	// Config is for ports that have none of their own.
	// +optional
	Config *UpstreamTLSConfig `json:"config,omitempty"`
}

// PortUpstreamTLS is for a port of a Service.
type PortUpstreamTLS struct {
	// Port is that of the Service.
	Port Port `json:"port"`

	// Config of the port.
	// +optional
	Config *UpstreamTLSConfig `json:"config,omitempty"`
}

// UpstreamTLSConfig says whom the proxy trusts, and who it is itself.
type UpstreamTLSConfig struct {
	// CertificateRef is a Secret: key ca.crt has the authorities that certificates of
	// endpoints come from; tls.crt and tls.key are shown to endpoints with mTLS. Another
	// namespace has to allow it with a ReferenceGrant.
	CertificateRef gatewayv1.SecretObjectReference `json:"certificateRef"`

	// MTLS shows endpoints the certificate in the Secret.
	// +optional
	// +kubebuilder:default=false
	MTLS *bool `json:"mTLS,omitempty"`
}
