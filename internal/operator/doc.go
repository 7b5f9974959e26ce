// Package operator is the control plane in a Kubernetes cluster: it brings together
// what the other packages do.
//
// Objects are read from the API server, translated, and delivered to the proxies of
// each Gateway, which the package has Kubernetes run. What proxies answer becomes,
// with the translation's report, the statuses of objects. Every replica reads and
// delivers; only the leader writes.
//
// The package decides nothing about traffic. It restarts nothing that runs, and its
// absence disturbs no proxy.
package operator
