// Package filter changes requests and responses as routes say. Each filter is
// one file; [New] is the one table that makes them.
//
// A filter is compiled once per snapshot and shared by all requests: it keeps no
// state of a request in itself. It knows the message model and what its
// constructor was handed, and never another filter. It does not write responses:
// to answer a request it returns a *message.Reply.
package filter
