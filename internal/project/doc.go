// Package project selects from the mesh what one proxy needs.
//
// A projection selects and arranges; it never converts. Listeners are made for
// the proxy, because sockets are its own; tables, backends, endpoints and secrets
// are the mesh's own pointers, so that what many proxies share is encoded once.
// Only what can be reached from the proxy's listeners is in its snapshot.
//
// The package knows the ir and nothing else. Names of chains and listeners depend
// on sockets and hostnames alone, so that connections stay with theirs when
// routes change.
package project
