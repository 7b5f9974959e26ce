package controller

import (
	"slices"
	"sync"

	"fsm/internal/ir"
	"fsm/internal/translate/report"
)

// Reports holds reports back until the one proxy that there is has answered: whether
// something is programmed is for it to say.
type Reports struct {
	// Publish is called with each report, joined with the answer.
	Publish func(*report.Report)

	mu      sync.Mutex
	pending []result // the oldest first
}

// result is a mesh that is delivered and the report that goes with it.
type result struct {
	mesh   *ir.Mesh
	report *report.Report
}

// Translated takes in a result; see [Loop].
func (r *Reports) Translated(m *ir.Mesh, rep *report.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, result{m, rep})
}

// Answered takes in what the proxy answered to a mesh, and publishes the report that
// goes with it. Meshes are answered in order, and those before were skipped.
func (r *Reports) Answered(m *ir.Mesh, a ir.Ack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, one := range r.pending {
		if one.mesh == m {
			r.pending = slices.Delete(r.pending, 0, i+1)
			r.Publish(one.report.Apply(a.Failures))
			return
		}
	}
}
