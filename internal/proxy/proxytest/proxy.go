package proxytest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
)

// Proxy is a running proxy.
type Proxy struct {
	*proxy.Proxy
	T testing.TB
}

// Start runs a proxy until the test ends.
func Start(t testing.TB, c proxy.Config) *Proxy {
	t.Helper()
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	p, err := proxy.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return &Proxy{p, t}
}

// testLog writes the proxy's log to the test's.
type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// MustApply applies a snapshot, all of which has to work.
func (p *Proxy) MustApply(s *ir.Snapshot) {
	p.T.Helper()
	s.Seal()
	if ack := p.Apply(s); len(ack.Failures) > 0 {
		p.T.Fatalf("apply: %+v", ack.Failures)
	}
}

// Addr is where a listener of Snapshot listens.
func (p *Proxy) Addr(name ir.ListenerName) string {
	p.T.Helper()
	a := p.Sockets().Addr(name)
	if a == nil {
		p.T.Fatalf("listener %s does not listen", name)
	}
	return a.String()
}

// Waiting is how many requests wait for a limiter of a snapshot.
func (p *Proxy) Waiting(name ir.LimiterName) int {
	_, waiting := p.Limits().Bucket(name).Left()
	return waiting
}

// Eventually waits until a condition holds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// HTTPListener is the name of the listener that HTTP makes.
const HTTPListener ir.ListenerName = "tcp/127.0.0.1:0"

// HTTP is a snapshot with one plain HTTP listener and one table of routes for
// every host. Backends are "host:port" addresses by name.
func HTTP(routes []*ir.Route, backends map[string]string) *ir.Snapshot {
	s := Empty()
	origin := ir.Origin{Kind: "Gateway", Namespace: "default", Name: "gw", Part: "listener http"}
	s.Listeners = []*ir.Listener{{
		Name: HTTPListener, Network: ir.TCP, Address: "127.0.0.1", Origins: []ir.Origin{origin},
		Chains: []*ir.Chain{{Name: "http", Origin: origin, HTTP: &ir.HTTPChain{
			VirtualHosts: []ir.VirtualHost{{Origin: origin, Hosts: []ir.Host{{Table: "t"}}}},
		}}},
	}}
	s.Tables["t"] = &ir.RouteTable{Name: "t", Routes: routes}
	for name, addr := range backends {
		AddBackend(s, name, addr)
	}
	return s
}

// Empty is a snapshot with nothing in it.
func Empty() *ir.Snapshot {
	return &ir.Snapshot{
		Tables: map[ir.TableName]*ir.RouteTable{}, Backends: map[ir.BackendName]*ir.Backend{},
		Endpoints: map[ir.EndpointsName]*ir.Endpoints{}, Secrets: map[ir.SecretName]*ir.Secret{},
		Limiters: map[ir.LimiterName]*ir.Limiter{},
	}
}

// AddBackend adds a backend whose endpoints are "host:port" addresses, separated
// by spaces.
func AddBackend(s *ir.Snapshot, name, addrs string) *ir.Backend {
	e := &ir.Endpoints{Name: ir.EndpointsName(name)}
	for _, addr := range strings.Fields(addrs) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			panic(err)
		}
		var n uint16
		if _, err := fmt.Sscan(port, &n); err != nil {
			panic(err)
		}
		e.Items = append(e.Items, ir.Endpoint{Address: host, Port: n})
	}
	b := &ir.Backend{
		Name: ir.BackendName(name), Endpoints: e.Name,
		Origin: ir.Origin{Kind: "Service", Namespace: "default", Name: name},
	}
	s.Backends[b.Name], s.Endpoints[e.Name] = b, e
	return b
}

// To is a route that forwards everything under a prefix to backends with equal
// weights.
func To(prefix string, backends ...string) *ir.Route {
	f := &ir.Forward{}
	for _, b := range backends {
		f.Destinations = append(f.Destinations, ir.Destination{Backend: ir.BackendName(b), Weight: 1})
	}
	return &ir.Route{
		Origin: ir.Origin{Kind: "HTTPRoute", Namespace: "default", Name: "r" + strings.ReplaceAll(prefix, "/", "-"), Part: "rule 0"},
		Match:  ir.Match{Path: ir.PathMatch{Kind: ir.PathPrefix, Value: prefix}},
		Action: f,
	}
}
