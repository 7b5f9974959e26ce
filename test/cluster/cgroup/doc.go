// Package cgroup gives every node of a cluster cgroups of its own, on machines with
// cgroup v1, v2 or both, and takes them away again. They are below those of the
// process that starts the cluster where this is possible, so that whoever limits or
// ends that process means the cluster too.
package cgroup
