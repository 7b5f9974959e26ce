package migrate

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
)

// scope is through which ports a route is reached.
type scope int

const (
	both scope = iota
	plainOnly
	secureOnly
)

// piece is what becomes one route object: the rules that one namespace has for a host.
type piece struct {
	group     *group
	owner     resource.Key // the Ingress of its first rule
	hosts     []string
	scope     scope
	redirects bool // and nothing else
	http      []guarded[gatewayv1.HTTPRouteRule]
	grpc      []guarded[gatewayv1.GRPCRouteRule]
}

// Limits of the CRDs.
const (
	mostRules     = 16
	mostHostnames = 16
	// mostMatches is of a rule; 16 rules with as many are what a route can have.
	mostMatches = 8
)

// routes writes the tables and what is passed through.
func (c *converter) routes() {
	secure := map[string][]*ir.Route{}
	for _, l := range c.secure {
		for _, h := range l.Hosts {
			secure[h.Hostname] = c.mesh.Tables[h.Table].Routes
		}
	}
	var pieces []*piece
	for _, h := range c.plain.Hosts { // it has all hosts
		pieces = append(pieces, c.host(h.Hostname, c.mesh.Tables[h.Table].Routes, secure[h.Hostname])...)
	}
	pieces = merge(pieces)
	for i, name := range names(pieces) {
		c.routed = append(c.routed, c.objects(pieces[i], name)...)
	}
	for _, l := range c.secure {
		for _, relay := range l.Relays {
			c.relay(l, relay)
		}
	}
}

// host makes the pieces of a host. Its routes are the same with and without TLS, or
// those without are redirects.
func (c *converter) host(host string, plain, secure []*ir.Route) []*piece {
	var pieces []*piece
	for _, namespace := range c.namespaces() {
		p, s := ofNamespace(plain, namespace), ofNamespace(secure, namespace)
		if slices.Equal(p, s) || len(s) == 0 && !c.secured(host) {
			pieces = append(pieces, c.piece(host, both, p))
			continue
		}
		pieces = append(pieces, c.piece(host, secureOnly, s), c.piece(host, plainOnly, p))
	}
	return slices.DeleteFunc(pieces, func(p *piece) bool { return len(p.http)+len(p.grpc) == 0 })
}

// secured tells whether a host may be asked for with TLS.
func (c *converter) secured(host string) bool {
	return slices.ContainsFunc(c.secure, func(l *ir.GatewayListener) bool {
		return ir.HostnameCovers(l.Hostname, host) || ir.HostnameCovers(host, l.Hostname)
	})
}

func ofNamespace(routes []*ir.Route, namespace string) []*ir.Route {
	return slices.DeleteFunc(slices.Clone(routes), func(r *ir.Route) bool { return r.Origin.Namespace != namespace })
}

func (c *converter) piece(host string, scope scope, routes []*ir.Route) *piece {
	routes = shortened(routes)
	p := &piece{group: c.groupOf(host), hosts: []string{host}, scope: scope, redirects: true}
	if len(routes) == 0 {
		return p
	}
	p.owner = ownerOf(routes[0].Origin)
	asGRPC := 0
	for _, r := range routes {
		if _, ok := r.Action.(*ir.Forward); ok {
			p.redirects = false
		}
		if c.isGRPC(r) {
			asGRPC++
		}
		if len(oneLabel(r.Match.Headers)) != len(r.Match.Headers) {
			c.add(Differs, ownerOf(r.Origin), "host %s stands for any number of labels in the Gateway API, and for one in an Ingress", host)
		}
	}
	if asGRPC == len(routes) {
		for _, r := range routes {
			if rule, ok := c.grpcRule(r); ok {
				p.grpc = append(p.grpc, rule)
			}
		}
		return p
	}
	for _, r := range routes {
		if c.isGRPC(r) {
			c.add(Lost, ownerOf(r.Origin), "host %s has backends that speak gRPC and others, which one host cannot have in the Gateway API; set appProtocol: kubernetes.io/h2c in the Service", host)
		}
		p.addHTTP(c.httpRule(r))
	}
	p.checkOrder(c)
	return p
}

