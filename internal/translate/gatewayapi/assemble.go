package gatewayapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/report"
)

// assembly puts routes and Gateways together, for one run.
type assembly struct {
	*Frontend
	mesh   *ir.Mesh
	report *report.Report

	traffic map[*listener]*traffic
	tables  tables
	// reached are the Gateways that send to a Service that a policy names.
	reached map[types.NamespacedName]map[*gateway]bool
}

// traffic is what routes bring to a listener.
type traffic struct {
	// count of accepted routes; last is the route that came last.
	count int32
	last  *route
	// hosts are the routes of an HTTP listener by hostname.
	hosts map[string][]*compiled
	// relayed are the routes of any other listener.
	relayed []attachment
}

func (f *Frontend) newAssembly(mesh *ir.Mesh, rep *report.Report) *assembly {
	return &assembly{
		Frontend: f, mesh: mesh, report: rep,
		traffic: map[*listener]*traffic{},
		tables:  make(tables, len(f.tables)),
		reached: map[types.NamespacedName]map[*gateway]bool{},
	}
}

// attach reports a route and takes it to its listeners.
func (a *assembly) attach(rt *route) {
	a.report.Warn(rt.key, rt.warnings...)
	if len(rt.parents) == 0 {
		return
	}
	a.report.Routes[rt.key] = rt.status
	for _, p := range rt.parents {
		for _, at := range p.attachments {
			a.attachTo(rt, p, at)
		}
	}
}

func (a *assembly) attachTo(rt *route, p *parent, at attachment) {
	t := a.traffic[at.listener]
	if t == nil {
		t = &traffic{hosts: map[string][]*compiled{}}
		a.traffic[at.listener] = t
	}
	// Two parentRefs of a route may lead to the same listener.
	again := t.last == rt
	t.last = rt
	if p.accepted && !again {
		t.count++
	}
	a.reach(p.gateway, at.compiled)
	if !at.listener.serves {
		return
	}
	a.use(at.compiled)
	_, http := at.listener.http()
	switch {
	case !http && !again && len(at.compiled.destinations) > 0:
		t.relayed = append(t.relayed, at)
		return
	case !http || len(at.compiled.routes) == 0:
		return
	}
	for _, h := range at.hostnames {
		part := at.forHostname(h)
		if parts := t.hosts[h]; len(parts) == 0 || parts[len(parts)-1] != part {
			t.hosts[h] = append(parts, part)
		}
		a.limit(part)
	}
}

// http tells whether the listener reads HTTP.
func (l *listener) http() (ir.Protocol, bool) {
	switch l.Protocol {
	case gatewayv1.HTTPProtocolType:
		return ir.ProtocolHTTP, true
	case gatewayv1.HTTPSProtocolType:
		return ir.ProtocolHTTPS, true
	default:
		return ir.Protocol(l.Protocol), false
	}
}

// reach notes which Gateways use the Services that policies name.
func (a *assembly) reach(g *gateway, c *compiled) {
	for _, b := range c.backends {
		service := b.service
		if !a.policies.Targeted(service) {
			continue
		}
		if a.reached[service] == nil {
			a.reached[service] = map[*gateway]bool{}
		}
		a.reached[service][g] = true
	}
}

// use adds the backends of a route to the mesh, with all they need.
func (a *assembly) use(c *compiled) {
	for _, u := range c.backends {
		service := resource.Key{Kind: "Service", Namespace: u.service.Namespace, Name: u.service.Name}
		u.slot.Read(nil).AddTo(a.mesh, a.report, service)
	}
}

// limit adds the limiters of a route to the mesh.
func (a *assembly) limit(c *compiled) {
	for _, l := range c.limiters {
		a.mesh.Limiters[l.Name] = l
	}
}

