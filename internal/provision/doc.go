// Package provision says which Kubernetes objects a Gateway gets: the Deployment
// that runs its proxies, the Service that leads to them, the ServiceAccount that
// they prove themselves with, and what a user asked for besides.
//
// It makes objects and touches no cluster. A Gateway's objects live in its
// namespace and are owned by it, so that they go when it goes. Everything that may
// be set is set, and nothing else: what other controllers add is theirs.
//
// Sources of what may be asked for, later ones winning: the Settings of the
// installation, the ConfigMap that spec.infrastructure.parametersRef names, and
// the Gateway's annotations.
package provision
