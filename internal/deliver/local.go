package deliver

import (
	"context"
	"slices"

	"fsm/internal/ir"
)

// Local delivers to one proxy in this process.
type Local struct {
	// Project selects from a mesh what the proxy needs. Nil means that it is to stay
	// with what it has.
	Project func(*ir.Mesh) *ir.Snapshot
	// Apply hands a snapshot to the proxy.
	Apply func(*ir.Snapshot) ir.Ack
	// Answered is called with each answer to what was made of a mesh; the
	// snapshot's conflicts are among the failures.
	Answered func(*ir.Mesh, ir.Ack)

	latest chan *ir.Mesh
}

// NewLocal makes a delivery; its Run must be running for anything to arrive.
func NewLocal(project func(*ir.Mesh) *ir.Snapshot, apply func(*ir.Snapshot) ir.Ack, answered func(*ir.Mesh, ir.Ack)) *Local {
	return &Local{Project: project, Apply: apply, Answered: answered, latest: make(chan *ir.Mesh, 1)}
}

// Publish makes the mesh the one to deliver. It does not wait.
func (l *Local) Publish(m *ir.Mesh) {
	for {
		select {
		case l.latest <- m:
			return
		case <-l.latest: // an older one that was not begun
		}
	}
}

// Run delivers until the context ends.
func (l *Local) Run(ctx context.Context) {
	var last ir.Ack
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-l.latest:
			s := l.Project(m)
			if s == nil {
				continue
			}
			if s.Version != last.Version {
				last = l.Apply(s)
			}
			answer := last
			answer.Failures = slices.Concat(last.Failures, s.Conflicts)
			l.Answered(m, answer)
		}
	}
}
