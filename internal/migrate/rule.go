package migrate

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/translate/core"
)

// httpRule writes a route.
func (c *converter) httpRule(r *ir.Route) guarded[gatewayv1.HTTPRouteRule] {
	path, rewrite := r.Match.Path, (*gatewayv1.HTTPURLRewriteFilter)(nil)
	owner := ownerOf(r.Origin)
	access, filters, ok := c.access(r)
	closed := !ok
	var rule gatewayv1.HTTPRouteRule
	for _, f := range filters {
		if f, ok := f.(*ir.Rewrite); ok {
			var differs string
			path, rewrite, differs = rewritten(path, f)
			if rewrite == nil {
				closed = true
				c.add(Lost, owner, "%s: %s; its requests are answered with 500", r.Origin.Part, differs)
				continue
			}
			if differs != "" {
				c.add(Differs, owner, "%s: %s", r.Origin.Part, differs)
			}
			if *rewrite != (gatewayv1.HTTPURLRewriteFilter{}) {
				rule.Filters = append(rule.Filters, gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterURLRewrite, URLRewrite: rewrite})
			}
			continue
		}
		switch out, ok := c.filter(f); {
		case !ok:
			closed = true
			c.add(Lost, owner, "%s: the Gateway API has no filter like %s; its requests are answered with 500", r.Origin.Part, filterName(f))
		case out.Type != "":
			rule.Filters = append(rule.Filters, out)
		}
	}
	rule.Matches = httpMatches(path, oneLabel(r.Match.Headers))
	switch action := r.Action.(type) {
	case *ir.Respond:
		closed = closed || !redirects(rule.Filters)
		if action.Reason == core.ReasonTLSRequired {
			access = nobody() // which is answered with 403, too
		}
	case *ir.Forward:
		closed = closed || c.fails(action)
		c.forward(r, action, &rule)
	}
	if closed {
		rule = gatewayv1.HTTPRouteRule{Matches: rule.Matches}
	}
	return guarded[gatewayv1.HTTPRouteRule]{rule, access}
}

// filterName is the name of the Go type.
func filterName(f ir.Filter) string { return reflect.TypeOf(f).Elem().Name() }

func redirects(filters []gatewayv1.HTTPRouteFilter) bool {
	return slices.ContainsFunc(filters, func(f gatewayv1.HTTPRouteFilter) bool { return f.RequestRedirect != nil })
}

// oneLabel leaves out the condition that makes a wildcard stand for one label.
func oneLabel(headers []ir.ValueMatch) []ir.ValueMatch {
	return slices.DeleteFunc(slices.Clone(headers), func(h ir.ValueMatch) bool { return h.Name == "Host" })
}

func httpMatches(path ir.PathMatch, headers []ir.ValueMatch) []gatewayv1.HTTPRouteMatch {
	var m gatewayv1.HTTPRouteMatch
	if path.Value != "" {
		kind := map[ir.PathKind]gatewayv1.PathMatchType{
			ir.PathExact: gatewayv1.PathMatchExact, ir.PathPrefix: gatewayv1.PathMatchPathPrefix, ir.PathRegex: gatewayv1.PathMatchRegularExpression,
		}[path.Kind]
		m.Path = &gatewayv1.HTTPPathMatch{Type: &kind, Value: &path.Value}
	}
	for _, h := range headers {
		match := gatewayv1.HTTPHeaderMatch{Name: gatewayv1.HTTPHeaderName(h.Name), Value: h.Value}
		if h.Kind == ir.ValueRegex {
			match.Type = new(gatewayv1.HeaderMatchRegularExpression)
		}
		m.Headers = append(m.Headers, match)
	}
	if m.Path == nil && m.Headers == nil {
		return nil
	}
	return []gatewayv1.HTTPRouteMatch{m}
}

// fails tells whether a backend cannot be talked to as the Ingress asks. That is no
// reason to talk to it in another way.
func (c *converter) fails(f *ir.Forward) bool {
	return slices.ContainsFunc(f.Destinations, func(d ir.Destination) bool { return c.mesh.Backends[d.Backend].Failure != nil })
}

