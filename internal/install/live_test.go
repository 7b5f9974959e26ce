package install_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/cli"
)

// TestLiveCluster: without files, commands that explain configurations are about
// the cluster.
func TestLiveCluster(t *testing.T) {
	l := newLab(t)
	kubeconfig := filepath.Join(t.TempDir(), "config")
	l.Check(shared.WriteKubeconfig(kubeconfig, "admin"))
	fsm := func(code int, args string, want ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		got := cli.Main(l.Ctx, append(strings.Fields(args), "--kubeconfig", kubeconfig), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		if got != code {
			t.Errorf("fsm %s: code %d, want %d: %s", args, got, code, &errs)
		}
		for _, text := range want {
			if !strings.Contains(out.String()+errs.String(), text) {
				t.Errorf("fsm %s: %q is not in\n%s%s", args, text, &out, &errs)
			}
		}
	}
	l.Check(l.ApplyFiles(l.Ctx, "../resource/crds/gateway*.yaml"))
	fsm(1, "explain GET http://shop.example.com:8000/", "there is no Gateway of ours in the cluster")
	l.Check(l.Apply(l.Ctx, liveShop))
	t.Cleanup(func() { l.delete(liveShop) })
	fsm(0, "validate",
		"Gateway live/web  listener http  kinds=HTTPRoute,GRPCRoute  routes=1  Accepted=True  Programmed=True  ResolvedRefs=True\n",
		"HTTPRoute live/shop  parent Gateway web  Accepted=True  ResolvedRefs=True\n")
	fsm(0, "explain GET http://shop.example.com:8000/items", "HTTPRoute live/shop rule 0", "10.0.0.7:8080")
	fsm(0, "translate", "shop.example.com", "10.0.0.7:8080")
	fsm(0, "validate -o json", `"accepted": true`)

	// With a second Gateway on the same port it has to be said which one is meant: by
	// name, or by an address that one of them has.
	l.Check(l.Apply(l.Ctx, liveSecond))
	t.Cleanup(func() { l.delete(liveSecond) })
	const all = "several Gateways can be meant; choose one with --gateway: live/second, live/web"
	fsm(1, "explain GET http://shop.example.com:8000/items", all)
	fsm(1, "translate", all)
	fsm(1, "translate --gateway live/none", "there is no Gateway live/none of ours; there are: live/second, live/web")
	fsm(0, "translate --gateway live/web", "shop.example.com")
	fsm(0, "explain --gateway live/second GET http://shop.example.com:8000/items", "no_route")
	l.address("second", "192.0.2.7")
	fsm(0, "explain GET http://192.0.2.7:8000/items", "no_route")
	fsm(0, "validate", "Gateway live/second  Accepted=True", "Gateway live/web  Accepted=True") // no conflict: each has proxies of its own

	// What is wrong is said as the controller would.
	l.Check(l.Apply(l.Ctx, strings.Replace(liveShop, "name: cart, port", "name: none, port", 1)))
	fsm(0, "validate", "ResolvedRefs=False/BackendNotFound: Service live/none does not exist")
}

// address writes an address into the status of a Gateway.
func (l *lab) address(gateway, address string) {
	l.T.Helper()
	gateways := schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}
	patch := []byte(`{"status":{"addresses":[{"type":"IPAddress","value":"` + address + `"}]}}`)
	_, err := l.dynamic().Resource(gateways).Namespace("live").Patch(l.Ctx, gateway, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	l.Check(err)
}

const liveShop = `
apiVersion: v1
kind: Namespace
metadata: {name: live}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: live}
spec: {controllerName: flomesh.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: live}
spec:
  gatewayClassName: live
  listeners: [{name: http, port: 8000, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: live}
spec:
  parentRefs: [{name: web}]
  hostnames: [shop.example.com]
  rules: [{backendRefs: [{name: cart, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: live}
spec: {ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: cart, namespace: live, labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [10.0.0.7]}]
`

const liveSecond = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: second, namespace: live}
spec:
  gatewayClassName: live
  listeners: [{name: http, port: 8000, protocol: HTTP}]
`
