// Package v1alpha3 has Istio's Gateway and VirtualService for clients that ask for
// this version. They are those of v1, so that no conversion is needed. The control
// plane itself reads v1 and never these.
//
// +kubebuilder:validation:Optional
// +groupName=networking.istio.io
package v1alpha3

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "fsm/api/istio/v1"
)

// Gateway says on which ports traffic comes in; see v1.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=gateways,singular=gateway,shortName=gw,categories=istio-io;networking-istio-io
type Gateway struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1.GatewaySpec `json:"spec,omitempty"`
	Status v1.Status      `json:"status,omitempty"`
}

// VirtualService says where traffic goes that came in for a host; see v1.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=virtualservices,singular=virtualservice,shortName=vs,categories=istio-io;networking-istio-io
type VirtualService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   v1.VirtualServiceSpec `json:"spec,omitempty"`
	Status v1.Status             `json:"status,omitempty"`
}
