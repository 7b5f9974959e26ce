// Package v1alpha2 has the mesh configuration as clients of older versions of FSM ask
// for it. It is that of v1alpha3: fields of the older version that are not in the
// newer one are kept, so that nothing is lost on the way there and back, and no
// conversion is needed. The control plane itself reads v1alpha3.
//
// +kubebuilder:validation:Optional
// +groupName=config.flomesh.io
package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/api/config/v1alpha3"
)

// MeshConfig is the configuration of an installation; see v1alpha3.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=meshconfigs,singular=meshconfig,shortName=meshconfig
// +kubebuilder:deprecatedversion
type MeshConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +kubebuilder:default={}
	Spec v1alpha3.MeshConfigSpec `json:"spec"`
}
