// Package v1alpha1 has the policies of the service mesh: IngressBackend, which says
// who may send to a Service of the mesh from outside of it.
//
// The group knows the fields and their forms. Whether two policies contradict each
// other, and whom a name means, is decided by those who read them.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:Optional
// +groupName=policy.flomesh.io
package v1alpha1