// gateway reports a Gateway and adds it to the mesh. It is nil when the Gateway
// is not ours.
func (a *assembly) gateway(g *gateway, object *gatewayv1.Gateway) {
	if g == nil {
		a.noteOrphan(object)
		return
	}
	out := &ir.Gateway{Name: g.name(), Origin: g.origin(), Created: g.object.CreationTimestamp.Time, Addresses: g.addresses}
	for _, l := range g.listeners {
		if l.serves {
			out.Listeners = append(out.Listeners, a.listener(l))
		}
	}
	a.mesh.Gateways[out.Name] = out
	if g.certificate != nil {
		a.mesh.Secrets[g.certificate.Name] = g.certificate
	}
	for _, w := range g.warnings {
		a.report.Warn(w.key, w.message)
	}
	a.reportGateway(g)
	for _, s := range g.sets {
		a.reportListenerSet(g, s)
	}
}

// noteOrphan notes a Gateway whose class does not exist. The author of a file is told
// that nobody will serve it; in a cluster the class may still come, or come back.
func (a *assembly) noteOrphan(object *gatewayv1.Gateway) {
	name := string(object.Spec.GatewayClassName)
	if a.class(nil, name).exists {
		return
	}
	a.report.Orphans[resource.KeyOf(object)] = true
	if a.config.Standalone {
		a.report.Warn(resource.KeyOf(object), fmt.Sprintf("gatewayClassName: there is no GatewayClass %q; use %s", name, strings.Join(core.BuiltinClasses(), " or ")))
	}
}

func (a *assembly) listener(l *listener) *ir.GatewayListener {
	protocol, http := l.http()
	out := &ir.GatewayListener{
		Name: l.name(), Origin: l.origin(), Port: uint16(l.Port), Protocol: protocol,
		Hostname: l.matchedHostname(), TLS: l.tls, Options: l.options, Guard: l.guard,
	}
	for _, s := range l.secrets {
		a.mesh.Secrets[s.Name] = s
		a.report.Users[s.Origin] = append(a.report.Users[s.Origin], report.Listener{Object: l.owner.key, Name: l.Name})
	}
	switch t := a.traffic[l]; {
	case t == nil:
	case http:
		out.Hosts = a.hosts(l, t)
	default:
		out.Relays = relays(l, t.relayed)
		a.warnAboutUnreachable(l, out.Relays)
	}
	return out
}

// hosts makes the tables of a listener, most specific hostname first.
func (a *assembly) hosts(l *listener, t *traffic) []ir.Host {
	hosts := make([]ir.Host, 0, len(t.hosts))
	prefix := string(l.gateway.name()) + "/" + l.name() + "/"
	for _, hostname := range slices.SortedFunc(maps.Keys(t.hosts), ir.CompareHostnames) {
		name := ir.TableName(prefix + hostname)
		if hostname == "" {
			name += "*"
		}
		entry := a.Frontend.tables.entry(name, t.hosts[hostname])
		a.tables[name] = entry
		a.mesh.Tables[name] = entry.table
		hosts = append(hosts, ir.Host{Hostname: hostname, Table: name})
	}
	return hosts
}

// warnAboutUnreachable names TCP, UDP and TLS routes that lost to another one.
// They are accepted and counted all the same, as the conformance suite demands.
func (a *assembly) warnAboutUnreachable(l *listener, relays []*ir.RelayRoute) {
	winners := map[string]ir.Origin{}
	for _, r := range relays {
		winner, lost := winners[r.ServerName]
		if !lost {
			winners[r.ServerName] = r.Origin
			continue
		}
		if winner.Object() == r.Origin.Object() {
			continue
		}
		what := ""
		if r.ServerName != "" {
			what = fmt.Sprintf(" for server name %q", r.ServerName)
		}
		key := resource.Key{Group: gatewayv1.GroupName, Kind: r.Origin.Kind, Namespace: r.Origin.Namespace, Name: r.Origin.Name}
		a.report.WarnOnce(key, fmt.Sprintf("gets no traffic%s from listener %q: %s takes precedence", what, l.Name, winner.Object()))
	}
}
