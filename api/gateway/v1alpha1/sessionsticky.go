package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SessionStickyPolicy sends the requests of a client to the same endpoint of a Service, by a cookie.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=sessionstickypolicies,singular=sessionstickypolicy,categories=gateway-policies
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:metadata:labels="gateway.networking.k8s.io/policy=true"
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.targetRef.name`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SessionStickyPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec SessionStickyPolicySpec `json:"spec"`
	// +optional
	Status PolicyStatus `json:"status,omitzero"`
}

// SessionStickyPolicyList is a list of them.
//
// +kubebuilder:object:root=true
type SessionStickyPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []SessionStickyPolicy `json:"items"`
}

// Target is what the policy is attached to.
func (p *SessionStickyPolicy) Target() TargetRef { return p.Spec.TargetRef }

// Conditions are those of the status.
func (p *SessionStickyPolicy) Conditions() []metav1.Condition { return p.Status.Conditions }

// SessionStickyPolicySpec says which cookie ties clients to endpoints.
type SessionStickyPolicySpec struct {
	// TargetRef is a Service or a ServiceImport.
	TargetRef TargetRef `json:"targetRef"`

	// Ports of a Service that the policy is for.
	// +listType=map
	// +listMapKey=port
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Ports []PortSessionSticky `json:"ports"`

	// Config is for ports that have none of their own.
	// +optional
	Config *SessionStickyConfig `json:"config,omitempty"`
}

// PortSessionSticky is for a port of a Service.
type PortSessionSticky struct {
	// Port is that of the Service.
	Port Port `json:"port"`

	// Config of the port.
	// +optional
	Config *SessionStickyConfig `json:"config,omitempty"`
}

// SessionStickyConfig is the cookie.
type SessionStickyConfig struct {
	// CookieName is what the cookie is called.
	// +optional
	// +kubebuilder:default=_srv_id
	// +kubebuilder:validation:MaxLength=256
	CookieName *string `json:"cookieName,omitempty"`

	// Expires is how long clients keep the cookie, in seconds.
	// +optional
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=1
	Expires *int32 `json:"expires,omitempty"`
}
