package access

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	policyv1alpha1 "fsm/api/policy/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// Frontend translates the policies of access.
type Frontend struct {
	config   core.Config
	src      *core.Source
	backends *memo.Table[types.NamespacedName, *ingressBackend]
}

// New returns a Frontend over a source.
func New(config core.Config, src *core.Source) *Frontend {
	f := &Frontend{config: config, src: src}
	f.backends = memo.NewTable(src.Clock(), f.makeIngressBackend)
	return f
}

// Translate adds authorizations to the mesh, and the states of policies to the report.
func (f *Frontend) Translate(mesh *ir.Mesh, rep *report.Report) {
	objects := core.List[*policyv1alpha1.IngressBackend](f.src)
	for _, object := range slices.SortedStableFunc(slices.Values(objects), func(a, b *policyv1alpha1.IngressBackend) int { return core.ByAge(a, b) }) {
		b := f.backends.Read(nil, types.NamespacedName{Namespace: object.Namespace, Name: object.Name})
		key := resource.KeyOf(object)
		contested := conflicts(mesh, b)
		if len(contested) > 0 {
			rep.Contested[key] = contested // the state says so: no warning besides
		}
		problems := append(slices.Clone(b.invalid), contested...)
		if len(problems) == 0 {
			b.addTo(mesh)
			problems = b.idle
		}
		commit := report.Commit{OK: len(problems) == 0, Reason: "successfully committed by the system"}
		if !commit.OK {
			commit.Reason = strings.Join(problems, "; ")
		}
		rep.Commits[key] = commit
		rep.Warn(key, b.warnings...)
	}
}

// conflicts names the backends that an older IngressBackend has.
func conflicts(mesh *ir.Mesh, b *ingressBackend) []string {
	var problems []string
	for _, a := range b.authorizations {
		if older := mesh.Authorizations[a.Name]; older != nil {
			problems = append(problems, fmt.Sprintf("backend %s is that of %s, which is older or comes first by name", a.Name, older.Origin))
		}
	}
	return problems
}

func (b *ingressBackend) addTo(mesh *ir.Mesh) {
	for _, a := range b.authorizations {
		mesh.Authorizations[a.Name] = a
	}
	for _, e := range b.endpoints {
		mesh.Endpoints[e.Name] = e
	}
}
