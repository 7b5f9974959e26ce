package controller_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/controller"
	"fsm/internal/deliver"
	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// BenchmarkLatency measures what users wait for after an edit: from a set in which
// one object is another, through the whole control plane and a proxy in this
// process, to the first HTTP answer that shows it. Making the set is not in it.
func BenchmarkLatency(b *testing.B) {
	for _, routes := range []int{100, 5000} {
		for _, own := range []string{"path", "hostname"} {
			for _, c := range changes {
				b.Run(fmt.Sprintf("routes=%d/own=%s/change=%s", routes, own, c.name), func(b *testing.B) {
					newFleet(b, routes, own == "hostname").measure(b, c)
				})
			}
		}
	}
}

// change is what becomes another version of itself.
type change struct {
	name  string
	make  func(f *fleet, version string)
	shown func(proxytest.Response) (version string)
}

var changes = []change{{
	"route",
	func(f *fleet, version string) { f.routes[changing] = f.route(changing, version) },
	func(r proxytest.Response) string { return r.Header.Get("Route-Version") },
}, {
	"endpoint",
	func(f *fleet, version string) { f.slices[changing] = f.slice(changing, version) },
	func(r proxytest.Response) string { return r.Body },
}}

// changing is the route, or the endpoint, that changes.
const changing = 7

// Versions of what changes; each has a backend that answers with its name.
var versions = [...]string{"one", "two"}

// fleet is a Gateway with many HTTPRoutes, each to a Service of its own.
type fleet struct {
	// ownHostname gives each route a hostname of its own, and with it a table;
	// otherwise all share one table and differ by path.
	ownHostname bool
	port        uint16
	backends    map[string]netip.AddrPort // by version

	gateway                  *gatewayv1.Gateway
	services, slices, routes []resource.Object
}

func newFleet(b *testing.B, routes int, ownHostname bool) *fleet {
	b.Helper()
	f := &fleet{ownHostname: ownHostname, port: freePort(b), backends: map[string]netip.AddrPort{}}
	for _, version := range versions {
		f.backends[version] = backend(b, version)
	}
	f.gateway = &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "gw", Generation: 1},
		Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "fsm",
			Listeners: []gatewayv1.Listener{{
				Name: "http", Port: gatewayv1.PortNumber(f.port), Protocol: gatewayv1.HTTPProtocolType,
			}},
		},
	}
	for i := range routes {
		f.services = append(f.services, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: serviceName(i)},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
		})
		f.slices = append(f.slices, f.slice(i, versions[0]))
		f.routes = append(f.routes, f.route(i, versions[0]))
	}
	return f
}

func serviceName(i int) string { return "service-" + strconv.Itoa(i) }

// hostname and path are where a route is found.
func (f *fleet) hostname(i int) string { return "host-" + strconv.Itoa(i) + ".example" }
func (f *fleet) path(i int) string     { return "/route-" + strconv.Itoa(i) }

// slice sends a Service to the backend of a version.
func (f *fleet) slice(i int, version string) *discoveryv1.EndpointSlice {
	to := f.backends[version]
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: serviceName(i), Labels: map[string]string{discoveryv1.LabelServiceName: serviceName(i)},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(to.Port()))}},
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{to.Addr().String()}}},
	}
}

// route is one that puts the version into the response.
func (f *fleet) route(i int, version string) *gatewayv1.HTTPRoute {
	r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "route-" + strconv.Itoa(i), Generation: 1}}
	r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "gw"}}
	if f.ownHostname {
		r.Spec.Hostnames = []gatewayv1.Hostname{gatewayv1.Hostname(f.hostname(i))}
	}
	r.Spec.Rules = []gatewayv1.HTTPRouteRule{{
		Matches: []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Value: new(f.path(i))}}},
		Filters: []gatewayv1.HTTPRouteFilter{{
			Type: gatewayv1.HTTPRouteFilterResponseHeaderModifier,
			ResponseHeaderModifier: &gatewayv1.HTTPHeaderFilter{
				Set: []gatewayv1.HTTPHeader{{Name: "Route-Version", Value: version}},
			},
		}},
		BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
			BackendObjectReference: gatewayv1.BackendObjectReference{
				Name: gatewayv1.ObjectName(serviceName(i)), Port: new(gatewayv1.PortNumber(80)),
			},
		}}},
	}}
	return r
}

func (f *fleet) set() *resource.Set {
	return resource.NewSet(slices.Concat([]resource.Object{f.gateway}, f.services, f.slices, f.routes))
}

// rest is longer than the loop waits for further changes, so that each change is
// one that comes alone.
const rest = 30 * time.Millisecond

// measure changes the fleet from one version to the other and back, and waits for
// the answers to follow.
func (f *fleet) measure(b *testing.B, c change) {
	s := &source{set: f.set(), changes: make(chan struct{})}
	ask := f.client(b, serve(b, s))
	var took []time.Duration
	for i := 1; b.Loop(); i++ {
		b.StopTimer()
		version := versions[i%len(versions)]
		c.make(f, version)
		s.set = f.set()
		time.Sleep(rest)
		b.StartTimer()
		begun := time.Now()
		s.changes <- struct{}{}
		for c.shown(ask()) != version {
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e6, "ms-median")
	b.ReportMetric(float64(took[len(took)-1])/1e6, "ms-worst")
}

// serve runs everything between a source and a proxy, as a standalone gateway has
// it, until the benchmark ends.
func serve(b *testing.B, s controller.Source) *proxytest.Proxy {
	b.Helper()
	p := proxytest.Start(b, proxy.Config{})
	reports := &controller.Reports{Publish: func(*report.Report) {}}
	loop := &controller.Loop{
		Sources: []controller.Source{s}, Translator: translate.New(translate.Config{Standalone: true}),
		Translated: reports.Translated,
	}
	node := project.Node{Role: project.RoleGateway, Bind: []string{"127.0.0.1"}}
	local := deliver.NewLocal(func(m *ir.Mesh) *ir.Snapshot { return project.Project(m, node) }, p.Apply, reports.Answered)
	loop.Delivery = local
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { loop.Run(ctx) })
	wg.Go(func() { local.Run(ctx) })
	b.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return p
}

// client waits until the proxy listens, and returns what asks for the route that
// changes, on one connection.
func (f *fleet) client(b *testing.B, p *proxytest.Proxy) (ask func() proxytest.Response) {
	b.Helper()
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(f.port)))
	proxytest.Eventually(b, "the proxy listens", func() bool { return p.Sockets().Addr(ir.ListenerName("tcp/"+addr)) != nil })
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = raw.Close() })
	c := proxytest.Wrap(raw)
	request := "GET " + f.path(changing) + " HTTP/1.1\r\nHost: " + f.hostname(changing) + "\r\n\r\n"
	return func() proxytest.Response {
		_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
		c.Send(request)
		r, err := c.ReadResponse("GET")
		if err != nil || r.Status != http.StatusOK {
			b.Fatalf("the answer was %d, %v", r.Status, err)
		}
		return r
	}
}

// backend answers every request with a text.
func backend(b *testing.B, text string) netip.AddrPort {
	b.Helper()
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	s := proxytest.ServeLoad(b, func(c *proxytest.Conn) {
		for {
			if _, err := http.ReadRequest(c.R); err != nil {
				return
			}
			c.Send(answer)
		}
	})
	return netip.MustParseAddrPort(s.Addr)
}

// freePort is one that nobody listens on. A Gateway cannot leave the choice to the
// kernel.
func freePort(b *testing.B) uint16 {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).AddrPort().Port()
}
