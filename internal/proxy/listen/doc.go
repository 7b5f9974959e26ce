// Package listen owns the proxy's listening sockets, and takes connections up to
// the point where their protocol begins: PROXY header, ClientHello, choice of
// the chain, TLS.
//
// Sockets outlive snapshots: applying one opens and closes only what differs,
// and existing connections stay with the chain they chose. Everything before the
// first byte of the application happens under one deadline, and nothing clears
// it before the chain sets the next.
package listen
