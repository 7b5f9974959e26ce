package operator

import (
	"fmt"
	"sync"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/status"
	"fsm/internal/translate/report"
)

// fleet knows which proxy has what.
type fleet struct {
	server  *deliver.Server
	publish func(*report.Report)
	wake    func()

	mu      sync.Mutex
	mesh    *ir.Mesh
	report  *report.Report
	answers map[replica]deliver.Answer
	// serving are the replicas that say they are ready.
	serving map[replica]bool
}

// replica tells proxies apart.
type replica struct {
	id   identity.ID
	node string
}

// translated takes in the latest result.
func (f *fleet) translated(m *ir.Mesh, r *report.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mesh, f.report = m, r
	f.publish(f.merged())
}

// answered takes in what a proxy answered.
func (f *fleet) answered(a deliver.Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[replica{a.Proxy.ID, a.Proxy.Node}] = a
	if f.report != nil {
		f.publish(f.merged())
	}
}

// changed takes in that proxies came or went.
func (f *fleet) changed() {
	connected, serving := map[replica]bool{}, map[replica]bool{}
	for _, p := range f.server.Proxies() {
		r := replica{p.ID, p.Node}
		connected[r] = true
		serving[r] = serving[r] || p.Report.Ready
	}
	f.mu.Lock()
	f.serving = serving
	for r := range f.answers {
		if !connected[r] {
			delete(f.answers, r)
		}
	}
	f.mu.Unlock()
	f.wake()
}

// merged is the latest report with what proxies could not put to work. The lock is
// held.
func (f *fleet) merged() *report.Report {
	var failures []ir.Failure
	for _, a := range f.answers {
		if a.Mesh == f.mesh {
			failures = append(failures, a.Ack.Failures...)
		}
	}
	return f.report.Apply(failures)
}

// ready reports whether a proxy of a Gateway that is ready serves the latest mesh
// and none refused it.
func (f *fleet) ready(gateway resource.Key) (ok bool, message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	waiting := "no proxy of the Gateway is connected"
	for r, a := range f.answers {
		if r.id.Role != identity.Gateway || r.id.Namespace != gateway.Namespace || r.id.Name != gateway.Name {
			continue
		}
		switch {
		case a.Mesh != f.mesh:
			if !ok {
				waiting = "proxies have not taken over the latest version yet"
			}
		case a.Ack.Rejected != "":
			return false, fmt.Sprintf("proxy %s refused the configuration: %s", r.node, a.Ack.Rejected)
		case !f.serving[r]:
			if !ok {
				waiting = "no proxy of the Gateway is ready yet"
			}
		default:
			ok = true
		}
	}
	if ok {
		return true, ""
	}
	return false, waiting
}

// proxies is what statuses say about the proxies of a Gateway.
func (c *controlPlane) proxies(gateway resource.Key) status.Proxies {
	ready, message := c.fleet.ready(gateway)
	return status.Proxies{Ready: ready, Message: message, Addresses: c.workloads.addresses(gateway)}
}
