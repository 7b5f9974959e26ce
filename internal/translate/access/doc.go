// Package access is the front-end for who may send to the Services of the mesh. So far
// that is IngressBackend, which lets in traffic from outside of it; sidecars, which
// would enforce it, are still to come.
//
// An IngressBackend that says something impossible lets nobody in, and its status says
// why. Of two with the same backend the older one counts.
package access
