// Package istio is the front-end for Istio's Gateway and VirtualService, as far as
// they are about traffic that comes in through a gateway.
//
// All Gateways make up one gateway, as Istio's Gateways do whose selectors choose the
// same pods: servers of several Gateways share a port, and each Host is served by the
// VirtualServices that are bound to it. Rules are tried in their order, and a request
// that no rule of its most specific host matches gets 404. In a cluster this gateway is
// part of the ingress, whose proxies and ports it shares.
//
// It works in three steps, each a value made from the one before:
//
//  1. Gateways: each server with its protocol, hosts and certificates. (gateway.go,
//     server.go, servertls.go)
//  2. VirtualServices: each rule compiled, whichever Gateway it is for.
//     (virtualservice.go, http.go, match.go, modify.go, relay.go)
//  3. Assembly: servers claim ports, VirtualServices attach to servers. (claim.go,
//     attach.go, assemble.go)
//
// What is not supported is never skipped in silence. A server or rule that asks for
// it is not served by half: the server stays closed, the rule answers 500, a match
// matches nothing, and a condition says so. Fields that change nothing about which
// requests are served and how protected are ignored with a warning; unsupported.go
// has both lists.
//
// Sidecars, which the gateway name "mesh" stands for, are not served.
package istio
