package status_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/leader"
	"fsm/internal/resource"
	"fsm/internal/status"
)

const oneListener = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: fsm
  listeners: [{name: http, port: 80, protocol: HTTP}]
`

func httpRoute(name string) string {
	return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ` + name + `}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: missing, port: 80}]}]
`
}

// settled waits until the Gateway has so many routes and everything observes the
// latest generation.
func (l *lab) settled(routes int32) *gatewayv1.Gateway {
	l.T.Helper()
	var g *gatewayv1.Gateway
	l.await(func() string {
		g = l.gateway("gw")
		switch p := find(g.Status.Conditions, "Programmed"); {
		case p.Status != metav1.ConditionTrue || p.ObservedGeneration != g.Generation:
			return fmt.Sprintf("Programmed is %+v", p)
		case len(g.Status.Listeners) != 1 || g.Status.Listeners[0].AttachedRoutes != routes:
			return fmt.Sprintf("listeners are %+v", g.Status.Listeners)
		}
		return ""
	})
	return g
}

func TestGatewayAndClass(t *testing.T) {
	l := newLab(t)
	l.start(settings{})
	l.Lend(oneListener)
	g := l.settled(0)
	if a := g.Status.Addresses; len(a) != 1 || a[0].Value != "192.0.2.1" || *a[0].Type != "IPAddress" {
		t.Errorf("addresses are %+v", a)
	}
	if n := g.Status.AttachedListenerSets; n == nil || *n != 0 {
		t.Errorf("attachedListenerSets is %v", n)
	}
	var c gatewayv1.GatewayClass
	l.await(func() string {
		l.Check(l.Get(l.Ctx, class("fsm"), &c))
		if find(c.Status.Conditions, "Accepted").Status != metav1.ConditionTrue {
			return "the class is not accepted"
		}
		return ""
	})
	want := []gatewayv1.SupportedFeature{{Name: "GRPCRoute"}, {Name: "Gateway"}, {Name: "HTTPRoute"}}
	if diff := cmp.Diff(want, c.Status.SupportedFeatures); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}

	// The time of a condition moves with its status only.
	before := find(g.Status.Conditions, "Programmed")
	l.Check(l.Apply(l.Ctx, strings.Replace(oneListener, "port: 80,", "port: 81,", 1)))
	after := find(l.settled(0).Status.Conditions, "Programmed")
	if !after.LastTransitionTime.Equal(&before.LastTransitionTime) || after.ObservedGeneration == before.ObservedGeneration {
		t.Errorf("the condition was %+v and is %+v", before, after)
	}
}

const scanned = `{type: example.com/Scanned, status: "True", reason: Clean, message: "", lastTransitionTime: "2026-01-01T00:00:00Z"}`

// What others wrote into statuses survives everything that we do to them.
func TestForeignEntriesSurvive(t *testing.T) {
	l := newLab(t)
	l.Lend(oneListener)
	l.Lend(httpRoute("r"))
	l.Check(l.ApplyStatus(l.Ctx, "scanner", `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
status:
  conditions: [`+scanned+`]
  listeners: [{name: http, supportedKinds: [], attachedRoutes: 0, conditions: [`+scanned+`]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
status:
  parents:
  - {controllerName: example.com/c, parentRef: {name: gw}, conditions: [`+strings.Replace(scanned, "example.com/Scanned", "Accepted", 1)+`]}
`))
	l.start(settings{})
	l.settled(1)
	l.Check(l.Apply(l.Ctx, strings.Replace(httpRoute("r"), "name: gw", "name: other", 1)))
	g := l.settled(0)
	if find(g.Status.Conditions, "example.com/Scanned").Reason != "Clean" {
		t.Errorf("conditions of the Gateway are %+v", g.Status.Conditions)
	}
	if find(g.Status.Listeners[0].Conditions, "example.com/Scanned").Reason != "Clean" {
		t.Errorf("conditions of the listener are %+v", g.Status.Listeners[0].Conditions)
	}
	var parents []gatewayv1.RouteParentStatus
	l.await(func() string {
		if parents = l.httpRoute("r").Status.Parents; len(parents) != 1 {
			return fmt.Sprintf("parents are %+v", parents)
		}
		return ""
	})
	if p := parents[0]; p.ControllerName != "example.com/c" || find(p.Conditions, "Accepted").Reason != "Clean" {
		t.Errorf("parents are %+v", parents)
	}
}

// Whoever takes our entries away gets them back.
func TestOwnEntriesAreRestored(t *testing.T) {
	l := newLab(t)
	l.start(settings{})
	l.Lend(oneListener)
	l.Lend(httpRoute("r"))
	l.settled(1)
	l.Check(l.ApplyStatus(l.Ctx, "vandal", strings.Replace(httpRoute("r"), "spec:", "status: {parents: []}\nspec:", 1)))
	l.await(func() string {
		if p := l.httpRoute("r").Status.Parents; len(p) != 1 || p[0].ControllerName != ourName {
			return fmt.Sprintf("parents are %+v", p)
		}
		return ""
	})
}

