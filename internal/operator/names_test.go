package operator_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"fsm/internal/ir"
	"fsm/internal/proxy/proxytest"
)

const tenant = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: names}
spec: {type: ExternalName, externalName: tenant.example.com, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: plain, namespace: names}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: plain-1, namespace: names, labels: {kubernetes.io/service-name: plain}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints:
- {addresses: [203.0.113.1], targetRef: {kind: Pod, name: one}}
- {addresses: [10.244.3.9], targetRef: {kind: Pod, name: two}}
- {addresses: [203.0.113.9]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: names}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: BACKEND, port: 80}]}]
`

// TestNamesOfTenants: a proxy with a backend that is a name learns which networks are
// the cluster's, and of each change; one without is not told, and not disturbed.
func TestNamesOfTenants(t *testing.T) {
	l := newLab(t)
	l.namespace("names")
	l.Put(gatewayWith("names", "gw", "") + "---" + strings.ReplaceAll(tenant, "BACKEND", "plain"))
	controller := l.listen()
	var p *proxytest.Proxy
	l.begun = func(q *proxytest.Proxy) { p = q }
	l.says("names", "gw", metav1.Condition{Type: "Accepted", Status: "True", Reason: "Accepted"})
	l.Eventually("account of the proxy", func() error {
		_, err := l.Kube.CoreV1().ServiceAccounts("names").Get(l.Ctx, "fsm-gateway-names", metav1.GetOptions{})
		return err
	})
	l.proxy(controller, "names", "fsm-gateway-names", "gw")

	serves := func(name string) func() error {
		return func() error {
			s := p.Snapshot()
			if s == nil {
				return fmt.Errorf("no snapshot")
			}
			for b := range s.Backends {
				if strings.Contains(string(b), name) {
					return nil
				}
			}
			return fmt.Errorf("backends are %v", s.Backends)
		}
	}
	l.Eventually("proxy serves", serves("names/plain"))
	if r := p.Snapshot().Resolution; r != nil {
		t.Errorf("a proxy that resolves nothing is told of %v", r.Refused)
	}

	l.Put(strings.ReplaceAll(tenant, "BACKEND", "web"))
	l.Eventually("proxy serves", serves("names/web"))
	// The cluster's own range of Services, and of pods those that say so themselves.
	api, err := l.Kube.CoreV1().Services("default").Get(l.Ctx, "kubernetes", metav1.GetOptions{})
	l.Check(err)
	l.expect(p, []string{api.Spec.ClusterIP, "203.0.113.1", "10.244.3.9"}, []string{"203.0.113.9", "192.0.2.10", "10.244.3.8"})

	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "names"}, Spec: corev1.NodeSpec{PodCIDR: "10.244.3.0/24", PodCIDRs: []string{"10.244.3.0/24"}}}
	_, err = l.Kube.CoreV1().Nodes().Create(l.Ctx, node, metav1.CreateOptions{})
	l.Check(err)
	l.expect(p, []string{"10.244.3.8", "10.244.3.9"}, []string{"192.0.2.10"})
	// A controller of nodes writes to it as well.
	l.Check(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		node, err := l.Kube.CoreV1().Nodes().Get(l.Ctx, "names", metav1.GetOptions{})
		if err != nil {
			return err
		}
		node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "names"}, {Type: corev1.NodeInternalIP, Address: "192.0.2.10"}}
		_, err = l.Kube.CoreV1().Nodes().UpdateStatus(l.Ctx, node, metav1.UpdateOptions{})
		return err
	}))
	l.expect(p, []string{"192.0.2.10", "10.244.3.8"}, nil)
	if n := p.Snapshot().Resolution.Refused; slices.Contains(n, netip.MustParsePrefix("10.244.3.9/32")) {
		t.Errorf("an address of a known network is listed besides: %v", n)
	}
	l.Check(l.Kube.CoreV1().Nodes().Delete(l.Ctx, "names", metav1.DeleteOptions{}))
	l.expect(p, []string{"10.244.3.9"}, []string{"192.0.2.10", "10.244.3.8"})

	l.Put(strings.ReplaceAll(tenant, "BACKEND", "plain"))
	l.Eventually("proxy resolves nothing any more", func() error {
		if r := p.Snapshot().Resolution; r != nil {
			return fmt.Errorf("it is told of %v", r.Refused)
		}
		return nil
	})
}

// expect waits until names may not resolve to some addresses, and may to others.
func (l *lab) expect(p *proxytest.Proxy, refused, permitted []string) {
	l.T.Helper()
	l.Eventually(fmt.Sprintf("%v refused, %v permitted", refused, permitted), func() error {
		r := p.Snapshot().Resolution
		if r == nil {
			return fmt.Errorf("names are not restricted")
		}
		for _, a := range refused {
			if !covers(r, a) {
				return fmt.Errorf("%s is not refused: %v", a, r.Refused)
			}
		}
		for _, a := range permitted {
			if covers(r, a) {
				return fmt.Errorf("%s is refused: %v", a, r.Refused)
			}
		}
		return nil
	})
}

func covers(r *ir.Resolution, address string) bool {
	return slices.ContainsFunc(r.Refused, func(p netip.Prefix) bool { return p.Contains(netip.MustParseAddr(address)) })
}
