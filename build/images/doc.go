// Images builds the container images of FSM without a container engine: each holds
// one static program and the list of users, nothing else. The same source makes
// the same bytes.
//
// It writes, for every image, an OCI layout as an archive that containerd, podman,
// skopeo and crane read, with all architectures in it, and beside it for each
// architecture a list of what is inside (SPDX 2.3). It pushes nothing.
//
// A module of its own, so that nobody who builds FSM needs its dependencies.
package main
