package gatewayapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/translate/core"
)

// filters compiles a list of filters in its order. The matches are those of the
// rule, because some filters go with some matches only.
func (c *compiler) filters(list []gatewayv1.HTTPRouteFilter, matches []ir.Match) (ir.Filters, *fault) {
	if f := incompatible(list); f != nil {
		return nil, f
	}
	var out ir.Filters
	for i, item := range list {
		compiled, f := c.filter(item, matches)
		if f != nil {
			f.message = fmt.Sprintf("filters[%d]: %s", i, f.message)
			if f.reply == "" {
				f.reply = core.ReasonUnsupportedFilter
			}
			return nil, f
		}
		if compiled != nil {
			out = append(out, compiled)
		}
	}
	return out, nil
}

// incompatible refuses combinations that the Gateway API forbids.
func incompatible(list []gatewayv1.HTTPRouteFilter) *fault {
	seen := map[gatewayv1.HTTPRouteFilterType]bool{}
	for _, f := range list {
		repeatable := f.Type == gatewayv1.HTTPRouteFilterRequestMirror || f.Type == gatewayv1.HTTPRouteFilterExtensionRef
		if seen[f.Type] && !repeatable {
			return incompatibleFilters("filters: %s is there twice", f.Type)
		}
		seen[f.Type] = true
	}
	if seen[gatewayv1.HTTPRouteFilterRequestRedirect] && seen[gatewayv1.HTTPRouteFilterURLRewrite] {
		return incompatibleFilters("filters: RequestRedirect and URLRewrite do not go together")
	}
	return nil
}

func incompatibleFilters(format string, args ...any) *fault {
	return &fault{gatewayv1.RouteReasonIncompatibleFilters, core.ReasonUnsupportedFilter, fmt.Sprintf(format, args...)}
}

// filterFault is an unsupported filter, or one with a value that is.
func filterFault(format string, args ...any) *fault {
	return &fault{gatewayv1.RouteReasonUnsupportedValue, core.ReasonUnsupportedFilter, fmt.Sprintf(format, args...)}
}

// filter compiles one filter; nil without a fault when it has no effect.
func (c *compiler) filter(f gatewayv1.HTTPRouteFilter, matches []ir.Match) (ir.Filter, *fault) {
	switch {
	case f.Type == gatewayv1.HTTPRouteFilterRequestHeaderModifier && f.RequestHeaderModifier != nil:
		change, fault := headerChange(f.RequestHeaderModifier, true)
		return (*ir.RequestHeaders)(&change), fault
	case f.Type == gatewayv1.HTTPRouteFilterResponseHeaderModifier && f.ResponseHeaderModifier != nil:
		change, fault := headerChange(f.ResponseHeaderModifier, false)
		return (*ir.ResponseHeaders)(&change), fault
	case f.Type == gatewayv1.HTTPRouteFilterURLRewrite && f.URLRewrite != nil:
		return rewrite(f.URLRewrite, matches)
	case f.Type == gatewayv1.HTTPRouteFilterRequestRedirect && f.RequestRedirect != nil:
		return redirect(f.RequestRedirect, matches)
	case f.Type == gatewayv1.HTTPRouteFilterRequestMirror && f.RequestMirror != nil:
		return c.mirror(f.RequestMirror)
	case f.Type == gatewayv1.HTTPRouteFilterCORS && f.CORS != nil:
		return cors(f.CORS), nil
	case f.Type == gatewayv1.HTTPRouteFilterExtensionRef:
		return nil, extensionRef(f.ExtensionRef)
	default:
		return nil, filterFault("type %s is not supported", f.Type)
	}
}

// extensionRef never resolves: there are no extensions yet. It must not be
// skipped (HTTPRouteFilter.Type), so the rule fails.
func extensionRef(ref *gatewayv1.LocalObjectReference) *fault {
	kind := "nothing"
	if ref != nil {
		kind = "kind " + cmp.Or(string(ref.Group), "core") + "/" + string(ref.Kind)
	}
	return &fault{gatewayv1.RouteReasonInvalidKind, core.ReasonUnsupportedFilter, "extensionRef: " + kind + " is not a filter"}
}

// headerChange is a change of headers of requests or of responses.
func headerChange(h *gatewayv1.HTTPHeaderFilter, request bool) (ir.HeaderChange, *fault) {
	change := ir.HeaderChange{Set: headerFields(h.Set), Add: headerFields(h.Add), Remove: h.Remove}
	if err := core.CheckHeaders(change, request); err != nil {
		return change, filterFault("%v", err)
	}
	return change, nil
}

// headerFields reads set or add; of equivalent names the first counts.
func headerFields(list []gatewayv1.HTTPHeader) []ir.HeaderField {
	var out []ir.HeaderField
	for _, h := range list {
		name := string(h.Name)
		if !slices.ContainsFunc(out, func(f ir.HeaderField) bool { return strings.EqualFold(f.Name, name) }) {
			out = append(out, ir.HeaderField{Name: name, Value: h.Value})
		}
	}
	return out
}

