package policy

import (
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// everything is the key of a rule without matches.
const everything = "/*"

// HTTPMatchKey is the same text for matches that mean the same: with defaults spelled
// out, headers without regard to case, and headers and query parameters in any order.
// A policy is about the match of a route that has its key.
func HTTPMatchKey(m gatewayv1.HTTPRouteMatch) string {
	var words []string
	if m.Method != nil {
		words = append(words, string(*m.Method))
	}
	words = append(words, pathKey(m.Path))
	var headers, query []string
	for _, h := range m.Headers {
		headers = append(headers, "header:"+valueKey(strings.ToLower(string(h.Name)), h.Type, h.Value))
	}
	for _, q := range m.QueryParams {
		query = append(query, "query:"+valueKey(string(q.Name), q.Type, q.Value))
	}
	slices.Sort(headers)
	slices.Sort(query)
	return strings.Join(append(append(words, headers...), query...), " ")
}

func pathKey(p *gatewayv1.HTTPPathMatch) string {
	kind, value := gatewayv1.PathMatchPathPrefix, "/"
	if p != nil && p.Type != nil {
		kind = *p.Type
	}
	if p != nil && p.Value != nil {
		value = *p.Value
	}
	switch kind {
	case gatewayv1.PathMatchPathPrefix:
		return strings.TrimRight(value, "/") + "/*"
	case gatewayv1.PathMatchRegularExpression:
		return "~" + value
	default:
		return value
	}
}

// valueKey is name=value, or name~expression.
func valueKey[T ~string](name string, kind *T, value string) string {
	if kind != nil && string(*kind) == string(gatewayv1.HeaderMatchRegularExpression) {
		return name + "~" + value
	}
	return name + "=" + value
}

// GRPCMatchKey is HTTPMatchKey for matches of GRPCRoutes.
func GRPCMatchKey(m gatewayv1.GRPCRouteMatch) string {
	var words []string
	if m.Method != nil && (m.Method.Service != nil || m.Method.Method != nil) {
		words = append(words, valueKey(orAny(m.Method.Service), m.Method.Type, orAny(m.Method.Method)))
	} else {
		words = append(words, everything)
	}
	var headers []string
	for _, h := range m.Headers {
		headers = append(headers, "header:"+valueKey(strings.ToLower(string(h.Name)), h.Type, h.Value))
	}
	slices.Sort(headers)
	return strings.Join(append(words, headers...), " ")
}

func orAny(s *string) string {
	if s == nil || *s == "" {
		return "*"
	}
	return *s
}
