package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// IngressBackend says who may send to Services of the mesh from outside of it.
//
// The definition has no status subresource: its clients write the status as an
// ordinary field.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=ingressbackends,singular=ingressbackend,shortName=ingressbackend
// +kubebuilder:metadata:labels="app.kubernetes.io/name=flomesh.io"
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.currentStatus`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type IngressBackend struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   IngressBackendSpec   `json:"spec,omitempty"`
	Status IngressBackendStatus `json:"status,omitempty"`
}

// IngressBackendList is a list of them.
//
// +kubebuilder:object:root=true
type IngressBackendList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []IngressBackend `json:"items"`
}

// IngressBackendSpec is what an IngressBackend wants.
type IngressBackendSpec struct {
	// Backends are Services of the same namespace.
	// +kubebuilder:validation:Required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	Backends []BackendSpec `json:"backends"`
	// Sources may send to them.
	// +kubebuilder:validation:Required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	Sources []IngressSourceSpec `json:"sources"`
	// Matches are kept and do nothing.
	Matches []corev1.TypedLocalObjectReference `json:"matches,omitempty"`
}

// BackendSpec is a port of a Service.
type BackendSpec struct {
	// Name of the Service.
	// +kubebuilder:validation:Required
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// Port of the Service's pods.
	// +kubebuilder:validation:Required
	Port PortSpec `json:"port"`
	// TLS of the Service's proxies towards the sources; without, they speak
	// plaintext.
	TLS *TLSSpec `json:"tls,omitempty"`
}

// PortSpec is a port with a protocol.
type PortSpec struct {
	// Number is that of the pods, the Service's targetPort.
	// +kubebuilder:validation:Required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Number int32 `json:"number"`
	// Protocol is http, https or grpc.
	// +kubebuilder:validation:Required
	Protocol string `json:"protocol"`
}

// TLSSpec is TLS towards the sources.
type TLSSpec struct {
	// SkipClientCertValidation lets in sources without a certificate of the mesh.
	SkipClientCertValidation bool `json:"skipClientCertValidation,omitempty"`
	// SNIHosts are the only server names that sources may ask for.
	SNIHosts []string `json:"sniHosts,omitempty"`
}

// Kinds of sources.
const (
	KindService                = "Service"
	KindAuthenticatedPrincipal = "AuthenticatedPrincipal"
	KindIPRange                = "IPRange"
)

// IngressSourceSpec is who may send.
type IngressSourceSpec struct {
	// Kind is Service, AuthenticatedPrincipal or IPRange.
	// +kubebuilder:validation:Required
	// +kubebuilder:validation:Enum=Service;AuthenticatedPrincipal;IPRange
	Kind string `json:"kind"`
	// Name of the Service, a name in the client's certificate, or a CIDR.
	// +kubebuilder:validation:Required
	Name string `json:"name"`
	// Namespace of the Service.
	Namespace string `json:"namespace,omitempty"`
}

// States of an IngressBackend.
const (
	StatusCommitted = "committed"
	StatusError     = "error"
)

// IngressBackendStatus is what became of an IngressBackend.
type IngressBackendStatus struct {
	// CurrentStatus is committed or error.
	CurrentStatus string `json:"currentStatus,omitempty"`
	// Reason says why.
	Reason string `json:"reason,omitempty"`
}
