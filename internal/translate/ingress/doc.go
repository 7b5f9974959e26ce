// Package ingress is the front-end for Ingress and IngressClass of
// networking.k8s.io/v1, and for what annotations add to them: those of FSM,
// pipy.ingress.kubernetes.io, and those that people bring from ingress-nginx.
//
// All Ingresses share one gateway, which exists without an object, but for those of
// namespaces that have their own by a NamespacedIngress. It works in two steps:
//
//  1. Each Ingress of ours is compiled: annotations become settings, paths become
//     entries, each with its complete route. (settings.go, ingress.go, backend.go)
//  2. Assembly: entries of all Ingresses by host, duplicates settled, canaries
//     joined with what they are canaries of, certificates given to server names.
//     (assemble.go, canary.go, tls.go)
//
// Compiled Ingresses are remembered and reused while everything they were made
// from is the same.
//
// An Ingress has no conditions, so what there is to say goes into the report in
// the terms of routes. An annotation that is not honoured is a warning; one that
// protects, and cannot be honoured, makes the routes of its Ingress fail: it is
// never skipped. Snippets of configuration for another proxy are never honoured.
// An Ingress says nothing about the routes of others, except where ingress-nginx
// documents it and no access depends on it (canaries, server aliases).
package ingress