// forward writes where requests go, and for how long.
func (c *converter) forward(r *ir.Route, f *ir.Forward, rule *gatewayv1.HTTPRouteRule) {
	owner := ownerOf(r.Origin)
	c.limit.forward(r)
	for _, d := range f.Destinations {
		c.use(wish{owner: owner, retries: f.Retry != nil}, d.Backend)
		rule.BackendRefs = append(rule.BackendRefs, gatewayv1.HTTPBackendRef{BackendRef: c.weighted(d, len(f.Destinations))})
	}
	if f.ReadTimeout > 0 {
		c.add(Differs, owner, "proxy-read-timeout becomes timeouts.backendRequest, which bounds the whole answer, and WebSockets, and not the wait for the next byte")
		rule.Timeouts = &gatewayv1.HTTPRouteTimeouts{BackendRequest: new(duration(f.ReadTimeout))}
	}
	if f.Retry == nil {
		return
	}
	rule.Retry = &gatewayv1.HTTPRouteRetry{Attempts: new(int(f.Retry.Attempts))}
	for _, code := range f.Retry.Codes {
		rule.Retry.Codes = append(rule.Retry.Codes, gatewayv1.HTTPRouteRetryStatusCode(code))
	}
}

func (c *converter) weighted(d ir.Destination, of int) gatewayv1.BackendRef {
	ref := gatewayv1.BackendRef{BackendObjectReference: c.backendRef(d.Backend)}
	if of > 1 {
		ref.Weight = new(int32(d.Weight))
	}
	return ref
}

// duration is in the syntax of the Gateway API (GEP-2257).
func duration(d ir.Duration) gatewayv1.Duration {
	const most = 99999 // five digits
	if s := time.Duration(d).Seconds(); s <= most {
		return gatewayv1.Duration(fmt.Sprintf("%ds", int(s)))
	}
	return gatewayv1.Duration(time.Duration(d).String())
}

// filter writes a filter. Limits of bodies, which are the Gateway's, come to none, and so do
// those of clients, without which requests are served all the same; ok is false for what
// cannot be written.
func (c *converter) filter(f ir.Filter) (out gatewayv1.HTTPRouteFilter, ok bool) {
	switch f := f.(type) {
	case *ir.RequestHeaders:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestHeaderModifier, RequestHeaderModifier: headerFilter(ir.HeaderChange(*f))}, true
	case *ir.ResponseHeaders:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterResponseHeaderModifier, ResponseHeaderModifier: headerFilter(ir.HeaderChange(*f))}, true
	case *ir.Redirect:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestRedirect, RequestRedirect: redirect(f)}, true
	case *ir.Mirror:
		return gatewayv1.HTTPRouteFilter{
			Type: gatewayv1.HTTPRouteFilterRequestMirror, RequestMirror: &gatewayv1.HTTPRequestMirrorFilter{BackendRef: c.backendRef(f.Backend)},
		}, true
	case *ir.CORS:
		return gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterCORS, CORS: cors(f)}, true
	case *ir.BodyLimit:
		return out, true
	case *ir.ClientLimit:
		c.add(Lost, ownerOf(f.Policy), "nothing is counted for each client: the bucket of a RateLimitPolicy is one for all")
		return out, true
	case *ir.ResponseRate:
		c.add(Lost, ownerOf(f.Policy), "responses are not slowed down: the rate of a RateLimitPolicy is one for all connections of a port")
		return out, true
	}
	return out, false
}

func headerFilter(h ir.HeaderChange) *gatewayv1.HTTPHeaderFilter {
	out := &gatewayv1.HTTPHeaderFilter{Remove: h.Remove}
	for _, f := range h.Set {
		out.Set = append(out.Set, gatewayv1.HTTPHeader{Name: gatewayv1.HTTPHeaderName(f.Name), Value: f.Value})
	}
	for _, f := range h.Add {
		out.Add = append(out.Add, gatewayv1.HTTPHeader{Name: gatewayv1.HTTPHeaderName(f.Name), Value: f.Value})
	}
	return out
}

func redirect(r *ir.Redirect) *gatewayv1.HTTPRequestRedirectFilter {
	out := &gatewayv1.HTTPRequestRedirectFilter{StatusCode: new(int(r.Status))}
	if r.Scheme != "" {
		out.Scheme = &r.Scheme
	}
	if r.Hostname != "" {
		out.Hostname = new(gatewayv1.PreciseHostname(r.Hostname))
	}
	if r.Port != 0 {
		out.Port = new(gatewayv1.PortNumber(r.Port))
	}
	if r.Path != nil { // of redirects it is whole
		out.Path = &gatewayv1.HTTPPathModifier{Type: gatewayv1.FullPathHTTPPathModifier, ReplaceFullPath: &r.Path.Value}
	}
	return out
}

