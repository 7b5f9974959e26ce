// Package upstream is everything the proxy knows about backends that outlives a
// snapshot: endpoints, their connections, whose turn it is, how they fare, and what
// their names resolve to.
//
// State is keyed by where it comes from, not by content: a pool belongs to an
// address and the way it is spoken to, a backend to its name. Applying a snapshot
// updates settings in place; a removed endpoint is not chosen again from that
// moment on, and requests that are under way on it finish.
//
// The package chooses endpoints, makes connections and lends them. Of a request it
// reads what the choice depends on, a cookie or a header, and nothing else. It does
// not decide whether to try again.
package upstream
