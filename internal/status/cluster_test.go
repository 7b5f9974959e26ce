package status_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/controller"
	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/source/kube"
	"fsm/internal/status"
	"fsm/internal/translate"
	"fsm/test/cluster"
)

// shared is the cluster of all tests of this package; nil where there is none.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, &shared, cluster.Options{ControllerManager: true}))
}

const ourName = "flomesh.io/gateway-controller"

// lab is the shared cluster with the Gateway API and our GatewayClass.
type lab struct{ *cluster.Session }

var install sync.Once

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{shared.Session(t)}
	install.Do(func() {
		l.Check(l.ApplyFiles(l.Ctx, "../resource/crds/gateway*.yaml"))
		l.Put(class("fsm"))
	})
	return l
}

// in is the lab of a part of a test.
func (l *lab) in(t testing.TB) *lab { return &lab{l.In(t)} }

func class(name string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: " + name + "}\nspec: {controllerName: " + ourName + "}\n"
}

// await waits until something holds of the cluster; it says what does not.
func (l *lab) await(holds func() (missing string)) {
	l.T.Helper()
	l.Eventually("statuses say what they should", func() error {
		if missing := holds(); missing != "" {
			return errors.New(missing)
		}
		return nil
	})
}

// writes counts the requests of a client that write statuses, by path.
type writes struct {
	mu     sync.Mutex
	counts map[string]int
}

func (w *writes) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(q *http.Request) (*http.Response, error) {
		if q.Method != http.MethodGet && strings.HasSuffix(q.URL.Path, "/status") {
			w.mu.Lock()
			w.counts[q.URL.Path]++
			w.mu.Unlock()
		}
		return next.RoundTrip(q)
	})
}

// of is the number of writes to objects of a kind, by its plural name; empty for all.
func (w *writes) of(plural string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for path, count := range w.counts {
		if strings.Contains(path, "/"+plural) {
			n += count
		}
	}
	return n
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// plane is a control plane whose proxies answer at once.
type plane struct {
	*status.Writer
	source *kube.Source
	writes *writes
}

// delivery stands for proxies that apply everything.
type delivery func(*ir.Mesh)

func (d delivery) Publish(m *ir.Mesh) { d(m) }

// settings of a control plane in a test.
type settings struct {
	proxies func(resource.Key) status.Proxies
	// config of the translation.
	config translate.Config
	// lead runs the writer; nil means always.
	lead func(context.Context, func(context.Context))
}

// reachable are proxies that serve and have an address.
func reachable(resource.Key) status.Proxies {
	kind := gatewayv1.IPAddressType
	return status.Proxies{Ready: true, Addresses: []gatewayv1.GatewayStatusAddress{{Type: &kind, Value: "192.0.2.1"}}}
}

// start runs a control plane until the test ends or stop is called.
func (l *lab) start(s settings) (p *plane, stop func()) {
	l.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	source, err := kube.Open(ctx, kube.Options{Config: shared.Admin(), ControllerName: ourName})
	if err != nil {
		cancel()
		l.T.Fatal(err)
	}
	if s.proxies == nil {
		s.proxies = reachable
	}
	if s.lead == nil {
		s.lead = func(ctx context.Context, run func(context.Context)) { run(ctx) }
	}
	p = &plane{source: source, writes: &writes{counts: map[string]int{}}}
	config := shared.Admin()
	config.Wrap(p.writes.wrap)
	p.Writer, err = status.New(status.Options{
		Config: config, ControllerName: ourName, Source: source, Proxies: s.proxies,
		Features: []gatewayv1.FeatureName{"HTTPRoute", "Gateway", "GRPCRoute", "Gateway"},
	})
	l.Check(err)
	reports := &controller.Reports{Publish: p.Publish}
	loop := &controller.Loop{
		Sources:    []controller.Source{source},
		Translator: translate.New(s.config),
		Translated: reports.Translated,
	}
	loop.Delivery = delivery(func(m *ir.Mesh) {
		snapshot := project.Project(m, project.Node{Name: "test", Role: project.RoleGateway})
		reports.Answered(m, ir.Ack{Failures: snapshot.Conflicts})
	})
	var wg sync.WaitGroup
	wg.Go(func() { loop.Run(ctx) })
	wg.Go(func() { s.lead(ctx, p.Run) })
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	l.T.Cleanup(stop)
	return p, stop
}

// gateway reads a Gateway of namespace default.
func (l *lab) gateway(name string) *gatewayv1.Gateway {
	l.T.Helper()
	var g gatewayv1.Gateway
	l.Check(l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: "+name+"}\n", &g))
	return &g
}

func (l *lab) httpRoute(name string) *gatewayv1.HTTPRoute {
	l.T.Helper()
	var r gatewayv1.HTTPRoute
	l.Check(l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: "+name+"}\n", &r))
	return &r
}

func find(conditions []metav1.Condition, kind string) metav1.Condition {
	for _, c := range conditions {
		if c.Type == kind {
			return c
		}
	}
	return metav1.Condition{}
}
