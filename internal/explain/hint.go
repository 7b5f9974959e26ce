package explain

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/proxy/route"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// hints are the routes that match the request and are not among those that the
// listener has for its host: because no parent takes them, or, where nothing
// else answers, because they are attached elsewhere.
func (m *Model) hints(w *walk) []Hint {
	if w.original == nil {
		return nil // it was no request, or did not reach a listener
	}
	var hints []Hint
	for _, o := range m.wouldMatch(w) {
		key := report.KeyOf(o)
		why := m.refusal(key)
		if why == "" && w.route == nil {
			why = m.elsewhere(o)
		}
		if why != "" {
			hints = append(hints, Hint{Object: m.object(o), Why: why})
		}
	}
	return hints
}

// refusal says which parents do not take a route; empty when one does.
func (m *Model) refusal(key resource.Key) string {
	status := m.report.Routes[key]
	if status == nil {
		// None of its parents is ours; a warning says so if one does not exist.
		return strings.Join(append([]string{"no parentRef leads to a Gateway of ours"}, m.report.Warnings[key]...), "; ")
	}
	var why []string
	for _, parent := range status.Parents {
		for _, c := range parent.Conditions {
			if c.Type != string(gatewayv1.RouteConditionAccepted) {
				continue
			}
			if c.Status == metav1.ConditionTrue {
				return ""
			}
			why = append(why, fmt.Sprintf("%s does not take it: %s: %s", parent.ParentRef.Name, c.Reason, c.Message))
		}
	}
	return strings.Join(why, "; ")
}

// elsewhere says which listeners have a route.
func (m *Model) elsewhere(o ir.Origin) string {
	var names []string
	for _, g := range m.mesh.Gateways {
		for _, l := range g.Listeners {
			if hasRoute(l.Hosts, m.mesh.Tables, o) {
				names = append(names, fmt.Sprintf("%s (%s, port %d, hostname %s)", l.Origin, l.Protocol, l.Port, orAny(l.Hostname)))
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "is attached to " + strings.Join(names, ", ") + ", which this request does not reach"
}

func hasRoute(hosts []ir.Host, tables map[ir.TableName]*ir.RouteTable, o ir.Origin) bool {
	return slices.ContainsFunc(hosts, func(h ir.Host) bool {
		t := tables[h.Table]
		return t != nil && slices.ContainsFunc(t.Routes, func(r *ir.Route) bool { return r.Origin.Object() == o.Object() })
	})
}

// trial is the name of the class and Gateway of an experiment.
const trial = "fsm-explain"

// wouldMatch finds out by an experiment which routes the request would match if
// only they were attached: all routes that its host does not have are attached to
// a Gateway that takes everything.
func (m *Model) wouldMatch(w *walk) []ir.Origin {
	controller := m.options.Translate.Resolve().ControllerName
	objects := []resource.Object{
		&gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: trial}, Spec: gatewayv1.GatewayClassSpec{ControllerName: gatewayv1.GatewayController(controller)}},
		trialGateway(),
	}
	for _, r := range resource.List[*gatewayv1.HTTPRoute](m.set) {
		if !w.hosts(resource.KeyOf(r)) {
			r = r.DeepCopy()
			attachToTrial(&r.Spec.CommonRouteSpec)
			objects = append(objects, r)
		}
	}
	for _, r := range resource.List[*gatewayv1.GRPCRoute](m.set) {
		if !w.hosts(resource.KeyOf(r)) {
			r = r.DeepCopy()
			attachToTrial(&r.Spec.CommonRouteSpec)
			objects = append(objects, r)
		}
	}
	mesh, _ := translate.Translate(resource.Union(m.set, resource.NewSet(objects)), m.options.Translate)
	s := project.Project(mesh, project.Node{Role: project.RoleGateway, Gateways: []ir.GatewayName{trialNamespace + "/" + trial}})
	if len(s.Listeners) == 0 || len(s.Listeners[0].Chains) == 0 {
		return nil
	}
	var origins []ir.Origin
	for _, t := range tables(&s.Listeners[0].Chains[0].HTTP.VirtualHosts[0], s, w.original.Authority) {
		compiled, err := route.Compile(t.table.Routes)
		if err != nil {
			continue
		}
		for i, r := range t.table.Routes {
			if compiled.Why(i, w.original) == "" && !slices.ContainsFunc(origins, func(o ir.Origin) bool { return o.Object() == r.Origin.Object() }) {
				origins = append(origins, r.Origin)
			}
		}
	}
	return origins
}

const trialNamespace = "default"

func trialGateway() *gatewayv1.Gateway {
	return &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: trialNamespace, Name: trial},
		Spec: gatewayv1.GatewaySpec{
			GatewayClassName: trial,
			Listeners: []gatewayv1.Listener{{
				Name: "all", Port: 80, Protocol: gatewayv1.HTTPProtocolType,
				AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: new(gatewayv1.NamespacesFromAll)}},
			}},
		},
	}
}

func attachToTrial(spec *gatewayv1.CommonRouteSpec) {
	spec.ParentRefs = []gatewayv1.ParentReference{{Namespace: new(gatewayv1.Namespace(trialNamespace)), Name: trial}}
}

// hosts tells whether the listener that the request came to has the route for its
// host.
func (w *walk) hosts(key resource.Key) bool {
	if w.host == nil {
		return false
	}
	for _, t := range tables(w.host, w.snapshot, w.original.Authority) {
		if slices.ContainsFunc(t.table.Routes, func(r *ir.Route) bool {
			return r.Origin.Kind == key.Kind && r.Origin.Namespace == key.Namespace && r.Origin.Name == key.Name
		}) {
			return true
		}
	}
	return false
}