func cors(f *ir.CORS) *gatewayv1.HTTPCORSFilter {
	return &gatewayv1.HTTPCORSFilter{
		AllowOrigins: words[gatewayv1.CORSOrigin](f.AllowOrigins), AllowMethods: words[gatewayv1.HTTPMethodWithWildcard](f.AllowMethods),
		AllowHeaders: words[gatewayv1.HTTPHeaderName](f.AllowHeaders), ExposeHeaders: words[gatewayv1.HTTPHeaderName](f.ExposeHeaders),
		AllowCredentials: &f.AllowCredentials, MaxAge: int32(f.MaxAge),
	}
}

func words[T ~string](list []string) []T {
	var out []T
	for _, s := range list {
		out = append(out, T(s))
	}
	return out
}

// isGRPC tells whether a route is for calls alone: its backend is spoken to in HTTP/2
// because the Ingress says so, and not the Service.
func (c *converter) isGRPC(r *ir.Route) bool {
	f, ok := r.Action.(*ir.Forward)
	return ok && strings.HasSuffix(string(f.Destinations[0].Backend), "+h2")
}

// grpcRule writes a route for calls; ok is false when its path is none of a call.
func (c *converter) grpcRule(r *ir.Route) (out guarded[gatewayv1.GRPCRouteRule], ok bool) {
	owner, rule := ownerOf(r.Origin), &out.rule
	method, ok := methodOf(r.Match.Path)
	if !ok {
		c.add(Lost, owner, "%s: the path is neither / nor a service or method of gRPC, and is left out", r.Origin.Part)
		return out, false
	}
	match := gatewayv1.GRPCRouteMatch{Method: method}
	for _, h := range oneLabel(r.Match.Headers) {
		header := gatewayv1.GRPCHeaderMatch{Name: gatewayv1.GRPCHeaderName(h.Name), Value: h.Value}
		if h.Kind == ir.ValueRegex {
			header.Type = new(gatewayv1.GRPCHeaderMatchRegularExpression)
		}
		match.Headers = append(match.Headers, header)
	}
	if match.Method != nil || match.Headers != nil {
		rule.Matches = []gatewayv1.GRPCRouteMatch{match}
	}
	f := r.Action.(*ir.Forward) // isGRPC says so
	access, rest, listed := c.access(r)
	filters, ok := c.grpcFilters(&ir.Route{Origin: r.Origin, Filters: rest})
	out.access = access
	if !listed || !ok || c.fails(f) {
		return out, true
	}
	rule.Filters = filters
	for _, d := range f.Destinations {
		c.use(wish{owner: owner, retry: f.Retry}, d.Backend)
		rule.BackendRefs = append(rule.BackendRefs, gatewayv1.GRPCBackendRef{BackendRef: c.weighted(d, len(f.Destinations))})
	}
	if f.ReadTimeout > 0 {
		c.add(Lost, owner, "%s: a GRPCRoute has no timeouts", r.Origin.Part)
	}
	return out, true
}

// grpcFilters writes filters; ok is false if calls would go elsewhere without the others.
func (c *converter) grpcFilters(r *ir.Route) (filters []gatewayv1.GRPCRouteFilter, ok bool) {
	ok = true
	for _, f := range r.Filters {
		out, known := c.filter(f)
		switch kind := gatewayv1.GRPCRouteFilterType(out.Type); kind {
		case gatewayv1.GRPCRouteFilterRequestHeaderModifier, gatewayv1.GRPCRouteFilterResponseHeaderModifier, gatewayv1.GRPCRouteFilterRequestMirror:
			filters = append(filters, gatewayv1.GRPCRouteFilter{
				Type: kind, RequestHeaderModifier: out.RequestHeaderModifier, ResponseHeaderModifier: out.ResponseHeaderModifier, RequestMirror: out.RequestMirror,
			})
		default:
			c.add(Lost, ownerOf(r.Origin), "%s: a GRPCRoute has no filter like %s", r.Origin.Part, filterName(f))
			ok = ok && (known && kind == "" || out.CORS != nil)
		}
	}
	return filters, ok
}

// methodOf reads "/package.Service" and "/package.Service/Method".
func methodOf(path ir.PathMatch) (m *gatewayv1.GRPCMethodMatch, ok bool) {
	service, method, found := strings.Cut(strings.Trim(path.Value, "/"), "/")
	switch {
	case service == "":
		return nil, true
	case path.Kind == ir.PathRegex, strings.Contains(method, "/"), path.Kind == ir.PathExact && !found:
		return nil, false
	case !found:
		return &gatewayv1.GRPCMethodMatch{Service: &service}, true
	}
	return &gatewayv1.GRPCMethodMatch{Service: &service, Method: &method}, true
}