// checkOrder tells of expressions that come before other paths in an Ingress because
// they are longer. In the Gateway API they come after all others, as FSM has it.
func (p *piece) checkOrder(c *converter) {
	expression := false
	for _, r := range p.http {
		for _, m := range r.rule.Matches {
			regex := m.Path != nil && *m.Path.Type == gatewayv1.PathMatchRegularExpression
			if expression && !regex {
				c.add(Differs, p.owner, "host %s: paths that are expressions come after all other paths, however long they are", cmp.Or(p.hosts[0], "*"))
			}
			expression = expression || regex
		}
	}
}

// shortened leaves out routes before one that takes every request and does the same.
func shortened(routes []*ir.Route) []*ir.Route {
	if len(routes) == 0 {
		return nil
	}
	last := routes[len(routes)-1]
	if path := last.Match.Path; len(oneLabel(last.Match.Headers)) > 0 || path.Value != "" && path != (ir.PathMatch{Kind: ir.PathPrefix, Value: "/"}) {
		return routes
	}
	i := len(routes) - 1
	for i > 0 && sameEffect(routes[i-1], last) {
		i--
	}
	return append(slices.Clone(routes[:i]), last)
}

func sameEffect(a, b *ir.Route) bool {
	return reflect.DeepEqual(a.Filters, b.Filters) && reflect.DeepEqual(a.Action, b.Action)
}

// addHTTP adds a match to the last rule if it does the same, and a rule otherwise.
func (p *piece) addHTTP(added guarded[gatewayv1.HTTPRouteRule]) {
	if n := len(p.http); n > 0 {
		last, matches := &p.http[n-1], p.http[n-1].rule.Matches
		if len(matches) > 0 && len(matches) < mostMatches && len(added.rule.Matches) > 0 {
			last.rule.Matches = added.rule.Matches
			same := reflect.DeepEqual(*last, added)
			last.rule.Matches = matches
			if same {
				last.rule.Matches = append(matches, added.rule.Matches...)
				return
			}
		}
	}
	p.http = append(p.http, added)
}

// merge joins hosts of an Ingress that have the same rules.
func merge(pieces []*piece) []*piece {
	var merged []*piece
	for _, p := range pieces {
		i := slices.IndexFunc(merged, func(m *piece) bool {
			return m.owner == p.owner && m.group == p.group && m.scope == p.scope && m.hosts[0] != "" && p.hosts[0] != "" &&
				len(m.hosts) < mostHostnames && reflect.DeepEqual(m.http, p.http) && reflect.DeepEqual(m.grpc, p.grpc)
		})
		if i < 0 {
			merged = append(merged, p)
			continue
		}
		merged[i].hosts = append(merged[i].hosts, p.hosts...)
	}
	return merged
}

// names gives each piece the name of its Ingress, with a host where there are several.
func names(pieces []*piece) []string {
	served := map[resource.Key]int{}
	for _, p := range pieces {
		if !p.redirects || p.scope != plainOnly {
			served[p.owner]++
		}
	}
	taken := map[string]bool{}
	list := make([]string, len(pieces))
	for i, p := range pieces {
		name := p.owner.Name
		if served[p.owner] > 1 {
			name += "-" + cmp.Or(strings.Trim(strings.ReplaceAll(p.hosts[0], "*", "any"), "."), "any-host")
		}
		if p.scope == plainOnly {
			name += "-redirect"
		}
		const longest = 240 // of 253, with room for what is added
		name = strings.TrimRight(name[:min(len(name), longest)], "-.")
		unique := name
		for n := 2; taken[p.owner.Namespace+"/"+unique]; n++ {
			unique = fmt.Sprintf("%s-%d", name, n)
		}
		taken[p.owner.Namespace+"/"+unique] = true
		list[i] = unique
	}
	return list
}

