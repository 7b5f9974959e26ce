package istio

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/report"
)

// assembly puts Gateways and VirtualServices together, for one run.
type assembly struct {
	*Frontend
	mesh   *ir.Mesh
	report *report.Report

	gateways []*claimedGateway // oldest first
	byName   map[types.NamespacedName]*claimedGateway
	// ports have the listeners of each port; those of one port are of one family.
	ports    map[uint16][]*listener
	services []*attached
	tables   tables
}

func (f *Frontend) newAssembly(mesh *ir.Mesh, rep *report.Report) *assembly {
	return &assembly{
		Frontend: f, mesh: mesh, report: rep,
		byName: map[types.NamespacedName]*claimedGateway{}, ports: map[uint16][]*listener{},
		tables: make(tables, len(f.tables)),
	}
}

// finish adds the gateway that all Gateways make up.
func (a *assembly) finish() {
	for _, g := range a.gateways {
		a.reportGateway(g)
	}
	for _, v := range a.services {
		a.reportService(v)
	}
	if len(a.gateways) == 0 {
		return
	}
	oldest := a.gateways[0]
	out := &ir.Gateway{Name: Workload, Origin: originOf(oldest.key, ""), Created: oldest.object.CreationTimestamp.Time}
	if a.sharesPorts() {
		out.With = a.config.Ingress.Gateway()
	}
	for _, port := range slices.Sorted(maps.Keys(a.ports)) {
		for _, l := range a.ports[port] {
			out.Listeners = append(out.Listeners, a.listener(l))
		}
	}
	a.mesh.Gateways[out.Name] = out
}

func (a *assembly) listener(l *listener) *ir.GatewayListener {
	out := &ir.GatewayListener{
		Name: l.name, Origin: l.origin, Port: l.port, Protocol: l.protocol, Hostname: l.hostname, TLS: l.tls,
	}
	if a.sharesPorts() {
		out.Bind = a.ingressBind(l.port)
	}
	if len(l.hosts) > 0 {
		out.Hosts = a.hosts(l)
	}
	if len(l.relays) > 0 {
		out.Relays = a.orderRelays(l)
	}
	return out
}

// hosts makes the tables of a listener, most specific hostname first.
func (a *assembly) hosts(l *listener) []ir.Host {
	hosts := make([]ir.Host, 0, len(l.hosts))
	names := slices.SortedFunc(maps.Keys(l.hosts), ir.CompareHostnames)
	for _, hostname := range names {
		name := ir.TableName(string(Workload) + "/" + l.name + "/" + orAny(hostname))
		wider := func(other string) bool { return other != hostname && ir.HostnameCovers(other, hostname) }
		entry := tableEntry{routes: merge(l.hosts[hostname])}
		entry.closed = (a.sharesPorts() || slices.ContainsFunc(names, wider)) && catchAll(entry.routes[len(entry.routes)-1]) == 0
		a.tables[name] = a.Frontend.tables.entry(name, entry, l.origin)
		a.mesh.Tables[name] = a.tables[name].table
		hosts = append(hosts, ir.Host{Hostname: hostname, Table: name})
	}
	return hosts
}

// sharesPorts says that hosts of others may be at the same ports: those of Ingresses.
func (a *assembly) sharesPorts() bool { return !a.config.Standalone }

// ingressBind is where the proxies of Ingresses listen for a port of theirs; 0 for other
// ports, which are added to their Service.
func (f *Frontend) ingressBind(port uint16) uint16 {
	for _, p := range []core.IngressPort{f.config.Ingress.HTTP, f.config.Ingress.TLS} {
		if p.Enabled && p.Port == port {
			return p.Bind
		}
	}
	return 0
}

func serviceKey(name types.NamespacedName) resource.Key {
	return resource.Key{Kind: "Service", Namespace: name.Namespace, Name: name.Name}
}

func originKey(o ir.Origin) resource.Key { return report.KeyOf(o) }
