package ingress

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/policy"
	"fsm/internal/translate/report"
)

// ingress is an Ingress of ours, compiled. It says nothing about others yet.
type ingress struct {
	object   *networkingv1.Ingress
	place    place
	key      resource.Key
	settings *settings
	entries  []*entry
	servers  []*server // names with TLS
	backends []*policy.Slot
	secrets  []*ir.Secret
	limiter  *ir.Limiter // of clients; nil when they are not counted
	warnings []string
	status   *report.IngressStatus
}

// entry is a path of a host.
type entry struct {
	owner *ingress
	host  string
	rank  rank
	// soft entries give way to any other entry of the host.
	soft  bool
	route *ir.Route
	// guard answers in place of the route where TLS is demanded.
	guard *ir.Route
}

// rank is the precedence of an entry within its host: an exact path before all
// others, longer ones before shorter ones, the default backend last (Kubernetes
// documentation, "Ingress", "Multiple matches").
type rank struct {
	class  rankClass
	length int
}

type rankClass int

const (
	rankExact rankClass = iota
	rankPath
	rankDefault
)

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.class, o.class), cmp.Compare(o.length, r.length))
}

// compiler compiles one Ingress.
type compiler struct {
	frontend *Frontend
	recorder *memo.Recorder
	out      *ingress
	settings *settings
	use      policy.Use
	// filters of all routes, and unserved in place of an action if no request may
	// be served.
	headers    ir.Filters
	unserved   *ir.Respond
	unresolved []unresolved
}

// unresolved is a reference that leads nowhere.
type unresolved struct {
	reason  gatewayv1.RouteConditionReason
	message string
}

// makeIngress returns nil when there is no such Ingress or it is not ours.
func (f *Frontend) makeIngress(r *memo.Recorder, name types.NamespacedName) *ingress {
	object := core.Get[*networkingv1.Ingress](f.src, r, name)
	if object == nil {
		return nil
	}
	class, ours := f.classOf(r, object)
	if !ours {
		return nil
	}
	i := &ingress{object: object, place: f.placeOf(r, object.Namespace), key: resource.KeyOf(object), settings: readSettings(object.Annotations, class)}
	c := &compiler{frontend: f, recorder: r, out: i, settings: i.settings}
	if f.istioClass(r, object) {
		i.settings = istioSettings(object.Annotations)
		c.settings = i.settings
	}
	c.backendUse()
	c.examine()
	for n := range object.Spec.Rules {
		c.rule(n, &object.Spec.Rules[n])
	}
	if b := object.Spec.DefaultBackend; b != nil {
		c.add(path{origin: c.origin("default backend"), backend: b, rank: rank{class: rankDefault}})
	}
	c.moreHosts()
	c.tls()
	c.conclude(class)
	return i
}

func (c *compiler) origin(part string) ir.Origin { return originOf(c.out.key, part) }

func (c *compiler) warn(format string, args ...any) {
	c.out.warnings = append(c.out.warnings, fmt.Sprintf(format, args...))
}

// examine makes what all routes have in common.
func (c *compiler) examine() {
	s := c.settings
	if len(s.allow)+len(s.deny) > 0 && c.passthrough() {
		s.broken = append(s.broken, "TLS is left to the backends, where nobody looks at the addresses of clients that annotations allow or deny")
	}
	if problems := append(slices.Clone(s.refused), s.broken...); len(problems) > 0 {
		c.fail(problems[0])
	}
	if s.bodyLimit > 0 {
		c.headers = append(c.headers, &ir.BodyLimit{Bytes: s.bodyLimit})
	}
	if s.corsEnabled {
		c.headers = append(c.headers, corsOf(s.cors))
	}
	c.access()
	c.limit()
	if len(s.requestHeaders) > 0 {
		c.headers = append(c.headers, &ir.RequestHeaders{Set: s.requestHeaders})
	}
	if s.responseHeaders != "" {
		c.responseHeaders()
	}
	if s.mirror != "" {
		c.mirror()
	}
}

// access keeps clients out: first those that are named, then those that are not.
func (c *compiler) access() {
	const status = 403
	s := c.settings
	if len(s.deny) > 0 {
		c.headers = append(c.headers, &ir.AccessControl{
			Policy: c.origin("denylist-source-range"), AddressRule: ir.AddressRule{Deny: s.deny}, Status: status,
		})
	}
	if len(s.allow) > 0 {
		c.headers = append(c.headers, &ir.AccessControl{
			Policy: c.origin("allowlist-source-range"), AddressRule: ir.AddressRule{Allow: s.allow}, Status: status,
		})
	}
}

