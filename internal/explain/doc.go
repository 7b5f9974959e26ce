// Package explain says why a gateway answers a request the way it does: which
// listener, hostname, route, filter and backend, or why none, each by the name
// of the user object that caused it.
//
// It decides nothing itself. A request is read by the proxy's own codec, looked
// up in the proxy's own tables and changed by the proxy's own filters, over the
// snapshot that a proxy would get; the package walks along and takes notes. A
// test asks it and a running proxy the same questions and compares.
//
// It opens no socket and resolves no name. What can only be known at run time is
// left open: which of several backends has its turn, whether an endpoint answers,
// and what it answers.
package explain
