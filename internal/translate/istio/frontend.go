package istio

import (
	"k8s.io/apimachinery/pkg/types"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/policy"
	"fsm/internal/translate/report"
)

// Workload is the name of the gateway that all Istio Gateways make up. There is no
// object of this name, and cannot be: no namespace has a dot in its name.
const Workload ir.GatewayName = "networking.istio.io/ingressgateway"

// Frontend translates Istio's Gateways and VirtualServices.
type Frontend struct {
	config   core.Config
	src      *core.Source
	policies *policy.Index

	gateways *memo.Table[types.NamespacedName, *gateway]
	services *memo.Table[types.NamespacedName, *virtualService]
	tables   tables
}

// New returns a Frontend over a source and its policies.
func New(config core.Config, src *core.Source, policies *policy.Index) *Frontend {
	f := &Frontend{config: config, src: src, policies: policies}
	f.gateways = memo.NewTable(src.Clock(), f.makeGateway)
	f.services = memo.NewTable(src.Clock(), f.makeVirtualService)
	return f
}

// Translate adds the Gateways and VirtualServices of the source's set to the mesh,
// and what there is to say about them to the report. In a cluster it is the ingress
// that serves them, beside Ingresses.
func (f *Frontend) Translate(mesh *ir.Mesh, rep *report.Report) {
	if !f.config.Ingress.Enabled {
		return // nobody would serve them
	}
	gateways := core.List[*istiov1.Gateway](f.src)
	services := core.List[*istiov1.VirtualService](f.src)
	if len(gateways)+len(services) == 0 {
		return
	}
	a := f.newAssembly(mesh, rep)
	for _, object := range byAge(gateways) {
		if g := f.gateways.Read(nil, nameOf(object)); g != nil {
			a.claimAll(g)
		}
	}
	for _, object := range byAge(services) {
		a.attach(f.services.Read(nil, nameOf(object)))
	}
	a.finish()
	f.tables = a.tables
}
