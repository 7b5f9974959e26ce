package gatewayapi

import (
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/policy"
	"fsm/internal/translate/report"
)

// Frontend translates the Gateway API. It remembers what it made, see the
// package's documentation.
type Frontend struct {
	config   core.Config
	src      *core.Source
	policies *policy.Index
	sets     *core.Index[types.NamespacedName, *gatewayv1.ListenerSet] // by Gateway

	gateways *memo.Table[types.NamespacedName, *gateway]
	routes   *memo.Table[resource.Key, *route]
	rules    *memo.Table[rulesKey, *compiled]
	tables   tables
}

// New returns a Frontend over a source and its policies.
func New(config core.Config, src *core.Source, policies *policy.Index) *Frontend {
	f := &Frontend{config: config, src: src, policies: policies, sets: core.NewIndex(src, parentsOf)}
	f.gateways = memo.NewTable(src.Clock(), f.makeGateway)
	f.routes = memo.NewTable(src.Clock(), f.makeRoute)
	f.rules = memo.NewTable(src.Clock(), f.makeRules)
	return f
}

// Translate adds the Gateways of the source's set to the mesh, and everything
// about them to the report.
func (f *Frontend) Translate(mesh *ir.Mesh, rep *report.Report) {
	f.reportClasses(rep)
	a := f.newAssembly(mesh, rep)
	for _, key := range f.routeKeys() {
		a.attach(f.routes.Read(nil, key))
	}
	for _, g := range core.List[*gatewayv1.Gateway](f.src) {
		a.gateway(f.gateways.Read(nil, types.NamespacedName{Namespace: g.Namespace, Name: g.Name}), g)
	}
	a.reportPolicies()
	f.tables = a.tables
}
