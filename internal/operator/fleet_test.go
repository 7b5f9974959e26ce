package operator

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

var shop, _ = gatewayOf(identity.ID{Role: identity.Gateway, Namespace: "shop", Name: "gw"})

// reported is a report about one Gateway of a generation.
func reported(generation int64) *report.Report {
	programmed := []metav1.Condition{{Type: "Programmed", Status: "True", Reason: "Programmed", ObservedGeneration: generation}}
	r := report.New(0)
	r.Gateways[shop] = &gatewayv1.GatewayStatus{
		Conditions: programmed, Listeners: []gatewayv1.ListenerStatus{{Name: "http", Conditions: programmed}},
	}
	return r
}

// observed is a fleet whose reports are counted.
type observed struct {
	*fleet
	reports []*report.Report
	wakes   int
}

func observe() *observed {
	o := &observed{fleet: newFleet()}
	o.publish = func(r *report.Report) { o.reports = append(o.reports, r) }
	o.wake = func() { o.wakes++ }
	return o
}

func (o *observed) answer(m *ir.Mesh, node string, a ir.Ack) {
	o.answered(deliver.Answer{
		Mesh: m, Ack: a, Proxy: deliver.Peer{ID: identity.ID{Role: identity.Gateway, Namespace: "shop", Name: "gw"}, Node: node},
	})
}

func (o *observed) expect(t *testing.T, want bool, message string) {
	t.Helper()
	if ok, got := o.ready(shop); ok != want || !strings.Contains(got, message) {
		t.Errorf("ready is %v, %q; want %v, %q", ok, got, want, message)
	}
}

// TestReady: a Gateway is ready once a ready proxy has its latest state, and stays so
// while other things change; a refusal by any proxy counts.
func TestReady(t *testing.T) {
	o, first, second, third := observe(), &ir.Mesh{}, &ir.Mesh{}, &ir.Mesh{}
	o.expect(t, false, "no proxy")
	o.translated(first, reported(1))
	o.answer(first, "a", ir.Ack{})
	o.expect(t, false, "ready yet")
	o.here.at(shop, "a").Ready = true
	o.expect(t, true, "")
	o.translated(second, reported(1)) // a route, say
	o.expect(t, true, "")
	o.translated(third, reported(2))
	o.expect(t, false, "taken over")
	o.answer(second, "a", ir.Ack{})
	o.expect(t, false, "taken over")
	o.answer(third, "a", ir.Ack{})
	o.expect(t, true, "")
	o.answer(third, "b", ir.Ack{Rejected: "too new"})
	o.expect(t, false, "proxy b refused the configuration: too new")
}

// TestPublished: an answer makes a new report only if there is something to say in
// it, and what a proxy cannot do is said for as long as it answers so.
func TestPublished(t *testing.T) {
	o, m := observe(), &ir.Mesh{}
	failed := ir.Ack{Failures: []ir.Failure{{
		Origins: []ir.Origin{{Kind: "Gateway", Namespace: "shop", Name: "gw", Part: "listener http"}}, Reason: "PortUnavailable",
	}}}
	status := func() metav1.ConditionStatus {
		return o.reports[len(o.reports)-1].Gateways[shop].Listeners[0].Conditions[0].Status
	}
	for _, step := range []struct {
		what    string
		do      func()
		reports int
		status  metav1.ConditionStatus
	}{
		{"a result", func() { o.translated(m, reported(1)) }, 1, "True"},
		{"an answer", func() { o.answer(m, "a", ir.Ack{}) }, 1, "True"},
		{"a failure", func() { o.answer(m, "a", failed) }, 2, "False"},
		{"the same failure", func() { o.answer(m, "a", failed) }, 2, "False"},
		{"a result that is about something else", func() { o.translated(m, reported(1)) }, 3, "False"},
		{"no failure", func() { o.answer(m, "a", ir.Ack{}) }, 4, "True"},
		{"a result of the next generation", func() { o.translated(m, reported(2)) }, 5, "True"},
	} {
		step.do()
		if len(o.reports) != step.reports || status() != step.status {
			t.Errorf("after %s: %d reports, the last one %s; want %d, %s", step.what, len(o.reports), status(), step.reports, step.status)
		}
	}
}

// TestTold: what another replica tells counts like what is known here, until nothing
// more is heard from it.
func TestTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := observe()
		o.translated(&ir.Mesh{}, reported(1))
		tell := func(body string) int {
			w := httptest.NewRecorder()
			o.ServeHTTP(w, httptest.NewRequest(http.MethodPost, deliver.PathPeers, strings.NewReader(body)))
			return w.Code
		}
		say := func(mark string) string {
			text, err := json.Marshal(message{Replica: "two", Proxies: []proxyOf{{"shop", "gw", "a", proxyState{Mark: mark, Ready: true}}}})
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if code := tell("{"); code != http.StatusBadRequest {
			t.Errorf("got %d", code)
		}
		older := mark(reported(0), shop)
		if code := tell(say(older)); code != http.StatusNoContent {
			t.Errorf("got %d", code)
		}
		o.expect(t, false, "taken over")
		tell(say(mark(reported(1), shop)))
		o.expect(t, true, "")
		time.Sleep(relayPatience / 2)
		o.forget(relayPatience)
		o.expect(t, true, "")
		time.Sleep(relayPatience)
		o.forget(relayPatience)
		o.expect(t, false, "no proxy")
	})
}

// TestMarks: a mark changes with what a Gateway's status says about proxies.
func TestMarks(t *testing.T) {
	base := mark(reported(1), shop)
	set := resource.Key{Group: gatewayv1.GroupName, Kind: "ListenerSet", Namespace: "shop", Name: "more"}
	attached := func(generation int64) *report.Report {
		r := reported(1)
		r.Attached[shop] = []resource.Key{set}
		r.ListenerSets[set] = &gatewayv1.ListenerSetStatus{Conditions: []metav1.Condition{{Type: "Programmed", ObservedGeneration: generation}}}
		return r
	}
	idle := reported(1)
	idle.Gateways[shop].Listeners[0].Conditions = []metav1.Condition{{Type: "Programmed", Status: "False", ObservedGeneration: 1}}
	seen := map[string]string{}
	for what, r := range map[string]*report.Report{
		"generation": reported(2), "set": attached(1), "generation of a set": attached(2), "listener that does not serve": idle,
	} {
		m := mark(r, shop)
		if m == base || seen[m] != "" {
			t.Errorf("%s: mark is %q like that of %q", what, m, seen[m])
		}
		seen[m] = what
	}
	if again := mark(reported(1), shop); again != base {
		t.Errorf("got %q and %q", base, again)
	}
}

// TestOldMeshes: answers to meshes that are on their way count, and nothing keeps
// the others: with thousands of routes each is large.
func TestOldMeshes(t *testing.T) {
	o := observe()
	flying := ir.NewMesh()
	o.translated(flying, reported(1))
	var old []weak.Pointer[ir.Mesh]
	for range 10 {
		m := ir.NewMesh()
		old = append(old, weak.Make(m))
		o.translated(m, reported(1))
	}
	runtime.GC()
	for i, m := range old {
		if m.Value() != nil {
			t.Errorf("mesh %d is kept", i)
		}
	}
	latest := ir.NewMesh()
	o.translated(latest, reported(1))
	if n := len(o.editions); n != 2 {
		t.Errorf("%d editions are kept", n)
	}
	o.answer(flying, "a", ir.Ack{})
	o.here.at(shop, "a").Ready = true
	o.expect(t, true, "")
}
