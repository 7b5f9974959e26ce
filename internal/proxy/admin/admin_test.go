package admin_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/admin"
	"fsm/internal/proxy/proxytest"
)

// client asks the admin endpoints of a proxy.
type client struct {
	t     *testing.T
	proxy *proxytest.Proxy
	http  http.Handler
	level slog.LevelVar
}

func start(t *testing.T, profiling bool) *client {
	c := &client{t: t, proxy: proxytest.Start(t, proxy.Config{})}
	c.http = admin.Handler(admin.Config{Proxy: c.proxy.Proxy, Level: &c.level, Profiling: profiling})
	return c
}

// ask returns the answer to a request such as "GET /ready".
func (c *client) ask(request string) (status int, body string, header http.Header) {
	method, target, _ := strings.Cut(request, " ")
	w := httptest.NewRecorder()
	c.http.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w.Code, w.Body.String(), w.Header()
}

// want asks and compares the status; it returns the body.
func (c *client) want(status int, request string) string {
	c.t.Helper()
	got, body, _ := c.ask(request)
	if got != status {
		c.t.Errorf("%s: status %d, want %d: %s", request, got, status, body)
	}
	return body
}

// contains asks for a page and looks for texts in it.
func (c *client) contains(path string, texts ...string) {
	c.t.Helper()
	body := c.want(200, "GET "+path)
	for _, text := range texts {
		if !strings.Contains(body, text) {
			c.t.Errorf("%s does not contain %q:\n%s", path, text, body)
		}
	}
}

// ok is a backend that answers every request.
func ok(t *testing.T) *proxytest.Backend {
	return proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			if _, err := c.ReadHead(); err != nil {
				return
			}
			c.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
}

// TestReady: unready before the first snapshot and from the moment the drain
// begins, while the process is alive all the time.
func TestReady(t *testing.T) {
	c := start(t, false)
	c.want(503, "GET /ready")
	c.want(200, "GET /healthz")
	c.want(503, "GET /config_dump")
	c.proxy.MustApply(proxytest.HTTP(nil, nil))
	c.want(200, "GET /ready")

	ctx, cancel := context.WithCancel(context.Background())
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		c.proxy.Drain(ctx, time.Hour)
	}()
	proxytest.Eventually(t, "the proxy is not ready", func() bool {
		status, _, _ := c.ask("GET /ready")
		return status == 503
	})
	c.want(200, "GET /healthz")
	cancel()
	<-drained
}

// TestConfigDump: the snapshot in force is shown, without private keys.
func TestConfigDump(t *testing.T) {
	c := start(t, false)
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/shop", "b")}, map[string]string{"b": "127.0.0.1:9"})
	secret := proxytest.NewAuthority(t, "ca").Secret("default/cert", proxytest.Names{CommonName: "a.example"})
	s.Secrets[secret.Name] = secret
	c.proxy.MustApply(s)

	dump := c.want(200, "GET /config_dump?format=snapshot")
	var read ir.Snapshot
	if err := json.Unmarshal([]byte(dump), &read); err != nil {
		t.Fatal(err)
	}
	if read.Version != s.Version || len(read.Tables) != 1 {
		t.Errorf("got version %q with %d tables, want %q with 1", read.Version, len(read.Tables), s.Version)
	}
	text := c.want(200, "GET /config_dump?format=text")
	if diff := cmp.Diff(ir.Format(s), text); diff != "" {
		t.Error(diff)
	}
	key := strings.Split(string(secret.Key), "\n")[1]
	for _, leak := range []string{key, "PRIVATE KEY"} {
		if strings.Contains(dump+text, leak) {
			t.Errorf("the dump contains %q", leak)
		}
	}
	if line := strings.Split(secret.Certificate, "\n")[1]; !strings.Contains(dump, line) {
		t.Error("the dump leaves the certificate out")
	}
}

