package deliver_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/deliver"
	"fsm/internal/identity/identitytest"
	"fsm/internal/ir"
)

// ends are what a delivery stands between.
type ends struct {
	project  func(*ir.Mesh) *ir.Snapshot
	apply    func(*ir.Snapshot) ir.Ack
	answered func(*ir.Mesh, ir.Ack)
}

// deliveries are all ways to deliver; what they share is tested over each.
var deliveries = []struct {
	name  string
	start func(t *testing.T, e ends) (publish func(*ir.Mesh))
}{
	{"local", func(t *testing.T, e ends) func(*ir.Mesh) {
		l := deliver.NewLocal(e.project, e.apply, e.answered)
		background(t, l.Run)
		return l.Publish
	}},
	{"network", func(t *testing.T, e ends) func(*ir.Mesh) {
		c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{
			Project:  func(m *ir.Mesh, _ deliver.Scope) *ir.Snapshot { return e.project(m) },
			Answered: func(a deliver.Answer) { e.answered(a.Mesh, a.Ack) },
		})
		c.connect(t, gatewayID, e.apply)
		return c.Publish
	}},
}

func eachDelivery(t *testing.T, test func(t *testing.T, start func(ends) (publish func(*ir.Mesh)))) {
	for _, d := range deliveries {
		t.Run(d.name, func(t *testing.T) {
			test(t, func(e ends) func(*ir.Mesh) { return d.start(t, e) })
		})
	}
}

type answer struct {
	mesh *ir.Mesh
	ack  ir.Ack
}

// TestAnswer: what the proxy could not put to work and what it could not be given
// at all come back together, with the mesh that they are about.
func TestAnswer(t *testing.T) {
	eachDelivery(t, func(t *testing.T, start func(ends) func(*ir.Mesh)) {
		broken := ir.Failure{Resource: "tcp/:t", Origins: []ir.Origin{{Kind: "Gateway", Namespace: "shop", Name: "web", Part: "listener http"}},
			Reason: "PortUnavailable", Message: "port 80 is taken"}
		taken := ir.Failure{Resource: "tcp/:81", Reason: "Taken", Message: "by another Gateway"}
		answers := make(chan answer, 10)
		publish := start(ends{
			project: func(m *ir.Mesh) *ir.Snapshot {
				s := everything(m)
				s.Conflicts = []ir.Failure{taken}
				return s
			},
			apply:    func(s *ir.Snapshot) ir.Ack { return ir.Ack{Version: s.Version, Failures: []ir.Failure{broken}} },
			answered: func(m *ir.Mesh, a ir.Ack) { answers <- answer{m, a} },
		})
		m := mesh("/a")
		publish(m)
		got := receive(t, "answer", answers)
		if got.mesh != m {
			t.Error("the answer is about another mesh")
		}
		want := ir.Ack{Version: everything(m).Version, Failures: []ir.Failure{broken, taken}}
		if diff := cmp.Diff(want, got.ack); diff != "" {
			t.Error(diff)
		}
	})
}

// TestBusy: while the proxy is busy with one mesh all but the last of the others
// are skipped.
func TestBusy(t *testing.T) {
	eachDelivery(t, func(t *testing.T, start func(ends) func(*ir.Mesh)) {
		begun, goOn := make(chan string, 10), make(chan struct{})
		answers := make(chan answer, 10)
		publish := start(ends{
			project: everything,
			apply: func(s *ir.Snapshot) ir.Ack {
				begun <- paths(s)
				<-goOn
				return ir.Ack{Version: s.Version}
			},
			answered: func(m *ir.Mesh, a ir.Ack) { answers <- answer{m, a} },
		})
		publish(mesh("/0"))
		if got := receive(t, "first snapshot", begun); got != "/0" {
			t.Fatalf("began with %s", got)
		}
		var last *ir.Mesh
		for i := range 5 {
			last = mesh(fmt.Sprint("/", i+1))
			publish(last)
		}
		close(goOn)
		if got := receive(t, "second snapshot", begun); got != "/5" {
			t.Errorf("went on with %s, want the last", got)
		}
		receive(t, "first answer", answers)
		if got := receive(t, "second answer", answers); got.mesh != last {
			t.Error("the answer is not about the last mesh")
		}
		if len(begun) != 0 || len(answers) != 0 {
			t.Error("there was more")
		}
	})
}

