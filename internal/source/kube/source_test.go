package kube_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/config/v1alpha3"
	istiov1 "fsm/api/istio/v1"
	multicluster "fsm/api/multicluster/v1alpha1"
	policyv1alpha1 "fsm/api/policy/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/source/kube"
)

// kindTest is an object of a kind, the way it is created and then changed.
type kindTest struct {
	kind, text     string
	change         [2]string // old and new text
	there, changed func(*resource.Set) bool
}

// kindTests has one for each kind that is watched as a whole, but for policyTests.
var kindTests = []kindTest{
	{
		kind:    "Namespace",
		text:    "apiVersion: v1\nkind: Namespace\nmetadata: {name: blue, labels: {a: '1'}}\n",
		change:  [2]string{"a: '1'", "a: '2'"},
		there:   has[*corev1.Namespace]("", "blue"),
		changed: where("", "blue", func(n *corev1.Namespace) bool { return n.Labels["a"] == "2" }),
	},
	{
		kind:    "Service",
		text:    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n",
		change:  [2]string{"port: 80", "port: 81"},
		there:   has[*corev1.Service]("default", "web"),
		changed: where("default", "web", func(s *corev1.Service) bool { return s.Spec.Ports[len(s.Spec.Ports)-1].Port == 81 }),
	},
	{
		kind: "EndpointSlice",
		text: "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\n" +
			"addressType: IPv4\nendpoints: [{addresses: [10.1.1.1]}]\nports: [{port: 80, name: ''}]\n",
		change:  [2]string{"10.1.1.1", "10.1.1.2"},
		there:   has[*discoveryv1.EndpointSlice]("default", "web-1"),
		changed: where("default", "web-1", func(s *discoveryv1.EndpointSlice) bool { return s.Endpoints[0].Addresses[0] == "10.1.1.2" }),
	},
	{
		kind:    "GatewayClass",
		text:    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: blue}\nspec: {controllerName: example.com/c, description: a}\n",
		change:  [2]string{"description: a", "description: b"},
		there:   has[*gatewayv1.GatewayClass]("", "blue"),
		changed: where("", "blue", func(c *gatewayv1.GatewayClass) bool { return *c.Spec.Description == "b" }),
	},
	{
		kind:    "Gateway",
		text:    gateway("gw", "blue", "{name: a, port: 80, protocol: HTTP}"),
		change:  [2]string{"port: 80", "port: 81"},
		there:   has[*gatewayv1.Gateway]("default", "gw"),
		changed: where("default", "gw", func(g *gatewayv1.Gateway) bool { return g.Spec.Listeners[0].Port == 81 }),
	},
	{
		kind: "ListenerSet",
		text: "apiVersion: gateway.networking.k8s.io/v1\nkind: ListenerSet\nmetadata: {name: set}\n" +
			"spec: {parentRef: {name: gw}, listeners: [{name: a, port: 80, protocol: HTTP}]}\n",
		change:  [2]string{"port: 80", "port: 81"},
		there:   has[*gatewayv1.ListenerSet]("default", "set"),
		changed: where("default", "set", func(s *gatewayv1.ListenerSet) bool { return s.Spec.Listeners[0].Port == 81 }),
	},
	{
		kind:    "HTTPRoute",
		text:    route("r", "/old"),
		change:  [2]string{"value: /old", "value: /new"},
		there:   has[*gatewayv1.HTTPRoute]("default", "r"),
		changed: where("default", "r", func(r *gatewayv1.HTTPRoute) bool { return *r.Spec.Rules[0].Matches[0].Path.Value == "/new" }),
	},
	{
		kind:    "GRPCRoute",
		text:    backendRoute("GRPCRoute"),
		change:  [2]string{"port: 80", "port: 81"},
		there:   has[*gatewayv1.GRPCRoute]("default", "r"),
		changed: where("default", "r", func(r *gatewayv1.GRPCRoute) bool { return *r.Spec.Rules[0].BackendRefs[0].Port == 81 }),
	},
	{
		kind:    "TLSRoute",
		text:    strings.Replace(backendRoute("TLSRoute"), "spec: {", "spec: {hostnames: [a.example.com], ", 1),
		change:  [2]string{"port: 80", "port: 81"},
		there:   has[*gatewayv1.TLSRoute]("default", "r"),
		changed: where("default", "r", func(r *gatewayv1.TLSRoute) bool { return *r.Spec.Rules[0].BackendRefs[0].Port == 81 }),
	},
	{
		kind:    "TCPRoute",
		text:    backendRoute("TCPRoute"),
		change:  [2]string{"port: 80", "port: 81"},
		there:   has[*gatewayv1.TCPRoute]("default", "r"),
		changed: where("default", "r", func(r *gatewayv1.TCPRoute) bool { return *r.Spec.Rules[0].BackendRefs[0].Port == 81 }),
	},
	{
		kind:    "UDPRoute",
		text:    backendRoute("UDPRoute"),
		change:  [2]string{"port: 80", "port: 81"},
		there:   has[*gatewayv1.UDPRoute]("default", "r"),
		changed: where("default", "r", func(r *gatewayv1.UDPRoute) bool { return *r.Spec.Rules[0].BackendRefs[0].Port == 81 }),
	},
	{
		kind: "ReferenceGrant",
		text: "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g}\n" +
			"spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: a}], to: [{group: '', kind: Service}]}\n",
		change:  [2]string{"namespace: a", "namespace: b"},
		there:   has[*gatewayv1.ReferenceGrant]("default", "g"),
		changed: where("default", "g", func(g *gatewayv1.ReferenceGrant) bool { return g.Spec.From[0].Namespace == "b" }),
	},
	{
		kind: "BackendTLSPolicy",
		text: "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {name: p}\n" +
			"spec: {targetRefs: [{group: '', kind: Service, name: s}], validation: {hostname: a.example.com, wellKnownCACertificates: System}}\n",
		change:  [2]string{"a.example.com", "b.example.com"},
		there:   has[*gatewayv1.BackendTLSPolicy]("default", "p"),
		changed: where("default", "p", func(p *gatewayv1.BackendTLSPolicy) bool { return p.Spec.Validation.Hostname == "b.example.com" }),
	},
	{
		kind: "IngressClass",
		text: "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: reached, annotations: {ingressclass.kubernetes.io/is-default-class: 'false'}}\n" +
			"spec: {controller: example.com/reached}\n",
		change: [2]string{"'false'", "'true'"},
		there:  has[*networkingv1.IngressClass]("", "reached"),
		changed: where("", "reached", func(c *networkingv1.IngressClass) bool {
			return c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true"
		}),
	},
	{
		kind: "Ingress",
		text: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i\n  annotations: {kubernetes.io/ingress.class: reached, example.com/note: x, nginx.ingress.kubernetes.io/app-root: /a}\n" +
			"spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}\n",
		change: [2]string{"root: /a", "root: /b"},
		there:  has[*networkingv1.Ingress]("default", "i"),
		changed: where("default", "i", func(i *networkingv1.Ingress) bool {
			return maps.Equal(i.Annotations, map[string]string{"kubernetes.io/ingress.class": "reached", "nginx.ingress.kubernetes.io/app-root": "/b"})
		}),
	},
	{
		kind:    "NamespacedIngress",
		text:    "apiVersion: flomesh.io/v1alpha1\nkind: NamespacedIngress\nmetadata: {name: own}\nspec: {replicas: 2}\n",
		change:  [2]string{"replicas: 2", "replicas: 3"},
		there:   has[*multicluster.NamespacedIngress]("default", "own"),
		changed: where("default", "own", func(n *multicluster.NamespacedIngress) bool { return n.Spec.Replicas == 3 }),
	},
	{
		kind:    "MeshConfig",
		text:    "apiVersion: config.flomesh.io/v1alpha2\nkind: MeshConfig\nmetadata: {name: c}\nspec: {image: {tag: a}}\n",
		change:  [2]string{"tag: a", "tag: b"},
		there:   has[*v1alpha3.MeshConfig]("default", "c"),
		changed: where("default", "c", func(c *v1alpha3.MeshConfig) bool { return c.Spec.Image.Tag == "b" }),
	},
	{
		kind: "IngressBackend",
		text: "apiVersion: policy.flomesh.io/v1alpha1\nkind: IngressBackend\nmetadata: {name: b}\n" +
			"spec: {backends: [{name: web, port: {number: 80, protocol: http}}], sources: [{kind: IPRange, name: 10.0.0.0/8}]}\n",
		change:  [2]string{"10.0.0.0/8", "10.0.0.0/9"},
		there:   has[*policyv1alpha1.IngressBackend]("default", "b"),
		changed: where("default", "b", func(b *policyv1alpha1.IngressBackend) bool { return b.Spec.Sources[0].Name == "10.0.0.0/9" }),
	},
	{
		kind:    "Gateway.networking.istio.io",
		text:    "apiVersion: networking.istio.io/v1alpha3\nkind: Gateway\nmetadata: {name: gw}\nspec: {servers: [{port: {number: 80, name: http}}]}\n",
		change:  [2]string{"number: 80", "number: 81"},
		there:   has[*istiov1.Gateway]("default", "gw"),
		changed: where("default", "gw", func(g *istiov1.Gateway) bool { return g.Spec.Servers[0].Port.Number == 81 }),
	},
	{
		kind:    "VirtualService",
		text:    "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: v}\nspec: {hosts: [a.example.com], http: [{timeout: 1s}]}\n",
		change:  [2]string{"1s", "2s"},
		there:   has[*istiov1.VirtualService]("default", "v"),
		changed: where("default", "v", func(v *istiov1.VirtualService) bool { return v.Spec.HTTP[0].Timeout == "2s" }),
	},
}

