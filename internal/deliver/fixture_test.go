package deliver_test

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
	"fsm/internal/ir"
)

// beat lets slow machines be slow; quick is for tests of silence.
const (
	beat  = time.Second
	quick = 100 * time.Millisecond
)

const trustDomain = identitytest.TrustDomain

var (
	controllerID = identity.ID{TrustDomain: trustDomain, Role: identity.Controller, Namespace: "fsm-system", Name: "fsm-controller"}
	gatewayID    = gateway("web")
)

func gateway(name string) identity.ID {
	return identity.ID{TrustDomain: trustDomain, Role: identity.Gateway, Namespace: "shop", Name: name}
}

// background runs something until the test ends, or the function that is returned
// is called, and waits for its end.
func background(t testing.TB, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { run(ctx) })
	stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// side is a peer with a certificate of the authority.
func side(t testing.TB, ca *identity.CA, id identity.ID, accept func(identity.ID) error) identity.Side {
	return identity.Side{Certificate: identitytest.Certificate(t, ca, id), Trust: identity.TrustBundle(ca.Bundle()), Accept: accept}
}

// testLog writes a log to the test's.
type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testLog{t}, nil))
}

// controller is a server with an address that outlives it.
type controller struct {
	*deliver.Server
	ca   *identity.CA
	addr string
	stop func()
	// beat of the clients that connect.
	beat time.Duration
	// read and written count bytes on all connections.
	read, written atomic.Int64
}

// start runs a server. Members of the configuration that are not set get useful
// values; an empty address is a new one.
func start(t testing.TB, ca *identity.CA, addr string, c deliver.ServerConfig) *controller {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if c.Project == nil {
		c.Project = func(m *ir.Mesh, _ deliver.Scope) *ir.Snapshot { return everything(m) }
	}
	if c.Answered == nil {
		c.Answered = func(deliver.Answer) {}
	}
	if c.Beat == 0 {
		c.Beat = beat
	}
	c.TLS = identity.ServerTLS(side(t, ca, controllerID, identity.In(trustDomain)))
	if c.Authenticate == nil {
		c.Authenticate = tokens
	}
	if c.Log == nil {
		c.Log = logger(t)
	}
	c.Sign = ca.Sign
	s := &controller{Server: deliver.NewServer(c), ca: ca, addr: ln.Addr().String(), beat: c.Beat}
	s.stop = background(t, func(ctx context.Context) {
		if err := s.Serve(ctx, countingListener{ln, s}); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (c *controller) url() string { return "https://" + c.addr }

// tokens are "token of NAME" for the Gateway of that name.
func tokens(_ context.Context, token string) (identity.ID, error) {
	name, ok := strings.CutPrefix(token, "token of ")
	if !ok {
		return identity.ID{}, deliver.ErrToken
	}
	return gateway(name), nil
}

type countingListener struct {
	net.Listener
	c *controller
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return countingConn{conn, l.c}, err
}

type countingConn struct {
	net.Conn
	c *controller
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.c.read.Add(int64(n))
	return n, err
}

func (c countingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.c.written.Add(int64(n))
	return n, err
}

// proxy is one that remembers what it was given.
type proxy struct {
	*deliver.Client
	stop    func()
	applied chan *ir.Snapshot
	ready   atomic.Bool
}

// connect runs a client of the controller.
func (c *controller) connect(t testing.TB, id identity.ID, apply func(*ir.Snapshot) ir.Ack) *proxy {
	t.Helper()
	p := &proxy{applied: make(chan *ir.Snapshot, 1000)}
	p.ready.Store(true)
	p.Client = deliver.NewClient(deliver.ClientConfig{
		URL: c.url(), TLS: identity.ClientTLS(side(t, c.ca, id, identity.Has(trustDomain, identity.Controller))),
		Node: t.Name(), Interest: []string{"*"},
		Apply: func(s *ir.Snapshot) ir.Ack {
			p.applied <- s
			if apply != nil {
				return apply(s)
			}
			return ir.Ack{Version: s.Version}
		},
		Report: func() deliver.Report { return deliver.Report{Ready: p.ready.Load()} },
		Beat:   c.beat, Log: logger(t),
	})
	p.stop = background(t, p.Run)
	return p
}

// eventually waits for something that no channel tells.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// receive waits for a value.
func receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("did not come: %s", what)
		panic("unreachable")
	}
}

// everything is a snapshot of the whole mesh, with a listener for each table.
func everything(m *ir.Mesh) *ir.Snapshot {
	s := &ir.Snapshot{Tables: m.Tables, Backends: m.Backends, Endpoints: m.Endpoints, Secrets: m.Secrets}
	for i, name := range slices.Sorted(maps.Keys(m.Tables)) {
		s.Listeners = append(s.Listeners, &ir.Listener{
			Name: ir.ListenerName("tcp/:" + name), Network: ir.TCP, Port: uint16(8000 + i),
			Chains: []*ir.Chain{{Name: "http", HTTP: &ir.HTTPChain{VirtualHosts: []ir.VirtualHost{{Hosts: []ir.Host{{Table: name}}}}}}},
		})
	}
	s.Seal()
	return s
}

// mesh has a table "t" with a route for each path, all to one backend.
func mesh(paths ...string) *ir.Mesh {
	m := ir.NewMesh()
	t := &ir.RouteTable{Name: "t"}
	for _, path := range paths {
		t.Routes = append(t.Routes, route(path))
	}
	m.Tables["t"] = t
	m.Backends["b"] = &ir.Backend{Name: "b", Endpoints: "e"}
	m.Endpoints["e"] = &ir.Endpoints{Name: "e", Items: []ir.Endpoint{{Address: "10.0.0.1", Port: 80}}}
	m.Seal()
	return m
}

func route(path string) *ir.Route {
	return &ir.Route{
		Origin: ir.Origin{Kind: "HTTPRoute", Namespace: "shop", Name: "r", Part: "rule 0"},
		Match:  ir.Match{Path: ir.PathMatch{Kind: ir.PathPrefix, Value: path}},
		Action: &ir.Forward{Destinations: []ir.Destination{{Backend: "b", Weight: 1}}},
	}
}

// paths are those of the routes in the table "t".
func paths(s *ir.Snapshot) string {
	var list []string
	if t := s.Tables["t"]; t != nil {
		for _, r := range t.Routes {
			list = append(list, r.Match.Path.Value)
		}
	}
	return strings.Join(list, " ")
}