// TestUnchanged: a mesh that changes nothing for the proxy is answered as the one
// before, and not applied again.
func TestUnchanged(t *testing.T) {
	eachDelivery(t, func(t *testing.T, start func(ends) func(*ir.Mesh)) {
		applied := 0
		answers := make(chan answer, 10)
		publish := start(ends{
			project: everything,
			apply: func(s *ir.Snapshot) ir.Ack {
				applied++
				return ir.Ack{Version: s.Version, Failures: []ir.Failure{{Reason: "Broken"}}}
			},
			answered: func(m *ir.Mesh, a ir.Ack) { answers <- answer{m, a} },
		})
		for range 3 {
			m := mesh("/a")
			publish(m)
			got := receive(t, "answer", answers)
			if got.mesh != m || len(got.ack.Failures) != 1 {
				t.Errorf("the answer was %+v", got.ack)
			}
		}
		if applied != 1 {
			t.Errorf("applied %d times", applied)
		}
	})
}

// TestWhole: everything a snapshot can have arrives, private keys included, and so
// does every change of it.
func TestWhole(t *testing.T) {
	eachDelivery(t, func(t *testing.T, start func(ends) func(*ir.Mesh)) {
		applied := make(chan *ir.Snapshot, 10)
		publish := start(ends{
			project: everything,
			apply: func(s *ir.Snapshot) ir.Ack {
				applied <- s
				return ir.Ack{Version: s.Version}
			},
			answered: func(*ir.Mesh, ir.Ack) {},
		})
		for i, m := range changes() {
			publish(m)
			got := receive(t, "snapshot", applied)
			if diff := cmp.Diff(text(t, everything(m)), text(t, got)); diff != "" {
				t.Fatalf("mesh %d: %s", i, diff)
			}
		}
	})
}

// changes are meshes that differ in every way.
func changes() []*ir.Mesh {
	filters := mesh("/a", "/b", "/c")
	filters.Tables["t"] = &ir.RouteTable{Name: "t", Routes: slices.Clone(filters.Tables["t"].Routes)}
	filters.Tables["t"].Routes[1] = &ir.Route{
		Origin: ir.Origin{Kind: "HTTPRoute", Namespace: "shop", Name: "r", Part: "rule 1"},
		Filters: ir.Filters{
			&ir.RequestHeaders{Set: []ir.HeaderField{{Name: "A", Value: "<1>"}}},
			&ir.Mirror{Backend: "b", Numerator: 1, Denominator: 2},
		},
		Action: &ir.Respond{Status: 500, Reason: "no_backends"},
	}
	secrets := mesh("/a")
	secrets.Secrets["Secret/shop/cert"] = &ir.Secret{Name: "Secret/shop/cert", Certificate: "CERT", Key: "KEY"}
	rekeyed := mesh("/a")
	rekeyed.Secrets["Secret/shop/cert"] = &ir.Secret{Name: "Secret/shop/cert", Certificate: "CERT", Key: "OTHER KEY"}
	twice := mesh("/a")
	twice.Tables["u"] = &ir.RouteTable{Name: "u", Routes: []*ir.Route{route("/a"), route("/a")}}
	moved := mesh("/a")
	moved.Endpoints["e"] = &ir.Endpoints{Name: "e"}
	all := []*ir.Mesh{ir.NewMesh(), mesh("/a"), mesh("/b", "/a"), mesh("/a", "/b"), filters, secrets, rekeyed, twice, moved, ir.NewMesh()}
	for _, m := range all {
		m.Seal()
	}
	return all
}

func text(t *testing.T, s *ir.Snapshot) string {
	t.Helper()
	data, err := ir.MarshalSecrets(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
