package h2spec

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// cases is how many there are. One less would mean that some were left out.
const cases = 146

const secureListener ir.ListenerName = "tcp/127.0.0.1:1"

// TestServer runs all cases against a plain listener and a TLS listener.
func TestServer(t *testing.T) {
	p := gateway(t)
	for name, listener := range map[string]ir.ListenerName{"h2c": proxytest.HTTPListener, "TLS": secureListener} {
		t.Run(name, func(t *testing.T) {
			host, text, err := net.SplitHostPort(p.Addr(listener))
			if err != nil {
				t.Fatal(err)
			}
			port, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			c := &config.Config{
				Host: host, Port: port, Path: "/", Timeout: 2 * time.Second, MaxHeaderLen: 4000, Strict: true,
				TLS: listener == secureListener, Insecure: true,
			}
			run(t, c)
		})
	}
}

// gateway runs a proxy with both listeners in front of a backend.
func gateway(t *testing.T) *proxytest.Proxy {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("ok\n", 100)))
	}))
	t.Cleanup(backend.Close)
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, map[string]string{"b": backend.Listener.Addr().String()})
	plain := s.Listeners[0]
	cert := proxytest.NewAuthority(t, "ca").Secret("cert", proxytest.Names{DNS: []string{"a.example"}})
	s.Secrets[cert.Name] = cert
	s.Listeners = append(s.Listeners, &ir.Listener{
		Name: secureListener, Network: ir.TCP, Address: plain.Address, Origins: plain.Origins,
		Chains: []*ir.Chain{{
			Name: "https", Origin: plain.Chains[0].Origin, Match: ir.ChainMatch{TLS: true}, HTTP: plain.Chains[0].HTTP,
			TLS: &ir.ServerTLS{Certificates: []ir.SecretName{cert.Name}, ALPN: []string{"h2", "http/1.1"}},
		}},
	})
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	return p
}

// run runs all cases and reports those that fail.
func run(t *testing.T, c *config.Config) {
	t.Helper()
	groups := []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()}
	silent(t, func() {
		for _, g := range groups {
			g.Test(c)
		}
	})
	passed := 0
	for _, g := range groups {
		passed += g.PassedCount
		report(t, g)
	}
	if passed != cases {
		t.Errorf("%d cases passed, want %d", passed, cases)
	}
}

// report says which cases of a group, and of those within, did not pass.
func report(t *testing.T, g *spec.TestGroup) {
	t.Helper()
	for _, c := range append(g.Tests, g.StrictTests...) {
		if r := c.Result; r == nil || r.Failed || r.Skipped {
			t.Errorf("%s/%s: %s: %+v", g.ID(), c.Desc, c.Requirement, r)
		}
	}
	for _, inner := range g.Groups {
		report(t, inner)
	}
}

// silent keeps what is printed meanwhile out of the test's output.
func silent(t *testing.T, f func()) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = null
	defer func() {
		os.Stdout = stdout
		_ = null.Close()
	}()
	f()
}
