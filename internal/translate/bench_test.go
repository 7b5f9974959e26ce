package translate_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

// fleet is a Gateway with many HTTPRoutes, each with a Service of its own.
type fleet struct {
	objects []resource.Object
	// ownHostname gives each route a hostname of its own, and with it a table;
	// otherwise all share one table and differ by path.
	ownHostname bool
	routes      int
}

func newFleet(routes int, ownHostname bool) *fleet {
	f := &fleet{ownHostname: ownHostname, routes: routes}
	f.objects = append(f.objects, &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw", Generation: 1},
		Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "fsm",
			Listeners:        []gatewayv1.Listener{{Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType}},
		},
	})
	for i := range routes {
		f.objects = append(f.objects, f.service(i), f.slice(i, "10.0.0.1"), f.route(i, "/"))
	}
	return f
}

func (f *fleet) service(i int) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("service-%04d", i)},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}
}

func (f *fleet) slice(i int, address string) *discoveryv1.EndpointSlice {
	name := fmt.Sprintf("service-%04d", i)
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name + "-a", Labels: map[string]string{discoveryv1.LabelServiceName: name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(8080))}},
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{address}}},
	}
}

func (f *fleet) route(i int, prefix string) *gatewayv1.HTTPRoute {
	name := fmt.Sprintf("route-%04d", i)
	r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Generation: 1}}
	r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "gw"}}
	path := prefix
	if f.ownHostname {
		r.Spec.Hostnames = []gatewayv1.Hostname{gatewayv1.Hostname(name + ".example.com")}
	} else {
		path += name
	}
	r.Spec.Rules = []gatewayv1.HTTPRouteRule{{
		Matches: []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Value: &path}}},
		BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
			BackendObjectReference: gatewayv1.BackendObjectReference{
				Name: gatewayv1.ObjectName(fmt.Sprintf("service-%04d", i)), Port: new(gatewayv1.PortNumber(80)),
			},
		}}},
	}}
	return r
}

// with returns the set with one object replaced.
func (f *fleet) with(o resource.Object) *resource.Set {
	return resource.NewSet(append(f.objects[:len(f.objects):len(f.objects)], o))
}

func forFleets(b *testing.B, run func(b *testing.B, f *fleet)) {
	for _, routes := range []int{100, 5000} {
		for _, own := range []bool{true, false} {
			name := fmt.Sprintf("routes=%d/own=path", routes)
			if own {
				name = fmt.Sprintf("routes=%d/own=hostname", routes)
			}
			b.Run(name, func(b *testing.B) { run(b, newFleet(routes, own)) })
		}
	}
}

func BenchmarkCold(b *testing.B) {
	forFleets(b, func(b *testing.B, f *fleet) {
		set := resource.NewSet(f.objects)
		for b.Loop() {
			translate.Translate(set, translate.Config{Standalone: true})
		}
	})
}

// benchmarkChange measures the translation of sets that differ by one object.
func benchmarkChange(b *testing.B, sets [2]*resource.Set, after func(*ir.Mesh)) {
	translator := translate.New(translate.Config{Standalone: true})
	for _, set := range sets {
		mesh, _ := translator.Translate(set)
		after(mesh)
	}
	i := 0
	for b.Loop() {
		mesh, _ := translator.Translate(sets[i%2])
		after(mesh)
		i++
	}
}

func BenchmarkRouteChanged(b *testing.B) {
	forFleets(b, func(b *testing.B, f *fleet) {
		sets := [2]*resource.Set{f.with(f.route(7, "/a/")), f.with(f.route(7, "/b/"))}
		benchmarkChange(b, sets, func(*ir.Mesh) {})
	})
}

func BenchmarkEndpointSliceChanged(b *testing.B) {
	forFleets(b, func(b *testing.B, f *fleet) {
		sets := [2]*resource.Set{f.with(f.slice(7, "10.0.0.8")), f.with(f.slice(7, "10.0.0.9"))}
		benchmarkChange(b, sets, func(*ir.Mesh) {})
	})
}

// BenchmarkProject measures projection and sealing after one route changed.
func BenchmarkProject(b *testing.B) {
	forFleets(b, func(b *testing.B, f *fleet) {
		node := project.Node{Role: project.RoleGateway}
		translator := translate.New(translate.Config{Standalone: true})
		mesh, _ := translator.Translate(f.with(f.route(7, "/a/")))
		project.Project(mesh, node)
		i := 0
		for b.Loop() {
			b.StopTimer()
			mesh, _ := translator.Translate(f.with(f.route(7, fmt.Sprintf("/%d/", i))))
			i++
			b.StartTimer()
			project.Project(mesh, node)
		}
	})
}
