// Package lab runs a whole Kubernetes on one machine: a control plane, nodes on which
// pods run, a name server, a registry of images and addresses for load balancers.
//
// All of it lives in namespaces of its own without a way out. One process, the
// supervisor, is the first in its process namespace and starts everything else; when it
// ends, however it does, the kernel ends the rest, and networks and mounts go with it.
// What remains is a directory, and cgroups that are listed in it: [Down] removes both.
//
// Addresses of the cluster exist inside its network namespace only. Programs that talk
// to it, tests too, have to run there: see [Lab.Command].
package lab