// objects writes a piece, in as many objects as it has rules for.
func (c *converter) objects(p *piece, name string) []resource.Object {
	var objects []resource.Object
	meta := func(n int) metav1.ObjectMeta {
		if n > 0 {
			name := fmt.Sprintf("%s-part-%02d", name, n+1) // what ranks equal goes by name
			return metav1.ObjectMeta{Namespace: p.owner.Namespace, Name: name}
		}
		return metav1.ObjectMeta{Namespace: p.owner.Namespace, Name: name}
	}
	common := gatewayv1.CommonRouteSpec{ParentRefs: c.parents(p)}
	for n, rules := range parts(p.http) {
		route := &gatewayv1.HTTPRoute{ObjectMeta: meta(n), Spec: gatewayv1.HTTPRouteSpec{
			CommonRouteSpec: common, Hostnames: hostnames(p.hosts), Rules: plain(rules),
		}}
		objects = append(objects, route)
		c.guard(route, rules[0].access)
	}
	for n, rules := range parts(p.grpc) {
		route := &gatewayv1.GRPCRoute{ObjectMeta: meta(n), Spec: gatewayv1.GRPCRouteSpec{
			CommonRouteSpec: common, Hostnames: hostnames(p.hosts), Rules: plain(rules),
		}}
		objects = append(objects, route)
		c.guard(route, rules[0].access)
	}
	return objects
}

func hostnames(hosts []string) []gatewayv1.Hostname {
	var list []gatewayv1.Hostname
	for _, h := range hosts {
		if h != "" {
			list = append(list, gatewayv1.Hostname(h))
		}
	}
	return list
}

// parents are the listeners for a piece: all, or those of a port. Hosts without a name
// are those of all Gateways.
func (c *converter) parents(p *piece) []gatewayv1.ParentReference {
	groups := []*group{p.group}
	if p.hosts[0] == "" {
		groups = c.groups
	}
	var refs []gatewayv1.ParentReference
	for _, g := range groups {
		ref := gatewayv1.ParentReference{Name: gatewayv1.ObjectName(g.name.Name)}
		if g.name.Namespace != p.owner.Namespace {
			ref.Namespace = new(gatewayv1.Namespace(g.name.Namespace))
		}
		set := ref
		switch p.scope {
		case plainOnly:
			ref.Port = &c.options.HTTP
		case secureOnly:
			ref.Port = &c.options.HTTPS
		}
		if p.scope != secureOnly || slices.ContainsFunc(g.own, func(l *ir.GatewayListener) bool { return p.meets(l.Hostname) }) {
			refs = append(refs, ref)
		}
		for _, s := range g.sets {
			meets := func(l gatewayv1.ListenerEntry) bool { return p.meets(string(*l.Hostname)) }
			if p.scope != plainOnly && slices.ContainsFunc(s.Spec.Listeners, meets) {
				set.Kind, set.Name = new(gatewayv1.Kind("ListenerSet")), gatewayv1.ObjectName(s.Name)
				refs = append(refs, set)
			}
		}
	}
	return refs
}

// meets tells whether a server may be asked for one of the hosts.
func (p *piece) meets(server string) bool {
	return slices.ContainsFunc(p.hosts, func(h string) bool { return ir.HostnameCovers(h, server) || ir.HostnameCovers(server, h) })
}

// relay passes TLS through. Without a backend there is no route, and connections end.
func (c *converter) relay(l *ir.GatewayListener, relay *ir.RelayRoute) {
	owner := ownerOf(relay.Origin)
	p := &piece{group: c.groupOf(l.Hostname), owner: owner, hosts: []string{l.Hostname}, scope: secureOnly}
	name := owner.Name + "-" + string(listenerName(l))
	route := &gatewayv1.TLSRoute{ObjectMeta: metav1.ObjectMeta{Namespace: owner.Namespace, Name: name}}
	route.Spec.ParentRefs = c.parents(p)
	route.Spec.Hostnames = hostnames(p.hosts)
	rule := gatewayv1.TLSRouteRule{}
	for _, d := range relay.Destinations {
		if d.Failure == nil {
			rule.BackendRefs = append(rule.BackendRefs, gatewayv1.BackendRef{BackendObjectReference: c.backendRef(d.Backend)})
		}
	}
	route.Spec.Rules = []gatewayv1.TLSRouteRule{rule}
	if len(rule.BackendRefs) > 0 {
		c.routed = append(c.routed, route)
	}
}

func ownerOf(origin ir.Origin) resource.Key {
	return resource.Key{Group: "networking.k8s.io", Kind: origin.Kind, Namespace: origin.Namespace, Name: origin.Name}
}
