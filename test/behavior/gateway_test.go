package behavior

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"fsm/internal/controller"
	"fsm/internal/deliver"
	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/proxy"
	"fsm/internal/proxy/upstream"
	"fsm/internal/resource"
	"fsm/internal/source/file"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// settleTimeout bounds the wait for a change to come into force.
const settleTimeout = 20 * time.Second

// gateway is everything between manifests and sockets.
type gateway struct {
	proxy *proxy.Proxy
	stop  context.CancelFunc
	wg    sync.WaitGroup
	done  *progress
}

// gatewayOptions are what a gateway is started with besides manifests.
type gatewayOptions struct {
	bind   string
	lookup upstream.Lookup
	config translate.Config
}

// startGateway serves what the manifests in a directory say.
func startGateway(tb testing.TB, live string, o gatewayOptions) (*gateway, error) {
	p, err := proxy.New(proxy.Config{Log: slog.New(slog.NewTextHandler(testLog{tb}, nil)), Lookup: o.lookup})
	if err != nil {
		return nil, err
	}
	files, err := file.Open([]string{live})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &gateway{proxy: p, stop: stop, done: &progress{changed: make(chan struct{})}}
	node := project.Node{Name: "test", Role: project.RoleGateway, Bind: []string{o.bind}}
	source := &marked{Source: files, meshes: map[*ir.Mesh]string{}}
	reports := &controller.Reports{Publish: g.done.reported}
	loop := &controller.Loop{
		Sources: []controller.Source{source}, Translator: translate.New(o.config),
		Translated: reports.Translated,
	}
	delivery := deliver.NewLocal(
		func(m *ir.Mesh) *ir.Snapshot { return project.Project(m, node) },
		p.Apply,
		func(m *ir.Mesh, a ir.Ack) {
			reports.Answered(m, a)
			g.done.reach(source.stateOf(m))
		},
	)
	loop.Delivery = markedDelivery{delivery, source}
	g.wg.Go(func() { p.Run(ctx) })
	g.wg.Go(func() { delivery.Run(ctx) })
	g.wg.Go(func() { loop.Run(ctx) })
	return g, nil
}

func (g *gateway) close() {
	g.stop()
	g.wg.Wait()
}

// testLog writes the proxy's log to the test's.
type testLog struct{ tb testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.tb.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// A marker is an object that stands for a state of the manifests. When it has
// arrived in the proxy, so has everything that was read before it.
const markerName = "state-of-the-script"

func marker(state string) []byte {
	return fmt.Appendf(nil, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  state: %q\n", markerName, state)
}

// marked is a source that knows which marker was in the set that each mesh was
// made of.
type marked struct {
	*file.Source
	given string // with the last set; only the loop's goroutine uses it

	mu     sync.Mutex
	meshes map[*ir.Mesh]string
}

// Set implements controller.Source.
func (m *marked) Set() *resource.Set {
	set := m.Source.Set()
	m.given = ""
	if marker, ok := resource.Get[*corev1.ConfigMap](set, "default", markerName); ok {
		m.given = marker.Data["state"]
	}
	return set
}

func (m *marked) stateOf(mesh *ir.Mesh) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer delete(m.meshes, mesh)
	return m.meshes[mesh]
}

type markedDelivery struct {
	*deliver.Local
	source *marked
}

// Publish implements controller.Delivery.
func (d markedDelivery) Publish(mesh *ir.Mesh) {
	d.source.mu.Lock()
	d.source.meshes[mesh] = d.source.given
	d.source.mu.Unlock()
	d.Local.Publish(mesh)
}

// progress is how far the gateway has come.
type progress struct {
	report atomic.Pointer[report.Report]

	mu      sync.Mutex
	state   string
	changed chan struct{} // closed and replaced at each change
}

func (p *progress) reported(r *report.Report) { p.report.Store(r) }

func (p *progress) reach(state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = state
	close(p.changed)
	p.changed = make(chan struct{})
}

// wait waits until a state has come into force.
func (p *progress) wait(state string) error {
	timeout := time.After(settleTimeout)
	for {
		p.mu.Lock()
		reached, changed := p.state == state, p.changed
		p.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-timeout:
			return fmt.Errorf("the change did not come into force within %v", settleTimeout)
		}
	}
}

// records are the names that the gateway can resolve.
type records struct {
	mu sync.Mutex
	at map[string][]string
}

func (r *records) set(name string, addresses []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at[name] = addresses
}

// lookup is an upstream.Lookup.
func (r *records) lookup(_ context.Context, name string) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []netip.Addr
	for _, address := range r.at[strings.TrimSuffix(name, ".")] {
		a, err := netip.ParseAddr(address)
		if err != nil {
			return nil, err
		}
		found = append(found, a)
	}
	if found == nil {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return found, nil
}
