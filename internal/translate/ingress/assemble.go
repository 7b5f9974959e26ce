package ingress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// assembly brings the Ingresses of a place together, for one run.
type assembly struct {
	*Frontend
	place     place
	mesh      *ir.Mesh
	report    *report.Report
	ingresses []*ingress // oldest first

	hosts   map[string][]*entry
	servers []*server // one for each name
	next    kept
}

// tableEntry is a table with what it is made from.
type tableEntry struct {
	routes []*ir.Route
	table  *ir.RouteTable
}

func (a *assembly) assemble() {
	for _, i := range a.ingresses {
		a.report.Ingresses[i.key] = i.status
		a.report.Warn(i.key, i.warnings...)
		a.use(i)
		for _, e := range i.entries {
			a.hosts[e.host] = append(a.hosts[e.host], e)
		}
		for _, s := range i.servers {
			a.addServer(s)
		}
	}
	a.warnAboutCanaries()
	gateway := &ir.Gateway{Name: a.place.name, Origin: a.place.origin}
	if a.place.http.Enabled {
		gateway.Listeners = append(gateway.Listeners, a.plain())
	}
	gateway.Listeners = append(gateway.Listeners, a.secure()...)
	a.mesh.Gateways[gateway.Name] = gateway
}

// use adds what an Ingress refers to.
func (a *assembly) use(i *ingress) {
	for _, slot := range i.backends {
		b := slot.Read(nil)
		service := resource.Key{Kind: "Service", Namespace: b.Backend.Origin.Namespace, Name: b.Backend.Origin.Name}
		b.AddTo(a.mesh, a.report, service)
	}
	for _, s := range i.secrets {
		a.mesh.Secrets[s.Name] = s
	}
	if l := i.limiter; l != nil {
		a.mesh.Limiters[l.Name] = l
	}
}

// addServer gives a name to the oldest Ingress that has TLS for it.
func (a *assembly) addServer(s *server) {
	for _, other := range a.servers {
		if other.host != s.host {
			continue
		}
		if !other.same(s) {
			a.report.Contest(s.owner.key, fmt.Sprintf("TLS of host %s is that of %s, which is older or comes first by name", s.host, other.owner.key))
		}
		return
	}
	a.servers = append(a.servers, s)
	if !a.place.tls.Enabled {
		a.report.Warn(s.owner.key, fmt.Sprintf("host %s has TLS, but TLS of the ingress is not enabled", s.host))
	}
}

// same tells whether it makes no difference which of the two serves.
func (s *server) same(o *server) bool {
	if s.owner == o.owner {
		return true
	}
	if s.tls == nil || o.tls == nil || !slices.Equal(s.tls.Certificates, o.tls.Certificates) || (s.tls.Clients == nil) != (o.tls.Clients == nil) {
		return false
	}
	return s.tls.Clients == nil || slices.Equal(s.tls.Clients.Authorities, o.tls.Clients.Authorities) && s.tls.Clients.Optional == o.tls.Clients.Optional
}

// plain is the listener without TLS.
func (a *assembly) plain() *ir.GatewayListener {
	port := a.place.http
	l := &ir.GatewayListener{Name: "http", Origin: a.place.at("port http"), Port: port.Port, Bind: port.Bind, Protocol: ir.ProtocolHTTP}
	for _, s := range a.servers {
		if _, ok := a.hosts[s.host]; !ok && s.guard != nil {
			a.hosts[s.host] = nil // it is guarded even without paths
		}
	}
	for _, host := range a.hostnames() {
		var routes []*ir.Route
		guard := a.serverOf(host)
		if guard != nil && guard.guard == nil {
			guard = nil
		}
		for _, e := range a.settled(host) {
			if m := e.owner.settings; guard != nil && m.plain != plainServed || m.force {
				routes = append(routes, e.guard)
				continue
			}
			routes = append(routes, a.routes(e)...)
		}
		if guard != nil && guard.owner.settings.plain != plainServed {
			routes = append(routes, guard.guard)
		}
		l.Hosts = append(l.Hosts, a.table("http", host, routes))
	}
	return l
}

// serverOf is the server that a host's requests ought to come to with TLS.
func (a *assembly) serverOf(host string) *server {
	for _, s := range a.servers {
		if s.host == host {
			return s
		}
	}
	for _, s := range a.servers {
		if coversOneLabel(s.host, host) {
			return s
		}
	}
	return nil
}

// coversOneLabel compares a wildcard host, which stands for one label, with a name.
func coversOneLabel(wildcard, host string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	label, found := strings.CutSuffix(host, suffix)
	return ok && found && label != "" && !strings.Contains(label, ".")
}

