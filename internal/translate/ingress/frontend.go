package ingress

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	multicluster "fsm/api/multicluster/v1alpha1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/policy"
	"fsm/internal/translate/report"
)

// Frontend translates Ingresses. It remembers what it made, see the package's
// documentation.
type Frontend struct {
	config    core.Config
	src       *core.Source
	policies  *policy.Index
	defaults  *core.Index[string, *networkingv1.IngressClass] // the default classes, under one key
	ingresses *memo.Table[types.NamespacedName, *ingress]
	// namespaced are the NamespacedIngresses of each namespace.
	namespaced *core.Index[string, *multicluster.NamespacedIngress]
	last       kept
}

// kept is what one run leaves to the next.
type kept struct {
	tables   map[ir.TableName]tableEntry
	canaries map[canaryPair][]*ir.Route
}

// New returns a Frontend over a source and its policies.
func New(config core.Config, src *core.Source, policies *policy.Index) *Frontend {
	f := &Frontend{config: config, src: src, policies: policies, defaults: core.NewIndex(src, defaultsOf)}
	f.namespaced = core.NewIndex(src, func(n *multicluster.NamespacedIngress) []string { return []string{n.Namespace} })
	f.ingresses = memo.NewTable(src.Clock(), f.makeIngress)
	return f
}

// Translate adds the gateways of the Ingresses to the mesh, and everything about
// them to the report.
func (f *Frontend) Translate(mesh *ir.Mesh, rep *report.Report) {
	if !f.config.Ingress.Enabled {
		return
	}
	var ingresses []*ingress
	for _, object := range core.List[*networkingv1.Ingress](f.src) {
		i := f.ingresses.Read(nil, types.NamespacedName{Namespace: object.Namespace, Name: object.Name})
		if i == nil {
			f.warnAboutClass(rep, object)
			continue
		}
		ingresses = append(ingresses, i)
	}
	slices.SortStableFunc(ingresses, func(x, y *ingress) int { return core.ByAge(x.object, y.object) })
	next := kept{tables: map[ir.TableName]tableEntry{}, canaries: map[canaryPair][]*ir.Route{}}
	for place, some := range f.places(rep, ingresses) {
		a := &assembly{Frontend: f, place: place, mesh: mesh, report: rep, ingresses: some, hosts: map[string][]*entry{}, next: next}
		a.assemble()
	}
	f.last = next
}

func originOf(key resource.Key, part string) ir.Origin {
	return ir.Origin{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, Part: part}
}
