// Package migrate writes Ingresses of ingress-nginx as objects of the Gateway API.
//
// It does not read annotations itself. The Ingresses are translated as if FSM served
// them, and the routes that come out of it are written down in the words of the
// Gateway API. So there is one table of annotations, in translate/ingress, and what
// is written means what was served, as far as the Gateway API has words for it.
//
//	select.go    which Ingresses, and stand-ins for what they refer to and was not read
//	convert.go   the steps, in order
//	gateway.go   server names become listeners
//	route.go     tables become HTTPRoutes, GRPCRoutes and TLSRoutes
//	rule.go      a route becomes a rule, and rewrite.go its rewrite
//	access.go    lists of clients become policies of routes
//	service.go   what holds for the endpoints of a Service becomes policies of it
//	backend.go   and so does TLS towards them
//	grant.go     permissions for Secrets of other namespaces
//	check.go     what becomes of the result beside what is there already
//	finding.go   what there is to say about it
//	write.go     YAML
//
// What has no words is never left out silently: it is a [Finding]. A route that
// would let in more, or send elsewhere, than the Ingress did is written without
// backends, so that its requests are answered with 500, and not by a wider route.
// Snippets are never read.
package migrate
