package operator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/deliver"
	"fsm/internal/operator"
	"fsm/internal/translate/report"
)

const orphanClass = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: orphan}
spec: {controllerName: flomesh.io/gateway-controller}
`

const orphanObjects = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: orphan}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: orphan, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: BACKEND_PORT}]
endpoints: [{addresses: [BACKEND_IP]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: orphan}
spec:
  gatewayClassName: orphan
  listeners: [{name: http, port: GATEWAY_PORT, protocol: HTTP}]
`

// TestOrphan: when the class of a Gateway vanishes, its proxies and what is said about
// it stay as they are, whether control planes and proxies begin again or not. It goes
// on when the class is back.
func TestOrphan(t *testing.T) {
	l := newLab(t)
	l.namespace("orphan")
	l.Put(orphanClass)
	ip, port := backend(t, "hello")
	gateway := l.FreePort()
	l.Put(strings.NewReplacer("BACKEND_PORT", port, "BACKEND_IP", ip, "GATEWAY_PORT", gateway).Replace(orphanObjects))
	l.Put(gatewayWith("orphan", "other", "")) // this one has a class all the time
	controller := l.local()
	debug := l.debugged()
	stop := l.operate(controller)
	account := l.accountOf("orphan", "gw")
	l.assign("orphan", account, "", "192.0.2.7")
	l.proxy(controller.Addr().String(), "orphan", account, "gw")
	l.routeOrphan("1")
	l.Eventually("route serves", func() error { return answers(gateway, "1") })
	l.says("orphan", "gw", metav1.Condition{Type: "Programmed", Status: "True", Reason: "Programmed"})
	l.Eventually("route is accepted", func() error { return l.acceptedIn("orphan") })
	before, parent := l.recorded()

	l.Check(l.Delete(l.Ctx, orphanClass))
	l.Eventually("proxy is left alone", func() error { return held(debug(), 1) })
	l.stays(gateway, "2", before, parent)

	stop()
	controller, err := net.Listen("tcp", controller.Addr().String())
	l.Check(err)
	l.operate(controller)
	l.Eventually("proxy is left alone by the next control plane", func() error { return held(debug(), 1) })
	end := l.proxy(controller.Addr().String(), "orphan", account, "gw")
	l.Eventually("proxy that is new gets nothing", func() error { return held(debug(), 2) })
	l.stays(gateway, "3", before, parent)
	end()

	l.Put(orphanClass)
	l.Eventually("the last edit", func() error { return answers(gateway, "3") })
	now := l.says("orphan", "gw", metav1.Condition{Type: "Programmed", Status: "True", Reason: "Programmed"})
	if diff := cmp.Diff(before.Conditions, now.Status.Conditions); diff != "" {
		t.Errorf("conditions of the Gateway (-before +now):\n%s", diff)
	}
}

// accountOf is the name of the workload of a Gateway.
func (l *lab) accountOf(namespace, gateway string) (name string) {
	l.T.Helper()
	l.Eventually("workload of "+gateway, func() error {
		list, err := l.Kube.CoreV1().Services(namespace).List(l.Ctx, metav1.ListOptions{LabelSelector: "gateway.networking.k8s.io/gateway-name=" + gateway})
		if err != nil || len(list.Items) != 1 {
			return fmt.Errorf("%v, Services %v", err, list.Items)
		}
		name = list.Items[0].Name
		return nil
	})
	return name
}

// routeOrphan applies a route of both Gateways.
func (l *lab) routeOrphan(version string) {
	l.T.Helper()
	l.Put(strings.NewReplacer("namespace: shop", "namespace: orphan", "VERSION", version, "[{name: gw}]", "[{name: gw}, {name: other}]").Replace(route))
}

// recorded is what is said about the Gateway, and by its route about it.
func (l *lab) recorded() (gatewayv1.GatewayStatus, gatewayv1.RouteParentStatus) {
	l.T.Helper()
	g, err := l.read("orphan", "gw")
	l.Check(err)
	return g.Status, l.parent("gw")
}

// parent is what the route says about a Gateway; nothing if it does not mention it.
func (l *lab) parent(gateway string) gatewayv1.RouteParentStatus {
	l.T.Helper()
	var r gatewayv1.HTTPRoute
	l.Check(l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web, namespace: orphan}\n", &r))
	for _, p := range r.Status.Parents {
		if string(p.ParentRef.Name) == gateway {
			return p
		}
	}
	return gatewayv1.RouteParentStatus{}
}

// stays checks that an edit of the route that was seen changes nothing for the
// Gateway without a class.
func (l *lab) stays(port, version string, status gatewayv1.GatewayStatus, parent gatewayv1.RouteParentStatus) {
	l.T.Helper()
	l.routeOrphan(version)
	var r gatewayv1.HTTPRoute
	l.Check(l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web, namespace: orphan}\n", &r))
	l.Eventually("the edit is seen", func() error {
		c := l.parent("other").Conditions
		if len(c) == 0 || c[0].ObservedGeneration != r.Generation {
			return fmt.Errorf("generation %d, conditions %+v", r.Generation, c)
		}
		return nil
	})
	if err := answers(port, "1"); err != nil {
		l.T.Errorf("without a class: %v", err)
	}
	nowStatus, nowParent := l.recorded()
	if diff := cmp.Diff(status, nowStatus); diff != "" {
		l.T.Errorf("status of the Gateway (-before +now):\n%s", diff)
	}
	if diff := cmp.Diff(parent, nowParent); diff != "" {
		l.T.Errorf("status of the route (-before +now):\n%s", diff)
	}
}