// where holds when an object is there and looks as it should.
func where[T resource.Object](namespace, name string, looks func(T) bool) func(*resource.Set) bool {
	return func(s *resource.Set) bool {
		o, ok := resource.Get[T](s, namespace, name)
		return ok && looks(o)
	}
}

func gateway(name, class, listeners string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: " + name + "}\n" +
		"spec: {gatewayClassName: " + class + ", listeners: [" + listeners + "]}\n"
}

func backendRoute(kind string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: " + kind + "\nmetadata: {name: r}\n" +
		"spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 80}]}]}\n"
}

func TestEveryKindReachesTheSet(t *testing.T) {
	l := newLab(t)
	s := l.open(kube.Options{})
	tested := map[string]bool{"Secret": true, "ConfigMap": true}
	for _, test := range slices.Concat(kindTests, policyTests) {
		tested[test.kind] = true
		t.Run(test.kind, func(t *testing.T) {
			l, s := l.in(t), s.in(t)
			l.Check(l.Apply(l.Ctx, test.text))
			s.await("the object", test.there)
			l.Check(l.Apply(l.Ctx, strings.Replace(test.text, test.change[0], test.change[1], 1)))
			s.await("the change", test.changed)
			l.remove(test.text)
			s.await("the removal", func(set *resource.Set) bool { return !test.there(set) })
		})
	}
	for _, kind := range resource.Kinds() {
		if !tested[kind.ID()] {
			t.Errorf("there is no test for %s", kind.ID())
		}
	}
}

