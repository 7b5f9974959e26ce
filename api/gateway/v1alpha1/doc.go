// Package v1alpha1 has the policies that users attach to Gateways, routes and
// Services: what the Gateway API itself has no field for, or no field yet.
//
// A policy names one target and says for which parts of it something holds: ports of
// a Gateway or Service, hostnames and matches of a route. What a part does not say
// itself is what config says for the whole target. The bounds here are those that a
// schema can tell; whether a target exists, and which of two policies counts, is
// said by conditions.
//
// The group knows no more than these values and their bounds. What they come to is
// decided by those who use them.
//
// +kubebuilder:object:generate=true
// +groupName=gateway.flomesh.io
package v1alpha1
