package gatewayapi

import (
	"cmp"
	"fmt"
	"regexp"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/translate/policy"
)

// A gRPC call is an HTTP/2 request for "/service/method". GRPCRoutes become the
// same routes as HTTPRoutes; only backends are spoken to in HTTP/2, and failures
// have the status that gRPC clients read as UNAVAILABLE.

func grpcRoute(o *gatewayv1.GRPCRoute) routeInput {
	return routeInput{
		object: o, common: &o.Spec.CommonRouteSpec, hostnames: o.Spec.Hostnames,
		use:     policy.Use{Traffic: policy.GRPC},
		compile: func(c *compiler) { c.grpcRules(o.Spec.Rules) },
	}
}

func (c *compiler) grpcRules(rules []gatewayv1.GRPCRouteRule) {
	for i, r := range rules {
		//lint:ignore SA1019 whoever still writes sessionPersistence has to be told
		in := rule{index: i, name: r.Name, filters: grpcFilters(r.Filters), session: r.SessionPersistence}
		for _, b := range r.BackendRefs {
			in.backends = append(in.backends, gatewayv1.HTTPBackendRef{BackendRef: b.BackendRef, Filters: grpcFilters(b.Filters)})
		}
		if len(r.Matches) == 0 {
			in.matches = []ir.Match{everything}
		}
		for j, m := range r.Matches {
			compiled, err := grpcMatch(m)
			in.add(j, compiled, err)
			if c.policies != nil && err == nil {
				in.keys = append(in.keys, policy.GRPCMatchKey(m))
			}
		}
		c.rule(in)
	}
}

// grpcFilters spells the filters of a GRPCRoute as those of an HTTPRoute, of
// which they are a subset with the same types.
func grpcFilters(list []gatewayv1.GRPCRouteFilter) []gatewayv1.HTTPRouteFilter {
	var out []gatewayv1.HTTPRouteFilter
	for _, f := range list {
		out = append(out, gatewayv1.HTTPRouteFilter{
			Type:                   gatewayv1.HTTPRouteFilterType(f.Type),
			RequestHeaderModifier:  f.RequestHeaderModifier,
			ResponseHeaderModifier: f.ResponseHeaderModifier,
			RequestMirror:          f.RequestMirror,
			ExtensionRef:           f.ExtensionRef,
		})
	}
	return out
}

func grpcMatch(m gatewayv1.GRPCRouteMatch) (out ir.Match, err error) {
	if out.Path, err = grpcPath(m.Method); err != nil {
		return out, fmt.Errorf("method: %w", err)
	}
	for _, h := range m.Headers {
		if out.Headers, err = addHeader(out.Headers, string(h.Name), h.Type, h.Value); err != nil {
			return out, err
		}
	}
	return out, nil
}

// grpcPath is the path of the calls that match. Exact service and method make an
// exact path, a service alone a prefix, so that more characters take precedence
// as GRPCRouteRule.Matches demands.
func grpcPath(m *gatewayv1.GRPCMethodMatch) (ir.PathMatch, error) {
	var service, method string
	if m != nil && m.Service != nil {
		service = *m.Service
	}
	if m != nil && m.Method != nil {
		method = *m.Method
	}
	switch {
	case service == "" && method == "":
		return everything.Path, nil
	case m.Type != nil && *m.Type == gatewayv1.GRPCMethodMatchRegularExpression:
		return grpcExpression(cmp.Or(service, "[^/]+"), cmp.Or(method, "[^/]+"))
	case m.Type != nil && *m.Type != gatewayv1.GRPCMethodMatchExact:
		return ir.PathMatch{}, fmt.Errorf("type %q is not supported", *m.Type)
	case method == "":
		return ir.PathMatch{Kind: ir.PathPrefix, Value: "/" + service}, nil
	case service == "":
		return grpcExpression("[^/]+", regexp.QuoteMeta(method))
	default:
		return ir.PathMatch{Kind: ir.PathExact, Value: "/" + service + "/" + method}, nil
	}
}

func grpcExpression(service, method string) (ir.PathMatch, error) {
	for _, part := range []string{service, method} {
		if err := checkExpression(part); err != nil {
			return ir.PathMatch{}, err
		}
	}
	return ir.PathMatch{Kind: ir.PathRegex, Value: "/(?:" + service + ")/(?:" + method + ")"}, nil
}