// secure are the listeners with TLS, one for each name.
func (a *assembly) secure() []*ir.GatewayListener {
	port := a.place.tls
	if !port.Enabled {
		return nil
	}
	tables := map[string]ir.Host{}
	for _, host := range a.hostnames() {
		var routes []*ir.Route
		for _, e := range a.settled(host) {
			routes = append(routes, a.routes(e)...)
		}
		if len(routes) > 0 {
			tables[host] = a.table("https", host, routes)
		}
	}
	var listeners []*ir.GatewayListener
	for _, s := range a.servers {
		l := &ir.GatewayListener{
			Name: "https " + s.host, Origin: a.place.at("port https"), Port: port.Port, Bind: port.Bind, Hostname: s.host, TLS: s.tls,
		}
		switch {
		case s.relay != nil:
			l.Protocol, l.Relays = ir.ProtocolTLS, []*ir.RelayRoute{s.relay}
		case s.tls != nil:
			l.Protocol = ir.ProtocolHTTPS
			for _, host := range a.hostnames() {
				if table, ok := tables[host]; ok && (ir.HostnameCovers(host, s.host) || ir.HostnameCovers(s.host, host)) {
					l.Hosts = append(l.Hosts, table)
				}
			}
		default:
			continue
		}
		listeners = append(listeners, l)
	}
	return listeners
}

// hostnames are all hosts, most specific first.
func (a *assembly) hostnames() []string {
	hosts := make([]string, 0, len(a.hosts))
	for host := range a.hosts {
		hosts = append(hosts, host)
	}
	slices.SortFunc(hosts, ir.CompareHostnames)
	return hosts
}

// settled are the entries of a host in order of precedence, of those with the same
// path the oldest one. Canaries are not among them.
func (a *assembly) settled(host string) []*entry {
	entries := slices.DeleteFunc(slices.Clone(a.hosts[host]), func(e *entry) bool { return e.owner.settings.canary.on })
	if slices.ContainsFunc(entries, func(e *entry) bool { return !e.soft }) {
		entries = slices.DeleteFunc(entries, func(e *entry) bool { return e.soft })
	}
	slices.SortStableFunc(entries, func(x, y *entry) int { return x.rank.compare(y.rank) })
	var kept []*entry
	for _, e := range entries {
		if i := slices.IndexFunc(kept, e.samePath); i >= 0 {
			a.warnAboutDuplicate(e, kept[i])
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

func (e *entry) samePath(o *entry) bool {
	return e.rank == o.rank && e.route.Match.Path == o.route.Match.Path
}

func (a *assembly) warnAboutDuplicate(lost, winner *entry) {
	message := fmt.Sprintf("%s of host %s is not served: %s has the same path", lost.route.Origin.Part, cmp.Or(lost.host, "*"), winner.owner.key)
	if !slices.Contains(a.report.Contested[lost.owner.key], message) {
		a.report.Contest(lost.owner.key, message)
	}
}

// warnAboutCanaries names paths that are canaries of nothing.
func (a *assembly) warnAboutCanaries() {
	for _, i := range a.ingresses {
		if !i.settings.canary.on {
			continue
		}
		for _, c := range i.entries {
			if !slices.ContainsFunc(a.hosts[c.host], func(e *entry) bool { return !e.owner.settings.canary.on && c.isCanaryOf(e) }) {
				a.report.Warn(i.key, fmt.Sprintf("%s is not served: no other Ingress of the namespace has the host and path that it is to be a canary of", c.route.Origin.Part))
			}
		}
	}
}

// isCanaryOf tells whether a canary's entry belongs to another one. Ingresses of
// other namespaces are not to take traffic away.
func (e *entry) isCanaryOf(o *entry) bool {
	return e.owner.key.Namespace == o.owner.key.Namespace && e.samePath(o)
}

// routes of an entry: more than one when it has a canary.
func (a *assembly) routes(e *entry) []*ir.Route {
	for _, c := range a.hosts[e.host] {
		if !c.owner.settings.canary.on || !c.isCanaryOf(e) {
			continue
		}
		pair := canaryPair{e, c}
		routes, ok := a.last.canaries[pair]
		if !ok {
			routes = withCanary(pair)
		}
		a.next.canaries[pair] = routes
		return routes
	}
	return []*ir.Route{e.route}
}

// table is the table of a host, the same as before if its routes are.
func (a *assembly) table(listener, host string, routes []*ir.Route) ir.Host {
	name := ir.TableName(string(a.place.name) + "/" + listener + "/" + cmp.Or(host, "*"))
	made, ok := a.last.tables[name]
	if !ok || !slices.Equal(made.routes, routes) {
		made = tableEntry{routes, &ir.RouteTable{Name: name, Routes: routes}}
	}
	a.next.tables[name] = made
	a.mesh.Tables[name] = made.table
	return ir.Host{Hostname: host, Table: name}
}
