// Package upstream is everything the proxy knows about backends that outlives a
// snapshot: endpoints, their connections, whose turn it is, and what their names
// resolve to.
//
// State is keyed by where it comes from, not by content: a pool belongs to an
// address and the way it is spoken to, a backend to its name. Applying a snapshot
// updates settings in place; a removed endpoint is not chosen again from that
// moment on, and requests that are under way on it finish.
//
// The package makes connections and lends them. It does not know what a request
// is, and does not decide whether to try again.
package upstream
