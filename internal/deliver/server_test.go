package deliver_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/identity/identitytest"
	"fsm/internal/ir"
)

// TestReconnect: a proxy that comes back to another controller gets the difference
// to what it has, and nothing at all when there is none.
func TestReconnect(t *testing.T) {
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("/route-%04d", i))
	}
	changed := slices.Clone(many)
	changed[500] = "/changed"

	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	answers := make(chan deliver.Answer, 10)
	config := deliver.ServerConfig{Answered: func(a deliver.Answer) { answers <- a }}
	first := start(t, ca, "", config)
	first.Publish(mesh(many...))
	p := first.connect(t, gatewayID, nil)
	receive(t, "snapshot", p.applied)
	whole := first.written.Load()
	receive(t, "answer", answers)
	first.stop()

	same := start(t, ca, first.addr, config)
	same.Publish(mesh(many...))
	receive(t, "answer", answers)
	if n := same.written.Load(); n > whole/20 {
		t.Errorf("%d bytes when nothing had changed, %d for everything", n, whole)
	}
	if len(p.applied) != 0 {
		t.Error("it was applied again")
	}
	same.stop()

	other := start(t, ca, first.addr, config)
	m := mesh(changed...)
	other.Publish(m)
	if got := receive(t, "answer", answers); got.Mesh != m || got.Proxy.ID != gatewayID {
		t.Errorf("the answer is %+v", got)
	}
	got := receive(t, "snapshot", p.applied)
	if paths(got) != strings.Join(changed, " ") || got.Version != everything(m).Version {
		t.Error("the snapshot is another one")
	}
	// A list of a thousand hashes and one route.
	if n := other.written.Load(); n > whole/4 {
		t.Errorf("%d bytes when one route had changed, %d for everything", n, whole)
	}
}

// TestDifference: an edit of one route in a table of thousands leaves the others as
// they are in the proxy.
func TestDifference(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{})
	p := c.connect(t, gatewayID, nil)
	c.Publish(mesh("/a", "/b", "/c"))
	before := receive(t, "snapshot", p.applied)
	c.Publish(mesh("/a", "/x", "/c"))
	after := receive(t, "snapshot", p.applied)
	old, now := before.Tables["t"].Routes, after.Tables["t"].Routes
	if now[0] != old[0] || now[1] == old[1] || now[2] != old[2] {
		t.Error("other routes than the second one were replaced")
	}
	if after.Backends["b"] != before.Backends["b"] || after.Listeners[0] != before.Listeners[0] {
		t.Error("backend and listener were replaced")
	}
}

// TestStates: what is known of each proxy as it comes, hangs, fails, and goes.
func TestStates(t *testing.T) {
	goOn := make(chan struct{})
	changes := make(chan struct{}, 100)
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{Changed: func() { changes <- struct{}{} }})
	failure := ir.Failure{Resource: "tcp/:t", Reason: "PortUnavailable"}
	p := c.connect(t, gatewayID, func(s *ir.Snapshot) ir.Ack {
		<-goOn
		return ir.Ack{Version: s.Version, Failures: []ir.Failure{failure}}
	})
	only := func() deliver.Proxy {
		if all := c.Proxies(); len(all) == 1 {
			return all[0]
		}
		return deliver.Proxy{}
	}
	receive(t, "change", changes)
	eventually(t, "it is connected and has nothing", func() bool {
		is := only()
		return is.ID == gatewayID && is.Node == t.Name() && is.State == deliver.Stale && is.Why != "" && is.Report.Ready
	})
	m := mesh("/a")
	c.Publish(m)
	version := everything(m).Version
	eventually(t, "it has not answered", func() bool {
		is := only()
		return is.State == deliver.Stale && is.Sent == version && is.Acked == "" && strings.Contains(is.Why, version)
	})
	goOn <- struct{}{}
	eventually(t, "it has answered", func() bool {
		is := only()
		return is.State == deliver.Synced && is.Acked == version && is.Why == "" && len(is.Failures) == 1 && is.Failures[0].Reason == failure.Reason
	})
	for len(changes) > 0 {
		<-changes
	}
	p.ready.Store(false)
	receive(t, "change", changes)
	if only().Report.Ready {
		t.Error("it is ready after it said that it is not")
	}
	p.stop()
	eventually(t, "it is gone", func() bool { return len(c.Proxies()) == 0 })
}