func rewrite(u *gatewayv1.HTTPURLRewriteFilter, matches []ir.Match) (ir.Filter, *fault) {
	out := &ir.Rewrite{}
	var f *fault
	if out.Hostname, f = preciseHostname(u.Hostname); f != nil {
		return nil, f
	}
	out.Path, f = pathRewrite(u.Path, matches)
	return out, f
}

func redirect(r *gatewayv1.HTTPRequestRedirectFilter, matches []ir.Match) (ir.Filter, *fault) {
	out := &ir.Redirect{Status: 302}
	if r.Scheme != nil {
		if *r.Scheme != "http" && *r.Scheme != "https" {
			return nil, filterFault("scheme %q is not supported; use http or https", *r.Scheme)
		}
		out.Scheme = *r.Scheme
	}
	var f *fault
	if out.Hostname, f = preciseHostname(r.Hostname); f != nil {
		return nil, f
	}
	if out.Path, f = pathRewrite(r.Path, matches); f != nil {
		return nil, f
	}
	if r.Port != nil {
		if *r.Port < 1 || *r.Port > 65535 {
			return nil, filterFault("port %d is not a port", *r.Port)
		}
		out.Port = uint16(*r.Port)
	}
	if r.StatusCode != nil {
		switch *r.StatusCode {
		case 301, 302, 303, 307, 308:
			out.Status = uint16(*r.StatusCode)
		default:
			return nil, filterFault("statusCode %d is not supported; use 301, 302, 303, 307 or 308", *r.StatusCode)
		}
	}
	return out, nil
}

func preciseHostname(h *gatewayv1.PreciseHostname) (string, *fault) {
	if h == nil {
		return "", nil
	}
	if len(validation.IsDNS1123Subdomain(string(*h))) > 0 {
		return "", filterFault("hostname %q is not a DNS name", *h)
	}
	return string(*h), nil
}

func pathRewrite(p *gatewayv1.HTTPPathModifier, matches []ir.Match) (*ir.PathRewrite, *fault) {
	if p == nil {
		return nil, nil
	}
	switch {
	case p.Type == gatewayv1.FullPathHTTPPathModifier && p.ReplaceFullPath != nil:
		return newPath(ir.ReplaceFullPath, *p.ReplaceFullPath)
	case p.Type == gatewayv1.PrefixMatchHTTPPathModifier && p.ReplacePrefixMatch != nil:
		for _, m := range matches {
			if m.Path.Kind != ir.PathPrefix {
				return nil, filterFault("path: ReplacePrefixMatch needs a rule all of whose matches are of type PathPrefix")
			}
		}
		return newPath(ir.ReplacePrefix, *p.ReplacePrefixMatch)
	default:
		return nil, filterFault("path: type %s is not supported, or its value is missing", p.Type)
	}
}

// newPath checks what becomes part of a request line or a Location.
func newPath(kind ir.PathRewriteKind, path string) (*ir.PathRewrite, *fault) {
	if path == "" {
		path = "/"
	}
	if !strings.HasPrefix(path, "/") {
		return nil, filterFault("path: %q does not start with \"/\"", path)
	}
	for _, b := range []byte(path) {
		if b <= ' ' || b >= 0x7f || b == '?' || b == '#' {
			return nil, filterFault("path: %q contains %q", path, b)
		}
	}
	return &ir.PathRewrite{Kind: kind, Value: path}, nil
}

// mirror compiles a RequestMirror. One whose backend does not resolve is dropped,
// and the condition says so (HTTPRequestMirrorFilter.BackendRef).
func (c *compiler) mirror(m *gatewayv1.HTTPRequestMirrorFilter) (ir.Filter, *fault) {
	numerator, denominator := int32(1), int32(1)
	switch {
	case m.Percent != nil:
		numerator, denominator = *m.Percent, 100
	case m.Fraction != nil:
		numerator, denominator = m.Fraction.Numerator, 100
		if m.Fraction.Denominator != nil {
			denominator = *m.Fraction.Denominator
		}
	}
	if numerator < 0 || denominator < 1 || numerator > denominator {
		return nil, filterFault("requestMirror: %d of %d is not a share", numerator, denominator)
	}
	name, err := c.backend(m.BackendRef)
	if err != nil || numerator == 0 {
		return nil, nil
	}
	return &ir.Mirror{Backend: name, Numerator: uint32(numerator), Denominator: uint32(denominator)}, nil
}

func cors(f *gatewayv1.HTTPCORSFilter) ir.Filter {
	return &ir.CORS{
		AllowOrigins:     texts(f.AllowOrigins),
		AllowMethods:     texts(f.AllowMethods),
		AllowHeaders:     texts(f.AllowHeaders),
		ExposeHeaders:    texts(f.ExposeHeaders),
		AllowCredentials: f.AllowCredentials != nil && *f.AllowCredentials,
		MaxAge:           uint32(max(f.MaxAge, 0)),
	}
}

func texts[T ~string](list []T) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