// fail keeps all requests of the Ingress from being served.
func (c *compiler) fail(message string) {
	if c.unserved == nil {
		c.unserved = &ir.Respond{Status: 500, Reason: core.ReasonUnsupportedValue, Message: message}
	}
}

// corsOf fills in the defaults of ingress-nginx.
func corsOf(f ir.CORS) *ir.CORS {
	if len(f.AllowOrigins) == 0 {
		f.AllowOrigins = []string{"*"}
	}
	if len(f.AllowMethods) == 0 {
		f.AllowMethods = []string{"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"}
	}
	if len(f.AllowHeaders) == 0 {
		f.AllowHeaders = []string{"DNT", "Keep-Alive", "User-Agent", "X-Requested-With", "If-Modified-Since", "Cache-Control", "Content-Type", "Range", "Authorization"}
	}
	f.MaxAge = cmp.Or(f.MaxAge, 1728000)
	return &f
}

func (c *compiler) rule(n int, rule *networkingv1.IngressRule) {
	origin := c.origin(fmt.Sprintf("rule %d", n))
	host := strings.ToLower(rule.Host)
	if rule.HTTP == nil {
		if c.out.object.Spec.DefaultBackend == nil {
			c.warn("rule %d has no paths, and there is no defaultBackend for it", n)
			return
		}
		c.add(path{origin: origin, host: host, backend: c.out.object.Spec.DefaultBackend, rank: rank{class: rankDefault}})
		return
	}
	for m := range rule.HTTP.Paths {
		p := &rule.HTTP.Paths[m]
		at := path{origin: c.origin(fmt.Sprintf("rule %d path %s", n, cmp.Or(p.Path, "/"))), host: host, backend: &p.Backend}
		at.match, at.rank = c.match(p)
		c.add(at)
	}
}

// match is what a path selects. ImplementationSpecific is Prefix here.
func (c *compiler) match(p *networkingv1.HTTPIngressPath) (ir.PathMatch, rank) {
	value := cmp.Or(p.Path, "/")
	switch {
	case c.settings.istio && p.Path != "" && (p.PathType == nil || *p.PathType == networkingv1.PathTypeImplementationSpecific):
		return c.istioPath(value)
	case c.settings.regex:
		expression := "(?is:" + value + ").*"
		if c.settings.checkExpression("path "+value, value); len(c.settings.broken) > 0 {
			c.fail(c.settings.broken[0])
			break
		}
		return ir.PathMatch{Kind: ir.PathRegex, Value: expression}, rank{rankPath, len(value)}
	case p.PathType != nil && *p.PathType == networkingv1.PathTypeExact:
		return ir.PathMatch{Kind: ir.PathExact, Value: value}, rank{rankExact, len(value)}
	}
	value = cmp.Or(strings.TrimRight(value, "/"), "/")
	return ir.PathMatch{Kind: ir.PathPrefix, Value: value}, rank{rankPath, len(value)}
}

// path is an entry before it is compiled.
type path struct {
	origin  ir.Origin
	host    string
	match   ir.PathMatch
	rank    rank
	backend *networkingv1.IngressBackend
	// filters in place of those of the settings, for answers without a backend.
	filters ir.Filters
	soft    bool
}

func (c *compiler) add(p path) {
	route := &ir.Route{Origin: p.origin, Match: ir.Match{Path: p.match, Headers: oneLabel(p.host)}}
	switch {
	case c.unserved != nil:
		route.Action = c.unserved
	case p.filters != nil:
		route.Filters, route.Action = p.filters, noBackend
	case c.settings.redirect != nil:
		route.Filters, route.Action = ir.Filters{c.settings.redirect}, noBackend
	default:
		route.Filters = c.filters(p)
		route.Action = c.forward(p.backend)
	}
	c.out.entries = append(c.out.entries, &entry{
		owner: c.out, host: p.host, rank: p.rank, soft: p.soft, route: route, guard: c.guard(p.origin, route.Match),
	})
}

// noBackend is the action behind a redirect, which no request gets past.
var noBackend = &ir.Respond{Status: 500, Reason: core.ReasonNoBackends}

// guard is what a request gets that ought to have come with TLS.
func (c *compiler) guard(origin ir.Origin, match ir.Match) *ir.Route {
	if c.settings.plain == plainRedirected {
		return &ir.Route{Origin: origin, Match: match, Filters: ir.Filters{&ir.Redirect{Scheme: "https", Status: 308}}, Action: noBackend}
	}
	return &ir.Route{Origin: origin, Match: match, Action: &ir.Respond{Status: 403, Reason: core.ReasonTLSRequired}}
}

