// Package v1alpha3 has the mesh configuration, the one object by which an
// installation is configured while it runs: fsm-mesh-config in the namespace of the
// control plane. Every change of it acts at once, without a restart, in everything
// that does not say otherwise.
//
// What a field does not say has the default that stands beside it, so that the empty
// object is a valid one, and reading it back shows all there is. Fields that belong
// to a part of FSM which this version does not have are kept and do nothing; each
// says what it waits for.
//
// The group knows no more than these values and their bounds. What they come to is
// decided by those who use them.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:Optional
// +groupName=config.flomesh.io
package v1alpha3
