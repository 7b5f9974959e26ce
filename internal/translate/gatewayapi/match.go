package gatewayapi

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/translate/core"
)

// everything is the match of a rule that has none.
var everything = ir.Match{Path: ir.PathMatch{Kind: ir.PathPrefix, Value: "/"}}

// longestExpression bounds regular expressions. They are RE2 and cannot blow up,
// but they are compiled by every proxy.
const longestExpression = 1 << 10

// add takes the result of compiling the match with the given number.
func (in *rule) add(number int, m ir.Match, err error) {
	if err != nil {
		in.broken = append(in.broken, fmt.Sprintf("matches[%d].%v", number, err))
		return
	}
	in.matches = append(in.matches, m)
}

func httpMatch(m gatewayv1.HTTPRouteMatch) (out ir.Match, err error) {
	if out.Path, err = pathMatch(m.Path); err != nil {
		return out, err
	}
	if m.Method != nil {
		if !slices.Contains(methods, *m.Method) {
			return out, fmt.Errorf("method: %q is not supported", *m.Method)
		}
		out.Method = string(*m.Method)
	}
	for _, h := range m.Headers {
		if out.Headers, err = addHeader(out.Headers, string(h.Name), h.Type, h.Value); err != nil {
			return out, err
		}
	}
	for _, q := range m.QueryParams {
		kind, err := valueKind(q.Type, q.Value)
		if err != nil {
			return out, fmt.Errorf("queryParams[%s]: %w", q.Name, err)
		}
		same := func(v ir.ValueMatch) bool { return v.Name == string(q.Name) }
		if !slices.ContainsFunc(out.Query, same) { // of equal names the first counts
			out.Query = append(out.Query, ir.ValueMatch{Name: string(q.Name), Kind: kind, Value: q.Value})
		}
	}
	return out, nil
}

var methods = []gatewayv1.HTTPMethod{
	gatewayv1.HTTPMethodGet, gatewayv1.HTTPMethodHead, gatewayv1.HTTPMethodPost, gatewayv1.HTTPMethodPut,
	gatewayv1.HTTPMethodDelete, gatewayv1.HTTPMethodConnect, gatewayv1.HTTPMethodOptions,
	gatewayv1.HTTPMethodTrace, gatewayv1.HTTPMethodPatch,
}

func pathMatch(p *gatewayv1.HTTPPathMatch) (ir.PathMatch, error) {
	kind, value := gatewayv1.PathMatchPathPrefix, "/"
	if p != nil && p.Type != nil {
		kind = *p.Type
	}
	if p != nil && p.Value != nil {
		value = *p.Value
	}
	switch kind {
	case gatewayv1.PathMatchExact, gatewayv1.PathMatchPathPrefix:
		if !strings.HasPrefix(value, "/") {
			return ir.PathMatch{}, fmt.Errorf("path: %q does not start with \"/\"", value)
		}
		if kind == gatewayv1.PathMatchExact {
			return ir.PathMatch{Kind: ir.PathExact, Value: value}, nil
		}
		// A trailing slash does not count and is left out, so that it does not make a
		// prefix longer than an equal one.
		return ir.PathMatch{Kind: ir.PathPrefix, Value: cmp.Or(strings.TrimRight(value, "/"), "/")}, nil
	case gatewayv1.PathMatchRegularExpression:
		if err := checkExpression(value); err != nil {
			return ir.PathMatch{}, fmt.Errorf("path: %w", err)
		}
		return ir.PathMatch{Kind: ir.PathRegex, Value: value}, nil
	default:
		return ir.PathMatch{}, fmt.Errorf("path: type %q is not supported", kind)
	}
}

// addHeader adds a header match; of equivalent names the first counts.
func addHeader[T ~string](list []ir.ValueMatch, name string, t *T, value string) ([]ir.ValueMatch, error) {
	kind, err := valueKind(t, value)
	if err != nil {
		return nil, fmt.Errorf("headers[%s]: %w", name, err)
	}
	if err := core.CheckMatchedHeader(name); err != nil {
		return nil, fmt.Errorf("headers[%s]: %w", name, err)
	}
	if slices.ContainsFunc(list, func(v ir.ValueMatch) bool { return strings.EqualFold(v.Name, name) }) {
		return list, nil
	}
	return append(list, ir.ValueMatch{Name: name, Kind: kind, Value: value}), nil
}

// valueKind reads the type of a header or query match. All of them spell their
// types the same.
func valueKind[T ~string](t *T, value string) (ir.ValueKind, error) {
	switch {
	case t == nil || string(*t) == string(gatewayv1.HeaderMatchExact):
		return ir.ValueExact, nil
	case string(*t) == string(gatewayv1.HeaderMatchRegularExpression):
		return ir.ValueRegex, checkExpression(value)
	default:
		return "", fmt.Errorf("type %q is not supported", *t)
	}
}

func checkExpression(expression string) error {
	if len(expression) > longestExpression {
		return fmt.Errorf("the regular expression is longer than %d bytes", longestExpression)
	}
	if _, err := regexp.Compile(expression); err != nil {
		return fmt.Errorf("%q is not an RE2 regular expression", expression)
	}
	return nil
}

// rankedRoute is a route with what decides its place in a table.
type rankedRoute struct {
	rank  rank
	route *ir.Route
}

// rank is the precedence of a match (HTTPRouteRule.Matches): the kind of path
// match, its length, then method, headers and query parameters. What ranks equal
// goes by the age of the route and then by the order in it. Where the Gateway API
// leaves regular expressions open, they come after all other paths.
type rank struct {
	kind, length, method, headers, query int
}

func rankOf(m ir.Match) rank {
	r := rank{headers: len(m.Headers), query: len(m.Query)}
	switch m.Path.Kind {
	case ir.PathExact:
		r.kind = 2
	case ir.PathPrefix:
		r.kind, r.length = 1, len(m.Path.Value)
	}
	if m.Method != "" {
		r.method = 1
	}
	return r
}

// byPrecedence sorts the match that takes precedence first.
func byPrecedence(a, b rankedRoute) int {
	x, y := a.rank, b.rank
	return cmp.Or(cmp.Compare(y.kind, x.kind), cmp.Compare(y.length, x.length), cmp.Compare(y.method, x.method),
		cmp.Compare(y.headers, x.headers), cmp.Compare(y.query, x.query))
}