// What a cluster says and what a file says must come to the same value.
func TestObjectsLookAsThoseOfFiles(t *testing.T) {
	l := newLab(t)
	text := route("same", "/x")
	l.Lend(text)
	s := l.open(kube.Options{})
	got := get[*gatewayv1.HTTPRoute](s, "default", "same")

	objects, problems := resource.Decode("x.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := objects[0].(*gatewayv1.HTTPRoute)
	want.UID, want.CreationTimestamp = got.UID, got.CreationTimestamp
	delete(want.Annotations, "example.com/note")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-file +cluster:\n%s", diff)
	}
}

// Writing a status must not set a translation in motion, and neither must an
// annotation of somebody else.
func TestOnlyWhatUsersWroteCounts(t *testing.T) {
	l := newLab(t)
	l.Lend(route("a", "/a"))
	l.Lend(route("b", "/b"))
	s := l.open(kube.Options{})
	a, b, set := get[*gatewayv1.HTTPRoute](s, "default", "a"), get[*gatewayv1.HTTPRoute](s, "default", "b"), s.Set()
	key := resource.KeyOf(a)
	before, _ := s.Recorded(key)

	l.Check(l.ApplyStatus(l.Ctx, "someone", status("a", "example.com/c")))
	l.Check(l.Apply(l.Ctx, strings.Replace(route("a", "/a"), `"/a"`, `"other"`, 1)))
	var now kube.Recorded
	for now = before; now.ResourceVersion == before.ResourceVersion || len(now.Status.(*gatewayv1.HTTPRouteStatus).Parents) == 0; {
		select {
		case <-s.StatusChanged():
			now, _ = s.Recorded(key)
		case <-l.Ctx.Done():
			t.Fatal("the status did not arrive")
		}
	}
	// b is changed after a, so once that is seen everything about a was seen.
	l.Check(l.Apply(l.Ctx, route("b", "/c")))
	s.await("the change of b", where("default", "b", func(r *gatewayv1.HTTPRoute) bool {
		return *r.Spec.Rules[0].Matches[0].Path.Value == "/c"
	}))
	if get[*gatewayv1.HTTPRoute](s, "default", "a") != a {
		t.Error("a is another object, though its user changed nothing")
	}
	if get[*gatewayv1.HTTPRoute](s, "default", "b") == b {
		t.Error("b is the same object after a change")
	}
	if old, _ := resource.Get[*gatewayv1.HTTPRoute](set, "default", "b"); old != b {
		t.Error("a set that was handed out has changed")
	}
}

