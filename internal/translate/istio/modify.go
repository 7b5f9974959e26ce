package istio

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/policy"
)

// ruleFilters are the filters of a rule. The rewrite differs by match; mirrors come
// after it, because a mirror gets the request as the backend does.
type ruleFilters struct {
	before  ir.Filters
	rewrite *istiov1.HTTPRewrite
	after   ir.Filters
}

func (f ruleFilters) forMatch(m ir.Match) ir.Filters {
	out := slices.Clone(f.before)
	if f.rewrite != nil {
		out = append(out, rewrite(f.rewrite, m))
	}
	return append(out, f.after...)
}

func (c *compiler) filters(rule ir.Origin, r *istiov1.HTTPRoute) ruleFilters {
	var out ruleFilters
	if r.CORSPolicy != nil {
		out.before = append(out.before, c.cors(r.CORSPolicy))
	}
	out.before = append(out.before, c.faults(rule, r.Fault)...)
	out.before = append(out.before, c.headers("headers", r.Headers)...)
	if r.Redirect != nil {
		if r.Rewrite != nil {
			c.refuse("rewrite: does not go with a redirect")
		}
		out.before = append(out.before, c.redirect(r.Redirect))
		return out
	}
	if r.Rewrite != nil {
		c.checkRewrite(r.Rewrite)
		out.rewrite = r.Rewrite
	}
	out.after = c.mirrors(r)
	return out
}

// headers compiles changes of headers.
func (c *compiler) headers(path string, h *istiov1.Headers) ir.Filters {
	var out ir.Filters
	if h == nil {
		return nil
	}
	if h.Request != nil {
		out = append(out, (*ir.RequestHeaders)(c.headerChange(path+".request", h.Request, true)))
	}
	if h.Response != nil {
		out = append(out, (*ir.ResponseHeaders)(c.headerChange(path+".response", h.Response, false)))
	}
	return out
}

func (c *compiler) headerChange(path string, o *istiov1.HeaderOperations, request bool) *ir.HeaderChange {
	change := &ir.HeaderChange{Set: headerFields(o.Set, request), Add: headerFields(o.Add, request), Remove: slices.Clone(o.Remove)}
	if err := core.CheckHeaders(*change, request); err != nil {
		c.refuse("%s: %v", path, err)
	}
	return change
}

// headerFields lists headers by name. Istio's users know the authority by the name
// that HTTP/2 has for it.
func headerFields(fields map[string]string, request bool) []ir.HeaderField {
	var out []ir.HeaderField
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fields[name]
		if request && name == ":authority" {
			name = "Host"
		}
		out = append(out, ir.HeaderField{Name: name, Value: value})
	}
	return out
}

func (c *compiler) checkRewrite(r *istiov1.HTTPRewrite) {
	if r.URI == "" && r.Authority == "" && r.URIRegexRewrite == nil {
		c.refuse("rewrite: uri or authority is required")
	}
	if err := core.CheckPath(cmp.Or(r.URI, "/")); err != nil {
		c.refuse("rewrite.uri: %v", err)
	}
	if _, _, ok := splitAuthority(r.Authority); !ok {
		c.refuse("rewrite.authority: %q is not a host", r.Authority)
	}
}

// rewrite replaces the prefix that was matched, or else the whole path.
func rewrite(r *istiov1.HTTPRewrite, m ir.Match) *ir.Rewrite {
	out := &ir.Rewrite{Hostname: r.Authority}
	switch {
	case r.URI == "":
	case m.Path.Kind == ir.PathExact || m.Path.Kind == ir.PathRegex:
		out.Path = &ir.PathRewrite{Kind: ir.ReplaceFullPath, Value: r.URI}
	default:
		out.Path = &ir.PathRewrite{Kind: ir.ReplacePrefix, Value: r.URI}
	}
	return out
}

// splitAuthority reads "host" and "host:port"; ok is false for what is neither.
func splitAuthority(authority string) (host string, port uint16, ok bool) {
	if authority == "" {
		return "", 0, true
	}
	host = authority
	if h, text, err := net.SplitHostPort(authority); err == nil {
		number, err := strconv.ParseUint(text, 10, 16)
		if err != nil || number == 0 {
			return "", 0, false
		}
		host, port = h, uint16(number)
	}
	return host, port, len(validation.IsDNS1123Subdomain(strings.ToLower(host))) == 0
}

// Ways to derive the port of a redirect.
const (
	portOfProtocol = "FROM_PROTOCOL_DEFAULT"
	portOfRequest  = "FROM_REQUEST_PORT"
)