// debugged gives control planes a debug interface, and returns what asks the last one
// for its proxies.
func (l *lab) debugged() (proxies func() []deliver.Proxy) {
	var address string
	l.set = func(o *operator.Options) {
		o.Debug = l.local()
		address = o.Debug.Addr().String()
	}
	return func() (list []deliver.Proxy) {
		res, err := http.Get("http://" + address + "/proxies")
		if err != nil {
			return nil // it begins
		}
		defer res.Body.Close()
		l.Check(json.NewDecoder(res.Body).Decode(&list))
		return list
	}
}

// held reports what keeps proxies, of which there are so many, from being left with
// what they have, the first as the only one with anything.
func held(proxies []deliver.Proxy, want int) error {
	some := 0
	for _, p := range proxies {
		if p.State != deliver.Stale || !strings.Contains(p.Why, "stays with what it has") {
			return fmt.Errorf("%+v", proxies)
		}
		if p.Sent != "" {
			some++
		}
	}
	if len(proxies) != want || some != 1 {
		return fmt.Errorf("%+v", proxies)
	}
	return nil
}

// TestSwitchedOff: while Gateways are switched off their proxies keep what they have,
// also under a control plane that begins then.
func TestSwitchedOff(t *testing.T) {
	l := newLab(t)
	l.namespace("orphan")
	l.Put(orphanClass)
	l.Check(l.ApplyFiles(l.Ctx, "../../charts/fsm/crds/*.yaml"))
	configuration := func(enabled bool) string {
		return strings.Replace(meshConfig("v1alpha3", fmt.Sprintf("{gatewayAPI: {enabled: %t}}", enabled)), "namespace: configured", "namespace: fsm-system", 1)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(l.Ctx)
		l.Check(l.Delete(ctx, configuration(true)))
		l.Check(l.DeleteFiles(ctx, "../../charts/fsm/crds/*.yaml"))
	})
	l.Put(configuration(true))
	ip, port := backend(t, "hello")
	gateway := l.FreePort()
	l.Put(strings.NewReplacer("BACKEND_PORT", port, "BACKEND_IP", ip, "GATEWAY_PORT", gateway).Replace(orphanObjects))
	controller := l.local()
	debug := l.debugged()
	stop := l.operate(controller)
	l.proxy(controller.Addr().String(), "orphan", l.accountOf("orphan", "gw"), "gw")
	l.routeOrphan("1")
	l.Eventually("route serves", func() error { return answers(gateway, "1") })

	l.Put(configuration(false))
	stop()
	l.routeOrphan("2")
	controller, err := net.Listen("tcp", controller.Addr().String())
	l.Check(err)
	l.operate(controller)
	l.Eventually("proxy is connected, and has what it had", func() error {
		list := debug()
		if len(list) != 1 || list[0].Why != "the controller has nothing to deliver yet" || list[0].Sent == "" {
			return fmt.Errorf("%+v", list)
		}
		return answers(gateway, "1")
	})
	l.Put(configuration(true))
	l.Eventually("the edit", func() error { return answers(gateway, "2") })
}

// TestBeginning: a control plane that begins writes nothing about a Gateway about which
// nothing changed.
func TestBeginning(t *testing.T) {
	l := newLab(t)
	l.namespace("beginning")
	l.Put(strings.Replace(gatewayWith("beginning", "gw", ""), "metadata: {", "metadata: {annotations: {gateway.flomesh.io/replicas: many}, ", 1))
	stop := l.operate(l.local())
	before := l.says("beginning", "gw", metav1.Condition{Type: report.OptionsValid, Status: "False", Reason: "InvalidOption", Message: "replicas"})
	l.says("beginning", "gw", metav1.Condition{Type: "Programmed", Status: "Unknown", Reason: "Pending"})
	stop()
	var writes atomic.Int64
	slow := make(chan struct{})
	l.requested = func(q *http.Request) {
		switch {
		case q.Method != http.MethodPatch:
		case strings.HasSuffix(q.URL.Path, "/namespaces/beginning/gateways/gw/status"):
			writes.Add(1)
		case strings.HasPrefix(q.URL.Path, "/api/v1/namespaces/beginning/"):
			select {
			case <-slow:
			case <-q.Context().Done():
			}
		}
	}
	l.listen()
	l.Put(gatewayWith("beginning", "next", ""))
	l.says("beginning", "next", metav1.Condition{Type: "Programmed", Status: "Unknown", Reason: "Pending"})
	close(slow) // it was long until workloads were looked at
	l.accountOf("beginning", "next")
	now, err := l.read("beginning", "gw")
	l.Check(err)
	if diff := cmp.Diff(before.Status.Conditions, now.Status.Conditions); diff != "" || writes.Load() != 0 {
		t.Errorf("%d writes, conditions (-before +now):\n%s", writes.Load(), diff)
	}
}
