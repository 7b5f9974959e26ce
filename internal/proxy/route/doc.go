// Package route finds the route for a request: hostname, then path, then the
// other predicates, each compiled once per snapshot.
//
// A table keeps the order of its routes, which the control plane decided; the
// index only saves looking at routes whose path cannot match. A [Table] is
// immutable and shared by all goroutines. Matching allocates nothing, except for
// regular expressions over percent-encoded query parameters.
package route