func TestClusters(t *testing.T) {
	b := ok(t)
	c := start(t, false)
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b"), proxytest.To("/broken", "broken")}, map[string]string{"b": b.Addr, "broken": ""})
	s.Backends["broken"].Failure = &ir.Respond{Status: 502, Reason: "backend_tls_invalid"}
	if body := c.want(200, "GET /clusters"); strings.TrimSpace(body) != "[]" {
		t.Errorf("without a snapshot: %s", body)
	}
	c.proxy.MustApply(s)
	proxytest.Get(t, c.proxy.Addr(proxytest.HTTPListener), "a", "/")

	type endpoint struct {
		Address    string
		Open, Idle int
	}
	type cluster struct {
		Name, Origin, Failure string
		Endpoints             []endpoint
	}
	want := []cluster{
		{"b", "Service default/b", "", []endpoint{{b.Addr, 1, 1}}},
		{"broken", "Service default/broken", "backend_tls_invalid", []endpoint{}},
	}
	proxytest.Eventually(t, "the clusters are shown with the idle connection", func() bool {
		var got []cluster
		if err := json.Unmarshal([]byte(c.want(200, "GET /clusters")), &got); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if strings.Contains(got[i].Failure, "backend_tls_invalid") {
				got[i].Failure = "backend_tls_invalid"
			}
		}
		return cmp.Equal(want, got)
	})
}

// TestFigures: a request is counted once, in both forms.
func TestFigures(t *testing.T) {
	b := ok(t)
	c := start(t, false)
	c.proxy.MustApply(proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": b.Addr}))
	proxytest.Get(t, c.proxy.Addr(proxytest.HTTPListener), "a", "/")
	proxytest.Get(t, c.proxy.Addr(proxytest.HTTPListener), "a", "/")

	const metric = `fsm_requests_total{code="200",listener="Gateway default/gw listener http"} 2`
	const line = "fsm_requests_total.200.Gateway_default/gw_listener_http: 2\n"
	proxytest.Eventually(t, "the requests are counted", func() bool {
		return strings.Contains(c.want(200, "GET /metrics"), metric)
	})
	c.contains("/stats", line, "go_goroutines: ", "process_resident_memory_bytes: ")
}

func TestLogging(t *testing.T) {
	c := start(t, false)
	c.contains("/logging", "INFO")
	c.want(200, "POST /logging?level=debug")
	if c.level.Level() != slog.LevelDebug {
		t.Errorf("level is %s after a change to debug", c.level.Level())
	}
	c.want(400, "POST /logging?level=loud")
	c.want(400, "POST /logging")
	c.contains("/logging?level=error", "DEBUG") // a GET changes nothing
}

// TestProfiling: profiles are there only when asked for.
func TestProfiling(t *testing.T) {
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/heap"} {
		start(t, false).want(404, "GET "+path)
		start(t, true).want(200, "GET "+path)
	}
}

// TestIndex: the page lists every endpoint, and nothing changes state that is
// not meant to.
func TestIndex(t *testing.T) {
	c := start(t, false)
	paths := []string{"/ready", "/healthz", "/metrics", "/stats", "/config_dump", "/listeners", "/clusters", "/certs", "/logging"}
	c.contains("/", paths...)
	for _, path := range paths {
		c.want(405, "DELETE "+path)
		if path != "/logging" {
			c.want(405, "POST "+path)
		}
	}
	c.want(404, "GET /nothing")
}

// TestHealth: who may ask whether the proxy is ready learns nothing else.
func TestHealth(t *testing.T) {
	p := proxytest.Start(t, proxy.Config{})
	s := httptest.NewServer(admin.Health(p.Proxy))
	defer s.Close()
	status := func(path string) int {
		res, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if got := status("/ready"); got != 503 {
		t.Errorf("before a snapshot: got %d", got)
	}
	p.MustApply(proxytest.HTTP(nil, nil))
	for path, want := range map[string]int{"/ready": 200, "/healthz": 200, "/config_dump": 404, "/metrics": 404} {
		if got := status(path); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
}
