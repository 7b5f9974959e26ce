package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/process"
	"fsm/internal/proxy/proxytest"
)

var (
	controllerID = identity.ID{TrustDomain: "cluster.local", Role: identity.Controller, Namespace: "fsm-system", Name: "fsm-controller"}
	proxyID      = identity.ID{TrustDomain: "cluster.local", Role: identity.Gateway, Namespace: "shop", Name: "web"}
)

// TestController: a proxy gets a certificate and snapshots from a controller, is
// ready when it has put the first one to work, and goes on without an error when
// the controller goes and another one comes in its place.
func TestController(t *testing.T) {
	first, second := text(t, "first"), text(t, "second")
	f := newFleet(t)
	c := f.start(t)
	p := f.run(t, process.Controller{})
	proxytest.Eventually(t, "the proxy connects", func() bool { return len(c.Proxies()) == 1 })
	if got := p.admin(t, "/ready"); got != http.StatusServiceUnavailable {
		t.Errorf("ready is %d before there is a snapshot", got)
	}
	c.Publish(to(first))
	proxytest.Eventually(t, "the proxy is ready", func() bool { return p.admin(t, "/ready") == http.StatusOK })
	if got := p.get(t); got != "first" {
		t.Errorf("the answer is %q", got)
	}
	proxytest.Eventually(t, "the controller knows", func() bool {
		all := c.Proxies()
		return all[0].State == deliver.Synced && all[0].Report.Ready && all[0].ID == proxyID && all[0].Node == "node-1"
	})

	figures := func(connected int) func() bool {
		return func() bool {
			_, text, err := get("http://" + p.adminAddr + "/metrics")
			return err == nil && strings.Contains(text, fmt.Sprint("\nfsm_controller_connected ", connected, "\n")) &&
				strings.Contains(text, "\nfsm_identity_expiry_timestamp_seconds 1.")
		}
	}
	proxytest.Eventually(t, "figures say that it is connected", figures(1))
	stop, failures := p.load(t)
	c.stop()
	proxytest.Eventually(t, "figures say that it is not", figures(0))
	for range 50 {
		p.get(t)
	}
	if got := p.admin(t, "/ready"); got != http.StatusOK {
		t.Errorf("ready is %d without a controller", got)
	}
	c = f.start(t)
	c.Publish(to(second))
	proxytest.Eventually(t, "the new controller's snapshot serves", func() bool { return p.get(t) == "second" })
	stop()
	if n := failures(); len(n) > 0 {
		t.Errorf("%d failures under way, the first is %v", len(n), n[0])
	}
}

// TestPoison: a listener that cannot be put to work is reported, and the others
// serve.
func TestPoison(t *testing.T) {
	f := newFleet(t)
	c := f.start(t)
	p := f.run(t, process.Controller{})
	backend := text(t, "first")
	m := to(backend)
	m.Secrets["Secret/shop/bad"] = &ir.Secret{Name: "Secret/shop/bad", Certificate: "no certificate", Key: "no key"}
	c.Publish(m)
	proxytest.Eventually(t, "the controller knows", func() bool {
		all := c.Proxies()
		return len(all) == 1 && all[0].State == deliver.Synced && len(all[0].Failures) == 1 &&
			all[0].Failures[0].Reason == "InvalidCertificate" && all[0].Failures[0].Origins[0] == poisoned
	})
	if got := p.get(t); got != "first" {
		t.Errorf("the answer is %q", got)
	}
	c.Publish(to(backend))
	proxytest.Eventually(t, "the failure is over", func() bool {
		all := c.Proxies()
		return all[0].State == deliver.Synced && len(all[0].Failures) == 0
	})
}

// TestDrain: a proxy that is told to end says so, and takes changes until it ends.
func TestDrain(t *testing.T) {
	first, second := text(t, "first"), text(t, "second")
	f := newFleet(t)
	f.notice = time.Minute
	c := f.start(t)
	p := f.run(t, process.Controller{})
	c.Publish(to(first))
	proxytest.Eventually(t, "it is ready", func() bool { return p.admin(t, "/ready") == http.StatusOK })
	p.cancel()
	proxytest.Eventually(t, "it is not ready", func() bool { return p.admin(t, "/ready") != http.StatusOK })
	c.Publish(to(second))
	proxytest.Eventually(t, "the change serves", func() bool { return p.get(t) == "second" })
	proxytest.Eventually(t, "the controller knows", func() bool { return !c.Proxies()[0].Report.Ready })
}

