package explain

import (
	"fmt"
	"slices"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/proxy/message"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// Model is what a set of objects means to a proxy: what questions are about.
type Model struct {
	set      *resource.Set
	options  Options
	mesh     *ir.Mesh
	report   *report.Report
	snapshot *ir.Snapshot
}

// Options are what the meaning of a set depends on, and where its objects stand.
type Options struct {
	Translate translate.Config
	Node      project.Node
	// Places tells where objects stand, as far as that is known.
	Places map[resource.Key]string
}

// NewModel works out what the set means.
func NewModel(set *resource.Set, o Options) *Model {
	m := &Model{set: set, options: o}
	m.mesh, m.report = translate.Translate(set, o.Translate)
	m.snapshot = project.Project(m.mesh, o.Node)
	m.report = m.report.Apply(m.snapshot.Conflicts)
	return m
}

// Explain answers a question. Its error says that the question makes no sense, or
// could be about several Gateways.
func (m *Model) Explain(q Question) (*Explanation, error) {
	snapshot := m.snapshot
	if q.Gateway != "" {
		if m.mesh.Gateways[q.Gateway] == nil {
			return nil, fmt.Errorf("there is no Gateway %s of ours; there are: %s", q.Gateway, m.gateways())
		}
		node := m.options.Node
		node.Gateways = []ir.GatewayName{q.Gateway}
		snapshot = project.Project(m.mesh, node)
	}
	asked, call := q, q.Method == MethodGRPC
	if call {
		var err error
		if asked, err = q.asRequest(snapshot); err != nil {
			return nil, err
		}
	}
	r, err := asked.request()
	if err != nil {
		return nil, err
	}
	w := &walk{snapshot: snapshot, request: &r, object: m.object, local: m.options.Translate.Standalone, x: newExchange()}
	w.out.Request = q.Method + " " + asked.URL
	if err := w.run(); err != nil {
		return nil, err
	}
	w.out.Hints = m.hints(w)
	w.out.Conditions = m.conditions(w)
	if call && w.original != nil {
		w.out.call(snapshot)
	}
	return &w.out, nil
}

func (m *Model) gateways() string {
	var names []string
	for name := range m.mesh.Gateways {
		names = append(names, string(name))
	}
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// object names what an origin stands for.
func (m *Model) object(o ir.Origin) Object {
	return Object{Name: o.String(), At: m.options.Places[report.KeyOf(o)]}
}

func newExchange() *message.Exchange {
	x := &message.Exchange{Connection: &message.Connection{}}
	x.Reset()
	return x
}
