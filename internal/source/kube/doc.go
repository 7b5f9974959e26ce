// Package kube reads user objects from a Kubernetes API server and follows their
// changes. It is the only package that keeps copies of what a cluster holds.
//
// There is one watch for each kind of package resource that the cluster serves. A
// kind whose definition is absent is simply absent: its objects appear with the
// definition and vanish with it. Secrets and ConfigMaps are the exception: those
// that a Gateway, a GatewayClass or a policy refers to are watched by name, and no
// others are ever read.
//
// A [Source] only lists. It resolves no reference and judges no object by another;
// looking for the names to watch is as far as it goes. Of each object it keeps what
// translation and status need: no managed fields, no foreign annotations, no
// owners, and the status apart. An object stays the same pointer until something
// that its user wrote changes, so that writing a status, a restart of the API
// server or a new list of everything sets nothing in motion.
//
// A role needs list and watch for the kinds, and for customresourcedefinitions. For
// Secrets and ConfigMaps list and watch of the referenced names will do; one that
// must not be read counts as missing.
//
// What was read stays when the cluster cannot be reached. Only a cluster that says
// so removes an object.
package kube
