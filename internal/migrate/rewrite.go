package migrate

import (
	"regexp"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
)

// The Gateway API can replace a whole path, or a prefix of segments; expressions
// cannot be written with it. Those of ingress-nginx are mostly long ways to say just
// that, and are recognised here:
//
//	/app(/|$)(.*)  ->  /$2    the prefix /app becomes /
//	/app/(.*)      ->  /$1    the same, and /app itself is served too
//	/app/?(.*)     ->  /$1    the same, and /apple is not
//	anything       ->  /new   the whole path

// before and after are what the translation of Ingresses has around an expression.
const before, after = "(?is:", ").*"

// shape is an expression that stands for a prefix.
type shape struct {
	tail, group string
	differs     string
}

var shapes = []shape{
	{"(/|$)(.*)", "$2", "the prefix is compared with regard to case"},
	{"/(.*)", "$1", "the prefix is compared with regard to case, and without the slash at its end it is served too"},
	{"/?(.*)", "$1", "the prefix is compared with regard to case, and ends with its segment"},
}

// notPlain finds expressions that are more than a path.
var notPlain = regexp.MustCompile(`[\\+*?()|\[\]{}^$]`)

// rewritten writes a rewrite, with the match that goes with it. A nil filter is one
// that cannot be written, and differs says why; otherwise it says what is different.
func rewritten(path ir.PathMatch, r *ir.Rewrite) (match ir.PathMatch, filter *gatewayv1.HTTPURLRewriteFilter, differs string) {
	filter = &gatewayv1.HTTPURLRewriteFilter{}
	if r.Hostname != "" {
		filter.Hostname = new(gatewayv1.PreciseHostname(r.Hostname))
	}
	if r.Path == nil {
		return path, filter, ""
	}
	if r.Path.Query {
		return path, nil, "the Gateway API cannot rewrite what an expression finds"
	}
	if !strings.Contains(r.Path.Value, "$") {
		filter.Path = &gatewayv1.HTTPPathModifier{Type: gatewayv1.FullPathHTTPPathModifier, ReplaceFullPath: &r.Path.Value}
		return path, filter, ""
	}
	expression := strings.TrimSuffix(strings.TrimPrefix(path.Value, before), after)
	for _, s := range shapes {
		prefix, ok := strings.CutSuffix(expression, s.tail)
		target, fits := strings.CutSuffix(r.Path.Value, s.group)
		prefix = strings.ReplaceAll(prefix, `\.`, ".")
		if !ok || !fits || notPlain.MatchString(prefix) || !strings.HasPrefix(prefix+"/", "/") || !strings.HasSuffix(target, "/") || strings.Contains(target, "$") {
			continue
		}
		match = ir.PathMatch{Kind: ir.PathPrefix, Value: prefix}
		if prefix == "" {
			match.Value, s.differs = "/", ""
		}
		if match.Value != target {
			filter.Path = &gatewayv1.HTTPPathModifier{Type: gatewayv1.PrefixMatchHTTPPathModifier, ReplacePrefixMatch: &target}
		}
		return match, filter, s.differs
	}
	return path, nil, "the Gateway API cannot rewrite by the groups of expression " + expression
}
