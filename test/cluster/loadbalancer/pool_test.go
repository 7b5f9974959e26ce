package loadbalancer

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// addresses has .1 to .14, of which .13 and .14 have to be asked for.
var addresses = netip.MustParsePrefix("192.0.2.0/28")

func newPool() *pool { return &pool{addresses: addresses, last: addresses.Addr()} }

// service is a load balancer that is older than those of greater age.
func service(name string, age int, change ...func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "blue", Name: name, CreationTimestamp: metav1.Unix(int64(age), 0)},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

func asks(address string) func(*corev1.Service) {
	return func(s *corev1.Service) { s.Spec.LoadBalancerIP = address }
}

func has(address string) func(*corev1.Service) {
	return func(s *corev1.Service) {
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
	}
}

func local(s *corev1.Service) {
	s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
}

func TestAssign(t *testing.T) {
	for name, test := range map[string]struct {
		services []*corev1.Service
		want     map[string]string // changes, by the name of the Service
	}{
		"the oldest come first": {
			services: []*corev1.Service{service("young", 2), service("old", 1)},
			want:     map[string]string{"old": "192.0.2.1", "young": "192.0.2.2"},
		},
		"what a service has it keeps": {
			services: []*corev1.Service{service("a", 1), service("b", 2, has("192.0.2.1"))},
			want:     map[string]string{"a": "192.0.2.2"},
		},
		"a request is honoured": {
			services: []*corev1.Service{service("a", 1, asks("192.0.2.14"))},
			want:     map[string]string{"a": "192.0.2.14"},
		},
		"a request later moves the service": {
			services: []*corev1.Service{service("a", 1, has("192.0.2.1"), asks("192.0.2.14"))},
			want:     map[string]string{"a": "192.0.2.14"},
		},
		"a request for what another has waits": {
			services: []*corev1.Service{service("a", 1, asks("192.0.2.1")), service("b", 2, has("192.0.2.1"))},
			want:     map[string]string{},
		},
		"a request outside the range waits": {
			services: []*corev1.Service{service("a", 1, asks("198.51.100.1"))},
			want:     map[string]string{},
		},
		"a request for what no host can have waits": {
			services: []*corev1.Service{service("a", 1, asks("192.0.2.0")), service("b", 2, asks("192.0.2.15")), service("c", 3, asks("x"))},
			want:     map[string]string{},
		},
		"two with one address are parted": {
			services: []*corev1.Service{service("a", 1, has("192.0.2.1")), service("b", 2, has("192.0.2.1"))},
			want:     map[string]string{"b": "192.0.2.2"},
		},
		"other types and classes get nothing": {
			services: []*corev1.Service{
				service("a", 1, func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }),
				service("b", 2, func(s *corev1.Service) { s.Spec.LoadBalancerClass = new("other") }),
				service("c", 3, func(s *corev1.Service) { s.DeletionTimestamp = new(metav1.Now()) }),
			},
			want: map[string]string{},
		},
		"what was one loses its address": {
			services: []*corev1.Service{service("a", 1, has("192.0.2.1"), func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeNodePort })},
			want:     map[string]string{"a": "invalid IP"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]string{}
			for _, c := range newPool().assign(test.services) {
				got[c.service.Name] = c.address.String()
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
		})
	}
}

// Addresses run out, except for those that have to be asked for, and come back.
func TestAssignAll(t *testing.T) {
	p := newPool()
	var all []*corev1.Service
	for i := range 13 {
		all = append(all, service(string(rune('a'+i)), i))
	}
	changes := p.assign(all)
	if len(changes) != 12 {
		t.Fatalf("%d of 13 services get addresses, of which there are 12", len(changes))
	}
	for _, c := range changes {
		has(c.address.String())(c.service)
	}
	changes = p.assign(all[1:])
	if len(changes) != 1 || changes[0].service != all[12] || changes[0].address.String() != "192.0.2.1" {
		t.Errorf("an address came back: %v", changes)
	}
}

// An address that was released is not the next to be given.
func TestAssignLater(t *testing.T) {
	p := newPool()
	p.assign([]*corev1.Service{service("a", 1)})
	changes := p.assign([]*corev1.Service{service("b", 2)})
	if len(changes) != 1 || changes[0].address.String() != "192.0.2.2" {
		t.Errorf("the next address: %v", changes)
	}
}

// endpoint is a slice of one Service with one pod.
func endpoint(service, node string, conditions discoveryv1.EndpointConditions) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "blue", Name: service + "-" + node, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		Endpoints:  []discoveryv1.Endpoint{{NodeName: &node, Conditions: conditions}},
	}
}

func TestRoutes(t *testing.T) {
	var (
		ready    = discoveryv1.EndpointConditions{Ready: new(true), Serving: new(true)}
		unready  = discoveryv1.EndpointConditions{Ready: new(false), Serving: new(false)}
		ending   = discoveryv1.EndpointConditions{Ready: new(false), Serving: new(true), Terminating: new(true)}
		unknown  = discoveryv1.EndpointConditions{}
		a        = service("a", 1, has("192.0.2.1"), local)
		address  = netip.MustParseAddr("192.0.2.1")
		toNode   = func(n string) routes { return routes{address: n} }
		elsewhen = endpoint("a", "node-3", ready)
	)
	elsewhen.Namespace = "green"
	for name, test := range map[string]struct {
		service   *corev1.Service
		endpoints []*discoveryv1.EndpointSlice
		now, want routes
	}{
		"to a node with a pod":         {a, []*discoveryv1.EndpointSlice{endpoint("a", "node-2", ready)}, nil, toNode("node-2")},
		"to one whose state is open":   {a, []*discoveryv1.EndpointSlice{endpoint("a", "node-2", unknown)}, nil, toNode("node-2")},
		"not to one that is not ready": {a, []*discoveryv1.EndpointSlice{endpoint("a", "node-1", unready), endpoint("a", "node-2", ready)}, nil, toNode("node-2")},
		"rather not to one that ends":  {a, []*discoveryv1.EndpointSlice{endpoint("a", "node-1", ending), endpoint("a", "node-2", ready)}, nil, toNode("node-2")},
		"to one that ends, as a last":  {a, []*discoveryv1.EndpointSlice{endpoint("a", "node-1", ending)}, nil, toNode("node-1")},
		"to where it went before":      {a, []*discoveryv1.EndpointSlice{endpoint("a", "node-1", ready), endpoint("a", "node-2", ready)}, toNode("node-2"), toNode("node-2")},
		"away from a node without":     {a, []*discoveryv1.EndpointSlice{endpoint("a", "node-1", ready)}, toNode("node-2"), toNode("node-1")},
		"nowhere without pods":         {a, nil, toNode("node-2"), routes{}},
		"nowhere for pods of others":   {a, []*discoveryv1.EndpointSlice{endpoint("b", "node-1", ready), elsewhen}, nil, routes{}},
		"nowhere by the other policy":  {service("a", 1, has("192.0.2.1")), []*discoveryv1.EndpointSlice{endpoint("a", "node-1", ready)}, toNode("node-1"), routes{}},
		"nowhere without an address":   {service("a", 1, local), []*discoveryv1.EndpointSlice{endpoint("a", "node-1", ready)}, nil, routes{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := newPool().routes([]*corev1.Service{test.service}, test.endpoints, test.now)
			if d := cmp.Diff(test.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
				t.Errorf("routes (-want +got):\n%s", d)
			}
		})
	}
}
