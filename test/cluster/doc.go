// Package cluster runs a real Kubernetes on a plain machine, for tests: etcd, the
// API server and the controller manager, built from Go modules and started as
// ordinary processes on loopback. What a test sees is what users run, so nothing
// about Kubernetes has to be imitated.
//
// The programs are listed in a module of their own, tools/go.mod, so that the
// product does not depend on them. [Build] makes them once per content of that
// module and keeps them in the user's cache directory. [Start] needs a few
// seconds.
//
// Everything that a cluster writes is below one directory, it listens on loopback
// only, and it ends with the process that started it. A cluster without nodes has
// no pods: a test that needs endpoints writes EndpointSlices.
package cluster
