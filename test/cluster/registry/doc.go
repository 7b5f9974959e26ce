// Package registry serves container images from a directory, so that a cluster
// without an uplink can pull whatever its manifests name, with imagePullPolicy
// Always too. It stands in for all registries at once: containerd says in a query
// parameter which one it means.
//
// It implements the pull half of the OCI distribution specification, without
// authentication. Images come in by [Store.Load] and [Store.AddProgram], not over
// the network, and what is loaded is served from the next request on.
package registry