func (c *compiler) redirect(r *istiov1.HTTPRedirect) *ir.Redirect {
	out := &ir.Redirect{Scheme: r.Scheme, Status: 301}
	host, port, ok := splitAuthority(r.Authority)
	if !ok {
		c.refuse("redirect.authority: %q is not a host", r.Authority)
	}
	out.Hostname, out.Port = host, port
	if r.Port > 65535 {
		c.refuse("redirect.port: %d is not a port", r.Port)
	} else if r.Port != 0 {
		out.Port = uint16(r.Port)
	}
	switch {
	case r.DerivePort == portOfRequest && r.Scheme != "":
		c.refuse("redirect.derivePort: %s is not supported together with scheme", r.DerivePort)
	case r.DerivePort == portOfProtocol && r.Scheme == "":
		c.refuse("redirect.derivePort: %s is not supported without scheme", r.DerivePort)
	}
	if r.Scheme != "" && r.Scheme != "http" && r.Scheme != "https" {
		c.refuse("redirect.scheme: %q is not supported; use http or https", r.Scheme)
	}
	if r.URI != "" {
		if err := core.CheckPath(r.URI); err != nil {
			c.refuse("redirect.uri: %v", err)
		}
		out.Path = &ir.PathRewrite{Kind: ir.ReplaceFullPath, Value: r.URI}
	}
	switch r.RedirectCode {
	case 0:
	case 301, 302, 303, 307, 308:
		out.Status = uint16(r.RedirectCode)
	default:
		c.refuse("redirect.redirectCode: %d is not supported; use 301, 302, 303, 307 or 308", r.RedirectCode)
	}
	return out
}

// mirrors compiles both forms of mirrors. One whose Service is not there is dropped,
// and a condition says so.
func (c *compiler) mirrors(r *istiov1.HTTPRoute) ir.Filters {
	var out ir.Filters
	if r.Mirror != nil {
		percentage := r.MirrorPercentage
		if percentage == nil && r.MirrorPercent != nil {
			percentage = &istiov1.Percent{Value: float64(*r.MirrorPercent)}
		}
		out = c.mirror(out, *r.Mirror, percentage)
	}
	for _, m := range r.Mirrors {
		out = c.mirror(out, m.Destination, m.Percentage)
	}
	return out
}

func (c *compiler) mirror(list ir.Filters, d istiov1.Destination, p *istiov1.Percent) ir.Filters {
	numerator, denominator := share(p)
	name, err := c.backend(d, policy.HTTP)
	if err != nil || numerator == 0 {
		return list
	}
	return append(list, &ir.Mirror{Backend: name, Numerator: numerator, Denominator: denominator})
}

// share is a percentage as a fraction; none means all.
func share(p *istiov1.Percent) (numerator, denominator uint32) {
	const parts = 10_000 // of a percent, as many as Envoy knows
	if p == nil || p.Value >= 100 {
		return 1, 1
	}
	value := max(p.Value, 0)
	if value == math.Trunc(value) {
		return uint32(value), 100
	}
	return uint32(math.Round(value * parts)), 100 * parts
}

func (c *compiler) cors(p *istiov1.CORSPolicy) *ir.CORS {
	out := &ir.CORS{
		AllowOrigins: slices.Clone(p.AllowOrigin), AllowMethods: p.AllowMethods,
		AllowHeaders: p.AllowHeaders, ExposeHeaders: p.ExposeHeaders,
		MaxAge:           uint32(min(time.Duration(c.duration("corsPolicy.maxAge", p.MaxAge))/time.Second, math.MaxUint32)),
		AllowCredentials: p.AllowCredentials != nil && *p.AllowCredentials,
	}
	for i, origin := range p.AllowOrigins {
		allowed, err := allowedOrigin(origin)
		if err != nil {
			c.refuse("corsPolicy.allowOrigins[%d]: %v", i, err)
		}
		out.AllowOrigins = append(out.AllowOrigins, allowed)
	}
	return out
}

// allowedOrigin reads an origin. An expression could let in more than its author
// thinks, "https://example.com.evil" above all, and is not supported.
func allowedOrigin(s istiov1.StringMatch) (string, error) {
	switch {
	case s.Exact != "":
		return s.Exact, check(s)
	case s.Regex == ".*":
		return "*", check(s)
	default:
		return "", fmt.Errorf("prefix and regex are not supported; use exact, which may be \"*\" or have a host that begins with \"*.\"")
	}
}