func status(name, controller string) string {
	return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ` + name + `}
status:
  parents:
  - controllerName: ` + controller + `
    parentRef: {name: gw}
    conditions:
    - {type: Accepted, status: "True", reason: Accepted, message: "", lastTransitionTime: "2026-01-01T00:00:00Z", observedGeneration: 1}
`
}

func TestDefinitionsComeAndGo(t *testing.T) {
	l := newLab(t)
	s := l.open(kube.Options{})
	const file = "../../resource/crds/gateway.networking.k8s.io_tcproutes.yaml"
	tcpRoute := backendRoute("TCPRoute")
	l.Check(l.Apply(l.Ctx, tcpRoute))
	s.await("the route", has[*gatewayv1.TCPRoute]("default", "r"))

	l.Check(l.DeleteFiles(l.Ctx, file))
	s.await("the route to vanish", hasNot[*gatewayv1.TCPRoute]("default", "r"))
	waitFor(t, func() bool { _, _, served := s.Version("TCPRoute"); return !served })

	l.Check(l.ApplyFiles(l.Ctx, file))
	l.Check(l.Apply(l.Ctx, tcpRoute))
	s.await("the route to come back", has[*gatewayv1.TCPRoute]("default", "r"))
	l.remove(tcpRoute)
	s.await("the route to be gone", hasNot[*gatewayv1.TCPRoute]("default", "r"))
}

// A controller may be there before the Gateway API is.
func TestClusterWithoutGatewayAPI(t *testing.T) {
	l := newLab(t)
	l.Check(l.DeleteFiles(l.Ctx, definitionFiles))
	s := l.open(kube.Options{})
	if !has[*corev1.Namespace]("", "default")(s.Set()) {
		t.Error("no namespace default")
	}
	l.Check(l.ApplyFiles(l.Ctx, definitionFiles))
	l.Lend(ourClass)
	l.Lend(secret("default", "cert", "1"))
	l.Lend(gateway("gw", "ours", https("{name: cert}")))
	s.await("the Gateway and its Secret", and(has[*gatewayv1.Gateway]("default", "gw"), has[*corev1.Secret]("default", "cert")))
}

// An older cluster serves TLSRoute as v1alpha2 only. When it is upgraded nothing is
// lost.
func TestOlderVersionsAreRead(t *testing.T) {
	l := newLab(t)
	l.Check(l.Delete(l.Ctx, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: tlsroutes.gateway.networking.k8s.io}\n"))
	l.Check(l.Apply(l.Ctx, oldTLSRoutes))
	old := strings.Replace(strings.Replace(backendRoute("TLSRoute"), "k8s.io/v1", "k8s.io/v1alpha2", 1), "spec: {", "spec: {hostnames: [a.example.com], ", 1)
	l.Check(l.Apply(l.Ctx, old))
	s := l.open(kube.Options{})
	s.await("the route", has[*gatewayv1.TLSRoute]("default", "r"))
	route := get[*gatewayv1.TLSRoute](s, "default", "r")
	if route.APIVersion != "gateway.networking.k8s.io/v1" || route.Spec.Hostnames[0] != "a.example.com" {
		t.Errorf("got %s with hostnames %q", route.APIVersion, route.Spec.Hostnames)
	}
	if version, _, _ := s.Version("TLSRoute"); version != "v1alpha2" {
		t.Errorf("reads version %q", version)
	}

	l.Check(l.ApplyFiles(l.Ctx, "../../resource/crds/gateway.networking.k8s.io_tlsroutes.yaml"))
	waitFor(t, func() bool { version, _, _ := s.Version("TLSRoute"); return version == "v1" })
	l.Check(l.Apply(l.Ctx, strings.Replace(backendRoute("TLSRoute"), "spec: {", "spec: {hostnames: [b.example.com], ", 1)))
	s.await("the change", where("default", "r", func(r *gatewayv1.TLSRoute) bool { return r.Spec.Hostnames[0] == "b.example.com" }))
	l.remove(backendRoute("TLSRoute"))
	s.await("the removal", hasNot[*gatewayv1.TLSRoute]("default", "r"))
}

const oldTLSRoutes = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: tlsroutes.gateway.networking.k8s.io
  annotations: {api-approved.kubernetes.io: "https://github.com/kubernetes-sigs/gateway-api/pull/2997"}
spec:
  group: gateway.networking.k8s.io
  names: {kind: TLSRoute, listKind: TLSRouteList, plural: tlsroutes, singular: tlsroute}
  scope: Namespaced
  versions:
  - name: v1alpha2
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// After a restart of the API server the set is the same, and changes arrive.
func TestAPIServerRestarts(t *testing.T) {
	l := newLab(t)
	l.Lend(route("a", "/a"))
	l.Lend(route("b", "/b"))
	s := l.open(kube.Options{})
	before := s.Set()
	s.drain()

	shared.KillAPIServer()
	if s.Set() != before {
		t.Error("the set changed because the API server is away")
	}
	l.Check(shared.StartAPIServer(l.Ctx))
	l.Check(l.Apply(l.Ctx, route("b", "/c")))
	s.await("the change", where("default", "b", func(r *gatewayv1.HTTPRoute) bool {
		return *r.Spec.Rules[0].Matches[0].Path.Value == "/c"
	}))
	for _, r := range resource.List[*gatewayv1.HTTPRoute](before) {
		now := get[*gatewayv1.HTTPRoute](s, r.Namespace, r.Name)
		if r.Name == "a" && now != r {
			t.Error("a route that nobody changed is another object")
		}
	}
	if before.Len() != s.Set().Len() {
		t.Errorf("%d objects before, %d after", before.Len(), s.Set().Len())
	}
}