// oneLabel is the condition that makes a wildcard host stand for one label only,
// as Ingresses have it; elsewhere it stands for any number.
func oneLabel(host string) []ir.ValueMatch {
	suffix, ok := strings.CutPrefix(host, "*")
	if !ok {
		return nil
	}
	return []ir.ValueMatch{{Name: "Host", Kind: ir.ValueRegex, Value: `(?i)[^.:]+` + regexp.QuoteMeta(suffix) + `\.?(:[0-9]+)?`}}
}

// filters of a path that leads to a backend.
func (c *compiler) filters(p path) ir.Filters {
	s := c.settings
	filters := slices.Clone(c.headers)
	rewrite := ir.Rewrite{Hostname: s.host}
	switch {
	case s.rewriteFrom != "" && s.rewriteTo != "":
		rewrite.Path = &ir.PathRewrite{Kind: ir.ReplaceMatch, Pattern: s.rewriteFrom, Value: s.rewriteTo, Query: true}
	case s.rewriteTarget != "" && p.match.Kind == ir.PathRegex:
		// nginx replaces the whole path by the target, wherever in it the
		// expression fits.
		expression := strings.TrimSuffix(p.match.Value, ".*")
		rewrite.Path = &ir.PathRewrite{Kind: ir.ReplaceMatch, Pattern: "(?s)^.*?" + expression + ".*$", Value: s.rewriteTarget}
	}
	if rewrite != (ir.Rewrite{}) {
		filters = append(filters, &rewrite)
	}
	return filters
}

// moreHosts adds the paths and names that settings bring.
func (c *compiler) moreHosts() {
	s, own := c.settings, slices.Clone(c.out.entries)
	for _, alias := range s.aliases {
		for _, e := range own {
			if e.host != "" && !strings.HasPrefix(e.host, "*") && e.rank.class != rankDefault {
				copied := *e
				copied.host, copied.soft = alias, true
				c.out.entries = append(c.out.entries, &copied)
			}
		}
	}
	for _, host := range hostsOf(own) {
		if s.appRoot != "" {
			c.add(path{
				origin: c.origin("app root"), host: host, match: ir.PathMatch{Kind: ir.PathExact, Value: "/"}, rank: rank{rankExact, 1},
				filters: ir.Filters{&ir.Redirect{Path: &ir.PathRewrite{Kind: ir.ReplaceFullPath, Value: s.appRoot}, Status: 302}},
			})
		}
		if s.www && host != "" && !strings.HasPrefix(host, "*") {
			other, found := strings.CutPrefix(host, "www.")
			if !found {
				other = "www." + host
			}
			c.add(path{
				origin: c.origin("from-to-www-redirect"), host: other, rank: rank{class: rankPath, length: 1}, soft: true,
				match:   ir.PathMatch{Kind: ir.PathPrefix, Value: "/"},
				filters: ir.Filters{&ir.Redirect{Hostname: host, Status: 308}},
			})
		}
	}
}

func hostsOf(entries []*entry) []string {
	hosts := map[string]bool{}
	for _, e := range entries {
		hosts[e.host] = true
	}
	return slices.SortedFunc(maps.Keys(hosts), ir.CompareHostnames)
}

// conclude says how it went.
func (c *compiler) conclude(class string) {
	i, s := c.out, c.settings
	i.warnings = append(i.warnings, s.warnings...)
	accepted, resolved := report.RouteAccepted(), report.RouteResolvedRefs()
	switch {
	case len(s.refused) > 0:
		accepted = report.RouteInvalid(report.ReasonUnsupportedAnnotation, strings.Join(append(slices.Clone(s.refused), s.broken...), "; "))
	case len(s.broken) > 0:
		accepted = report.RouteInvalid(report.ReasonInvalidAnnotation, strings.Join(s.broken, "; "))
	}
	if len(c.unresolved) > 0 {
		var messages []string
		for _, u := range c.unresolved {
			if !slices.Contains(messages, u.message) {
				messages = append(messages, u.message)
			}
		}
		resolved = report.RouteUnresolved(c.unresolved[0].reason, strings.Join(messages, "; "))
	}
	i.status = &report.IngressStatus{Class: class, Conditions: report.Conditions(i.object.Generation, accepted, resolved)}
	for _, host := range hostsOf(i.entries) {
		i.status.Hosts = append(i.status.Hosts, cmp.Or(host, "*"))
	}
}