func TestNothingIsWrittenTwice(t *testing.T) {
	l := newLab(t)
	l.Lend(oneListener)
	for i := range 5 {
		l.Lend(httpRoute(fmt.Sprintf("r%d", i)))
	}
	first, stop := l.start(settings{})
	l.settled(5)
	l.await(func() string {
		for i := range 5 {
			if r := l.httpRoute(fmt.Sprintf("r%d", i)); len(r.Status.Parents) == 0 {
				return "route without parents"
			}
		}
		return ""
	})
	stop()
	if n := first.writes.of("httproutes/"); n != 5 {
		t.Errorf("%d writes to five routes", n)
	}

	// The next leader agrees with all that it finds. It is known to have looked at
	// everything once it has written about a route that is new.
	second, _ := l.start(settings{})
	l.Lend(httpRoute("new"))
	l.settled(6)
	l.await(func() string {
		if len(l.httpRoute("new").Status.Parents) == 0 {
			return "no parents"
		}
		return ""
	})
	if gateways, routes, all := second.writes.of("gateways/"), second.writes.of("httproutes/"), second.writes.of(""); gateways != 1 || routes != 1 || all != 2 {
		t.Errorf("%d writes to Gateways, %d to routes, %d in all; want 1, 1, 2", gateways, routes, all)
	}
}

// A Gateway is programmed when its proxies say so, and not when it is translated.
func TestProgrammedWaitsForProxies(t *testing.T) {
	l := newLab(t)
	var ready, addressed atomic.Bool
	p, _ := l.start(settings{proxies: func(key resource.Key) status.Proxies {
		answer := reachable(key)
		answer.Ready, answer.Message = ready.Load(), "no proxy has answered"
		if !addressed.Load() {
			answer.Addresses = nil
		}
		return answer
	}})
	l.Lend(oneListener)
	programmed := func(status metav1.ConditionStatus, reason string) {
		t.Helper()
		l.await(func() string {
			g := l.gateway("gw")
			if c := find(g.Status.Conditions, "Programmed"); c.Status != status || c.Reason != reason || len(g.Status.Listeners) != 1 {
				return fmt.Sprintf("Programmed is %+v", c)
			}
			return ""
		})
	}
	programmed("Unknown", "Pending")
	if c := find(l.gateway("gw").Status.Listeners[0].Conditions, "Programmed"); c.Status != "Unknown" {
		t.Errorf("the listener's Programmed is %+v", c)
	}
	ready.Store(true)
	p.Wake()
	programmed("False", "AddressNotAssigned")
	addressed.Store(true)
	p.Wake()
	programmed("True", "Programmed")
	ready.Store(false)
	p.Wake()
	l.Check(l.Apply(l.Ctx, strings.Replace(oneListener, "port: 80,", "port: 81,", 1)))
	l.await(func() string {
		g := l.gateway("gw")
		if c := find(g.Status.Conditions, "Accepted"); c.ObservedGeneration != g.Generation {
			return fmt.Sprintf("Accepted is %+v", c)
		}
		return ""
	})
	if c := find(l.gateway("gw").Status.Conditions, "Programmed"); c.Status != "True" || c.ObservedGeneration != 1 {
		t.Errorf("Programmed of an edited Gateway is %+v", c)
	}
}

// Of several controllers only the leader writes, and another one takes over.
func TestOnlyTheLeaderWrites(t *testing.T) {
	l := newLab(t)
	stand := func(name string) (*leader.Candidate, settings) {
		c, err := leader.New(leader.Options{
			Config: shared.Admin(), Namespace: "default", Name: "test", Identity: name,
			Times: leader.Times{Lease: 3 * time.Second, Renew: 2 * time.Second, Retry: 200 * time.Millisecond},
		})
		l.Check(err)
		return c, settings{lead: func(ctx context.Context, run func(context.Context)) {
			if err := c.Run(ctx, run); err != nil {
				t.Error(err)
			}
		}}
	}
	one, first := stand("one")
	two, second := stand("two")
	a, stopFirst := l.start(first)
	l.await(func() string {
		if !one.Leads() {
			return "nobody leads"
		}
		return ""
	})
	b, _ := l.start(second)
	l.Lend(oneListener)
	l.Lend(httpRoute("r"))
	l.settled(1)
	if a.writes.of("") == 0 || b.writes.of("") != 0 || two.Leads() {
		t.Errorf("the leader made %d writes, the other one %d", a.writes.of(""), b.writes.of(""))
	}
	stopFirst()
	l.Lend(httpRoute("s"))
	l.settled(2)
	if one.Leads() || !two.Leads() || b.writes.of("") == 0 {
		t.Error("the other one did not take over")
	}
}

// A thousand routes that come one after the other cost the Gateway few writes, and
// the last one is counted soon.
func TestManyRoutes(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a thousand routes")
	}
	const routes = 1000
	l := newLab(t)
	p, _ := l.start(settings{})
	l.Lend(oneListener)
	l.settled(0)
	var all strings.Builder
	for i := range routes {
		fmt.Fprintf(&all, "---%s", httpRoute(fmt.Sprintf("many-%d", i)))
	}
	l.Lend(all.String())
	created := time.Now()
	l.settled(routes)
	t.Logf("counted %v after the last was created, with %d writes to the Gateway and %d to routes",
		time.Since(created).Round(time.Millisecond), p.writes.of("gateways/"), p.writes.of("httproutes/"))
	if took := time.Since(created); took > 2*time.Second {
		t.Errorf("counted after %v, want 2 s", took)
	}
	if n := p.writes.of("gateways/"); n > 300 {
		t.Errorf("%d writes to the Gateway, want at most 300", n)
	}
}
