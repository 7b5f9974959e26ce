package deliver_test

import (
	"strings"
	"testing"

	"fsm/internal/deliver"
	"fsm/internal/identity/identitytest"
	"fsm/internal/ir"
)

// TestNothing: a proxy for which a mesh has nothing hears nothing, be it new or not,
// and goes on with the next mesh that has something.
func TestNothing(t *testing.T) {
	eachDelivery(t, func(t *testing.T, start func(ends) (publish func(*ir.Mesh))) {
		nothing := [2]*ir.Mesh{mesh("/nothing"), mesh("/nothing/again")}
		asked, applied := make(chan *ir.Mesh, 10), make(chan string, 10)
		answers := make(chan answer, 10)
		publish := start(ends{
			project: func(m *ir.Mesh) *ir.Snapshot {
				asked <- m
				if m == nothing[0] || m == nothing[1] {
					return nil
				}
				return everything(m)
			},
			apply: func(s *ir.Snapshot) ir.Ack {
				applied <- paths(s)
				return ir.Ack{Version: s.Version}
			},
			answered: func(m *ir.Mesh, a ir.Ack) { answers <- answer{m, a} },
		})
		for i, path := range []string{"/a", "/b"} {
			publish(nothing[i])
			if got := receive(t, "question", asked); got != nothing[i] {
				t.Fatal("asked about another mesh")
			}
			something := mesh(path)
			publish(something)
			receive(t, "question", asked)
			if got := receive(t, "snapshot", applied); got != path {
				t.Errorf("applied %q, want %s", got, path)
			}
			if got := receive(t, "answer", answers); got.mesh != something {
				t.Error("the answer is about another mesh")
			}
		}
	})
}

// TestNothingIsSaid: that nothing is delivered to a proxy is said about it.
func TestNothingIsSaid(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{Project: func(*ir.Mesh, deliver.Scope) *ir.Snapshot { return nil }})
	c.Publish(mesh("/a"))
	p := c.connect(t, gatewayID, nil)
	eventually(t, "the proxy is left with what it has", func() bool {
		list := c.Proxies()
		return len(list) == 1 && list[0].State == deliver.Stale && strings.Contains(list[0].Why, "stays with what it has")
	})
	if len(p.applied) != 0 {
		t.Error("something was applied")
	}
}