// TestTenants: a proxy gets what is meant for its identity, whatever it says about
// itself.
func TestTenants(t *testing.T) {
	c := start(t, identitytest.Open(t, &identitytest.Store{}, 0), "", deliver.ServerConfig{
		Project: func(m *ir.Mesh, scope deliver.Scope) *ir.Snapshot {
			own := ir.NewMesh()
			name := ir.TableName(scope.ID.Name)
			own.Tables[name] = m.Tables[name]
			return everything(own)
		},
	})
	m := ir.NewMesh()
	for _, name := range []ir.TableName{"web", "bank"} {
		m.Tables[name] = &ir.RouteTable{Name: name, Routes: []*ir.Route{route("/" + string(name))}}
	}
	c.Publish(m)
	for _, name := range []string{"web", "bank"} {
		p := c.connect(t, gateway(name), nil)
		got := receive(t, "snapshot", p.applied)
		if len(got.Tables) != 1 || got.Tables[ir.TableName(name)] == nil {
			t.Errorf("%s got %v", name, got.Tables)
		}
	}
}

// TestWhoMayStream: only proxies with a certificate of the own authority that is
// still good get a stream.
func TestWhoMayStream(t *testing.T) {
	ca, foreign := identitytest.Open(t, &identitytest.Store{}, 0), identitytest.Open(t, &identitytest.Store{}, 0)
	c := start(t, ca, "", deliver.ServerConfig{})
	c.Publish(mesh("/a"))
	of := func(ca *identity.CA, id identity.ID) func() (*tls.Certificate, error) {
		return identitytest.Certificate(t, ca, id)
	}
	tests := []struct {
		name        string
		certificate func() (*tls.Certificate, error)
		status      int // 0: no connection
	}{
		{"without a certificate", nil, http.StatusUnauthorized},
		{"the controller itself", of(ca, controllerID), http.StatusForbidden},
		{"a foreign certificate", of(foreign, gatewayID), 0},
		{"a gateway that says nothing sensible", of(ca, gatewayID), http.StatusBadRequest},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, err := c.post(t, "/v1/stream", identity.Side{Certificate: test.certificate}, "{}\n", "")
			if status != test.status || (err != nil) != (test.status == 0) {
				t.Errorf("status %d, %v", status, err)
			}
		})
	}
}

// TestPeers: only another replica of the controller may tell about its proxies.
func TestPeers(t *testing.T) {
	ca := identitytest.Open(t, &identitytest.Store{}, 0)
	var told atomic.Int32
	c := start(t, ca, "", deliver.ServerConfig{Peers: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		told.Add(1)
		w.WriteHeader(http.StatusNoContent)
	})})
	for _, test := range []struct {
		name string
		side identity.Side
		want int
	}{
		{"without a certificate", identity.Side{}, http.StatusUnauthorized},
		{"as a proxy", side(t, ca, gatewayID, nil), http.StatusForbidden},
		{"as a controller", side(t, ca, controllerID, nil), http.StatusNoContent},
	} {
		if status, err := c.post(t, deliver.PathPeers, test.side, "{}", ""); err != nil || status != test.want {
			t.Errorf("%s: got %d, %v; want %d", test.name, status, err, test.want)
		}
	}
	if n := told.Load(); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// TestCertificateExpires: a stream does not outlive the certificate that it began
// with, and goes on with the next one.
func TestCertificateExpires(t *testing.T) {
	ca := identitytest.Open(t, &identitytest.Store{}, 3*time.Second)
	c := start(t, ca, "", deliver.ServerConfig{})
	c.Publish(mesh("/a"))
	p := c.connect(t, gatewayID, nil)
	receive(t, "snapshot", p.applied)
	begun := c.Proxies()[0].Connected
	eventually(t, "another stream takes its place", func() bool {
		all := c.Proxies()
		return len(all) == 1 && all[0].Connected.After(begun)
	})
	if life := c.Proxies()[0].Connected.Sub(begun); life > 4*time.Second {
		t.Errorf("the stream lived for %v", life)
	}
}

// post sends a request as somebody would who does not use the client.
func (c *controller) post(t *testing.T, path string, s identity.Side, body, token string) (status int, err error) {
	t.Helper()
	s.Trust, s.Accept = identity.TrustBundle(c.ca.Bundle()), identity.Has(trustDomain, identity.Controller)
	transport := &http.Transport{TLSClientConfig: identity.ClientTLS(s), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	_ = response.Body.Close()
	return response.StatusCode, nil
}
