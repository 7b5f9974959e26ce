// Package gatewayapi is the front-end for the Gateway API: GatewayClass,
// Gateway, ListenerSet, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute and
// BackendTLSPolicy.
//
// It works in three steps, each a value made from the one before:
//
//  1. Gateways: each Gateway of ours with its listeners and those of its
//     ListenerSets, conflicts settled, certificates found. (gateway.go, listener.go)
//  2. Routes: each route with the listeners it attaches to, its conditions, and
//     its rules compiled. (route.go, httproute.go, relay.go)
//  3. Assembly: tables per listener and hostname, counts of attached routes,
//     everything that the routes use. (assemble.go)
//
// Gateways and routes are remembered and reused while everything they were made
// from is the same; the assembly is done each time and reuses tables whose
// routes are the same.
//
// The specification is the Gateway API v1.7.0 and its conformance suite. What
// they leave open is decided here as follows. A rule that asks for anything that
// cannot be done is answered with status 500 and never served by half, even when
// the route as a whole is not accepted: the rule may protect what a wider route
// would give away. Rules that cannot be matched at all, for example because of a
// malformed regular expression, are left out.
package gatewayapi