// TestStateDir: a proxy that kept its last snapshot starts from it when there is no
// controller, and takes the next one when there is.
func TestStateDir(t *testing.T) {
	first, second := text(t, "first"), text(t, "second")
	f := newFleet(t)
	c := f.start(t)
	dir := filepath.Join(t.TempDir(), "state")
	p := f.run(t, process.Controller{StateDir: dir})
	c.Publish(to(first))
	proxytest.Eventually(t, "the proxy is ready", func() bool { return p.admin(t, "/ready") == http.StatusOK })
	p.stop()
	c.stop()
	info, err := os.Stat(filepath.Join(dir, "snapshot.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the snapshot was kept as %v, %v", info, err)
	}

	p = f.run(t, process.Controller{StateDir: dir})
	proxytest.Eventually(t, "the proxy is ready without a controller", func() bool { return p.admin(t, "/ready") == http.StatusOK })
	if got := p.get(t); got != "first" {
		t.Errorf("the answer is %q", got)
	}
	c = f.start(t)
	c.Publish(to(second))
	proxytest.Eventually(t, "the controller's snapshot serves", func() bool { return p.get(t) == "second" })
	p.stop()

	if err := os.WriteFile(filepath.Join(dir, "snapshot.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = f.run(t, process.Controller{StateDir: dir})
	proxytest.Eventually(t, "the proxy is ready in spite of a broken file", func() bool { return p.admin(t, "/ready") == http.StatusOK })
}

// TestControllerOptions: what is wrong with the flags is said before anything
// starts.
func TestControllerOptions(t *testing.T) {
	good := process.Controller{URL: "https://h:1", Identity: proxyID.String(), TokenFile: "token", TrustFile: "trust", Node: "n"}
	if _, err := good.Feed(); err != nil {
		t.Error(err)
	}
	tests := []struct {
		name, says string
		change     func(*process.Controller)
	}{
		{"plain HTTP", "--controller", func(c *process.Controller) { c.URL = "http://h:1" }},
		{"no host", "--controller", func(c *process.Controller) { c.URL = "https://" }},
		{"a path", "--controller", func(c *process.Controller) { c.URL = "https://h/x" }},
		{"no identity", "--identity", func(c *process.Controller) { c.Identity = "" }},
		{"no token", "--token-file", func(c *process.Controller) { c.TokenFile = "" }},
		{"no roots", "--trust-file", func(c *process.Controller) { c.TrustFile = "" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := good
			test.change(&c)
			if _, err := c.Feed(); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error is %v, want one about %s", err, test.says)
			}
		})
	}
}

// fleet is what controllers, one after the other, and proxies have in common.
type fleet struct {
	ca   *identity.CA
	addr string
	// Files that a proxy is given.
	token, trust string
	// notice is for how long proxies go on when they are told to end.
	notice time.Duration
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dir := t.TempDir()
	f := &fleet{ca: ca, addr: ln.Addr().String(), token: filepath.Join(dir, "token"), trust: filepath.Join(dir, "ca.crt")}
	for file, content := range map[string][]byte{f.token: []byte("secret\n"), f.trust: ca.Bundle()} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

type controller struct {
	*deliver.Server
	stop func()
}

// start runs a controller at the fleet's address.
func (f *fleet) start(t *testing.T) *controller {
	t.Helper()
	ln, err := net.Listen("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	renewer := identity.NewRenewer(identity.RenewerConfig{
		ID:      controllerID,
		Request: func(_ context.Context, request []byte) ([]byte, error) { return f.ca.Sign(request, controllerID) },
		Failed:  func(err error, _ time.Duration) { t.Error(err) },
	})
	s := deliver.NewServer(deliver.ServerConfig{
		Project:  func(m *ir.Mesh, _ deliver.Scope) *ir.Snapshot { return project(m) },
		Answered: func(deliver.Answer) {},
		TLS: identity.ServerTLS(identity.Side{
			Certificate: renewer.Certificate, Trust: identity.TrustBundle(f.ca.Bundle()), Accept: identity.In("cluster.local"),
		}),
		Authenticate: func(_ context.Context, token string) (identity.ID, error) {
			if token != "secret" {
				return identity.ID{}, deliver.ErrToken
			}
			return proxyID, nil
		},
		Sign: f.ca.Sign, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { renewer.Run(ctx) })
	<-renewer.Ready()
	wg.Go(func() {
		if err := s.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	c := &controller{s, func() {
		cancel()
		wg.Wait()
	}}
	t.Cleanup(c.stop)
	return c
}

// text is a backend that answers with a text.
func text(t *testing.T, text string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		_ = s.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

// to is a mesh that sends everything to a backend.
func to(addr string) *ir.Mesh {
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": addr})
	return &ir.Mesh{Tables: s.Tables, Backends: s.Backends, Endpoints: s.Endpoints, Secrets: s.Secrets}
}

// project serves a mesh on one listener, and on one more for each secret.
func project(m *ir.Mesh) *ir.Snapshot {
	s := proxytest.HTTP(nil, nil)
	s.Tables, s.Backends, s.Endpoints, s.Secrets = m.Tables, m.Backends, m.Endpoints, m.Secrets
	for name := range m.Secrets {
		s.Listeners = append(s.Listeners, &ir.Listener{
			Name: "tcp/127.0.0.1:0/tls", Network: ir.TCP, Address: "127.0.0.1",
			Chains: []*ir.Chain{{
				Name: "https", Origin: poisoned, Match: ir.ChainMatch{TLS: true},
				TLS: &ir.ServerTLS{Certificates: []ir.SecretName{name}}, HTTP: s.Listeners[0].Chains[0].HTTP,
			}},
		})
	}
	s.Seal()
	return s
}

// poisoned is the listener that uses the mesh's secrets.
var poisoned = ir.Origin{Kind: "Gateway", Namespace: "shop", Name: "web", Part: "listener https"}

// running is a proxy process without the process.
type running struct {
	*proxy.Proxy
	adminAddr string
	cancel    func()
	stop      func()
}

func (f *fleet) run(t *testing.T, c process.Controller) *running {
	t.Helper()
	c.URL, c.Identity, c.Node = "https://"+f.addr, proxyID.String(), "node-1"
	c.TokenFile, c.TrustFile = f.token, f.trust
	feed, err := c.Feed()
	if err != nil {
		t.Fatal(err)
	}
	proxies, admin := make(chan *proxy.Proxy, 1), make(chan net.Addr, 1)
	o := process.Defaults()
	o.Admin, o.DrainNotice, o.DrainTimeout = "127.0.0.1:0", f.notice, 5*time.Second
	o.Log = slog.New(slog.DiscardHandler)
	o.Ready = func(a net.Addr) { admin <- a }
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := process.Run(ctx, o, func(ctx context.Context, p *proxy.Proxy) error {
			proxies <- p
			return feed(ctx, p)
		}); err != nil {
			t.Error(err)
		}
	})
	r := &running{Proxy: <-proxies, adminAddr: (<-admin).String(), cancel: cancel, stop: func() {
		cancel()
		wg.Wait()
	}}
	t.Cleanup(r.stop)
	return r
}

func (r *running) admin(t *testing.T, path string) (status int) {
	t.Helper()
	status, _, err := get("http://" + r.adminAddr + path)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// get asks the proxy's listener on a new connection.
func (r *running) get(t *testing.T) string {
	t.Helper()
	status, body, err := get("http://" + r.Sockets().Addr(proxytest.HTTPListener).String())
	if err != nil || status != http.StatusOK {
		t.Fatalf("the answer is %d, %v", status, err)
	}
	return body
}

// load asks all the time until stop is called; failures are what went wrong.
func (r *running) load(t *testing.T) (stop func(), failures func() []error) {
	t.Helper()
	url := "http://" + r.Sockets().Addr(proxytest.HTTPListener).String()
	var mu sync.Mutex
	var all []error
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				status, _, err := get(url)
				if err == nil && status == http.StatusOK {
					continue
				}
				mu.Lock()
				all = append(all, errors.Join(err, fmt.Errorf("status %d", status)))
				mu.Unlock()
			}
		})
	}
	stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(stop)
	return stop, func() []error { return all }
}

func get(url string) (status int, body string, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), err
}
