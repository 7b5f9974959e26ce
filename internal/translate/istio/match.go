package istio

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
)

// everything is the match of a rule that has none.
var everything = ir.Match{Path: ir.PathMatch{Kind: ir.PathPrefix, Value: "/"}}

// longestExpression bounds regular expressions. They are RE2 and cannot blow up, but
// they are compiled by every proxy.
const longestExpression = 1 << 10

// scopedMatch is a match and where it is in force.
type scopedMatch struct {
	scope
	match ir.Match
}

// matches compiles a disjunction. What cannot be matched is left out.
func (c *compiler) matches(list []istiov1.HTTPMatchRequest) []scopedMatch {
	if len(list) == 0 {
		return []scopedMatch{{c.scope(0, nil), everything}}
	}
	var out []scopedMatch
	for i := range list {
		m := &list[i]
		compiled, err := c.match(m)
		if err != nil {
			c.drop(fmt.Sprintf("match[%d].%v", i, err))
			continue
		}
		if m.StatPrefix != "" {
			c.warn("match[%d].statPrefix: has no effect", i)
		}
		for _, match := range compiled {
			out = append(out, scopedMatch{c.scope(m.Port, m.Gateways), match})
		}
	}
	return out
}

// match compiles a conjunction; one for each method where several are asked for.
func (c *compiler) match(m *istiov1.HTTPMatchRequest) ([]ir.Match, error) {
	if err := unsupportedMatch(m); err != nil {
		return nil, err
	}
	out := everything
	if m.URI != nil {
		path, err := pathMatch(*m.URI, m.IgnoreURICase)
		if err != nil {
			return nil, fmt.Errorf("uri: %w", err)
		}
		out.Path = path
	}
	if m.Authority != nil {
		v, err := valueMatch("Host", *m.Authority)
		if err != nil {
			return nil, fmt.Errorf("authority: %w", err)
		}
		out.Headers = append(out.Headers, v)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		if err := core.CheckMatchedHeader(name); err != nil {
			return nil, fmt.Errorf("headers[%s]: %w", name, err)
		}
		v, err := valueMatch(name, m.Headers[name])
		if err != nil {
			return nil, fmt.Errorf("headers[%s]: %w", name, err)
		}
		out.Headers = append(out.Headers, v)
	}
	for _, name := range slices.Sorted(maps.Keys(m.QueryParams)) {
		v, err := valueMatch(name, m.QueryParams[name])
		if err != nil {
			return nil, fmt.Errorf("queryParams[%s]: %w", name, err)
		}
		out.Query = append(out.Query, v)
	}
	return withMethods(out, m.Method)
}

// methods are those that an expression or prefix can stand for.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

// withMethods adds the method to a match. Proxies compare single methods only.
func withMethods(m ir.Match, s *istiov1.StringMatch) ([]ir.Match, error) {
	if s == nil {
		return []ir.Match{m}, nil
	}
	if s.Exact != "" {
		m.Method = s.Exact
		return []ir.Match{m}, nil
	}
	expression, err := expressionOf(*s)
	if err != nil {
		return nil, fmt.Errorf("method: %w", err)
	}
	whole := regexp.MustCompile(`\A(?:` + expression + `)\z`)
	var out []ir.Match
	for _, method := range methods {
		if whole.MatchString(method) {
			m.Method = method
			out = append(out, m)
		}
	}
	return out, nil
}

// pathMatch compiles a path. Prefixes are compared byte by byte: "/foo" covers
// "/foobar".
func pathMatch(s istiov1.StringMatch, ignoreCase bool) (ir.PathMatch, error) {
	switch {
	case s.Exact != "" && ignoreCase:
		return ir.PathMatch{Kind: ir.PathRegex, Value: "(?i)" + regexp.QuoteMeta(s.Exact)}, check(s)
	case s.Exact != "":
		return ir.PathMatch{Kind: ir.PathExact, Value: s.Exact}, check(s)
	case s.Prefix == "/":
		return everything.Path, check(s)
	case s.Prefix != "" && ignoreCase:
		return ir.PathMatch{Kind: ir.PathStartFold, Value: s.Prefix}, check(s)
	case s.Prefix != "":
		return ir.PathMatch{Kind: ir.PathStart, Value: s.Prefix}, check(s)
	case s.Regex != "":
		return ir.PathMatch{Kind: ir.PathRegex, Value: s.Regex}, check(s)
	default:
		return everything.Path, nil
	}
}

// valueMatch compiles the value of a header or query parameter; any value is fine
// where nothing is said about it.
func valueMatch(name string, s istiov1.StringMatch) (ir.ValueMatch, error) {
	if s.Exact != "" {
		return ir.ValueMatch{Name: name, Kind: ir.ValueExact, Value: s.Exact}, check(s)
	}
	expression, err := expressionOf(s)
	return ir.ValueMatch{Name: name, Kind: ir.ValueRegex, Value: expression}, err
}

// expressionOf is a regular expression for all but exact matches.
func expressionOf(s istiov1.StringMatch) (string, error) {
	if s.Prefix != "" {
		return regexp.QuoteMeta(s.Prefix) + ".*", check(s)
	}
	return cmp.Or(s.Regex, ".*"), check(s)
}

// check makes sure that a match says one thing, and that proxies can compile it.
func check(s istiov1.StringMatch) error {
	set := 0
	for _, text := range []string{s.Exact, s.Prefix, s.Regex} {
		if text != "" {
			set++
		}
		if len(text) > longestExpression/2 && text != s.Regex || len(text) > longestExpression {
			return fmt.Errorf("has %d bytes, which is too long", len(text))
		}
	}
	if set > 1 {
		return fmt.Errorf("one of exact, prefix and regex is allowed")
	}
	if _, err := regexp.Compile(s.Regex); err != nil {
		return fmt.Errorf("%q is not an RE2 regular expression", strings.ToValidUTF8(s.Regex, "?"))
	}
	return nil
}
