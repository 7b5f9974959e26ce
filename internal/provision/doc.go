// Package provision says which Kubernetes objects a Gateway gets, and which the proxies
// that serve Ingresses: the Deployment that runs the proxies, the Service that leads to
// them, the ServiceAccount that they prove themselves with, and what a user asked for
// besides.
//
// It makes objects and touches no cluster. The objects live in the namespace of who
// asks for them and are owned by that, so that they go when it goes. Everything that may
// be set is set, and nothing else: what other controllers add is theirs.
//
// Sources of what may be asked for by a Gateway, later ones winning: the Settings of the
// installation, the ConfigMap that spec.infrastructure.parametersRef names, and
// the Gateway's annotations.
package provision
