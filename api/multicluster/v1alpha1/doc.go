// Package v1alpha1 has the kinds of group flomesh.io. There is one as yet: an ingress
// of its own for a namespace.
//
// What a field does not say has the default that stands beside it. Fields of FSM 1.2
// that are not here are kept and do nothing.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:Optional
// +groupName=flomesh.io
package v1alpha1
