package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// speaking runs a backend that speaks what is asked for, and nothing else, and
// adds it to a snapshot as "b".
func speaking(t testing.TB, s *ir.Snapshot, protocol string, h http.Handler) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	p := &http.Protocols{}
	server.Config.Protocols = p
	ca := proxytest.NewAuthority(t, "ca")
	var names ir.BackendTLS
	switch protocol {
	case "http1":
		p.SetHTTP1(true)
	case "h2c":
		p.SetUnencryptedHTTP2(true)
	case "h2", "https":
		p.SetHTTP1(protocol == "https")
		p.SetHTTP2(protocol == "h2")
		cert, err := tls.X509KeyPair(pair(ca.Issue(proxytest.Names{DNS: []string{"b.example"}})))
		if err != nil {
			t.Fatal(err)
		}
		server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		names = ir.BackendTLS{ServerName: "b.example", Authorities: []ir.SecretName{"backend-ca"}}
	}
	if server.TLS != nil {
		server.EnableHTTP2 = protocol == "h2"
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	b := proxytest.AddBackend(s, "b", server.Listener.Addr().String())
	if protocol == "h2c" {
		b.Protocol = ir.BackendH2C
	}
	if server.TLS != nil {
		addSecret(s, &ir.Secret{Name: "backend-ca", Authorities: ca.PEM})
		b.TLS = &names
	}
}

func pair(cert, key string) (certPEM, keyPEM []byte) { return []byte(cert), []byte(key) }

// TestProtocols: whatever client and backend speak, the exchange is the same.
func TestProtocols(t *testing.T) {
	for _, back := range []string{"http1", "h2c", "https", "h2"} {
		s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, nil)
		speaking(t, s, back, http.HandlerFunc(everything))
		p := proxytest.Start(t, proxy.Config{})
		p.MustApply(s)
		addr := p.Addr(proxytest.HTTPListener)
		for _, front := range []string{"http1", "h2c"} {
			t.Run(front+" to "+back, func(t *testing.T) {
				client := &http.Client{}
				if front == "h2c" {
					client, _ = h2Client(t, addr, nil)
				}
				var wg sync.WaitGroup
				for i := range 50 {
					wg.Go(func() {
						size := i * 997
						if i == 0 {
							size = 3 << 20
						}
						exchangeEverything(t, client, "http://"+addr+"/p%2Fq?x=1", strings.Repeat("abcdefg", size/7))
					})
				}
				wg.Wait()
			})
		}
	}
}

// everything answers with all a response can have.
func everything(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).EnableFullDuplex()
	w.Header().Set("Link", "</a.css>; rel=preload")
	w.WriteHeader(http.StatusEarlyHints)
	w.Header().Set("Saw", fmt.Sprint(r.Method, " ", r.URL.RequestURI(), " ", r.Header["X-A"], " ", r.Header.Get("Cookie"), " ", r.Host != ""))
	w.Header().Add("Set-Cookie", "a=1")
	w.Header().Add("Set-Cookie", "b=2")
	w.Header().Set("Trailer", "Sum")
	w.WriteHeader(http.StatusAccepted)
	n, _ := io.Copy(w, r.Body)
	w.Header().Set("Sum", fmt.Sprint(n, " ", r.Trailer.Get("X-End")))
}

func exchangeEverything(t *testing.T, client *http.Client, url, body string) {
	r, err := http.NewRequestWithContext(context.Background(), "PUT", url, io.NopCloser(strings.NewReader(body)))
	if err != nil {
		t.Error(err)
		return
	}
	r.Header["X-A"] = []string{"1", "2"}
	r.Header.Set("Cookie", "c=3; d=4")
	r.Trailer = http.Header{"X-End": {"done"}}
	res, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	sum := fmt.Sprint(len(body), " done")
	if err != nil || res.StatusCode != 202 || string(got) != body || res.Trailer.Get("Sum") != sum ||
		res.Header.Get("Saw") != "PUT /p%2Fq?x=1 [1 2] c=3; d=4 true" || fmt.Sprint(res.Header["Set-Cookie"]) != "[a=1 b=2]" {
		t.Errorf("got %v, %d %v, %d bytes, trailer %v, reason %s", err, res.StatusCode, res.Header, len(got), res.Trailer, res.Header.Get("Fsm-Reason"))
	}
}

// TestShared: concurrent requests share a connection to the backend, and take
// another when its streams are used up.
func TestShared(t *testing.T) {
	var open atomic.Int32
	release := make(chan struct{})
	s := proxytest.HTTP([]*ir.Route{proxytest.To("/", "b")}, nil)
	conns := sync.Map{}
	speaking(t, s, "h2c", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conns.Store(r.RemoteAddr, true)
		open.Add(1)
		<-release
	}))
	p := proxytest.Start(t, proxy.Config{})
	p.MustApply(s)
	var wg sync.WaitGroup
	for range 150 {
		wg.Go(func() {
			if r := proxytest.Get(t, p.Addr(proxytest.HTTPListener), "x", "/"); r.Status != 200 {
				t.Errorf("got %+v", r)
			}
		})
	}
	proxytest.Eventually(t, "all requests are at the backend", func() bool { return open.Load() == 150 })
	close(release)
	wg.Wait()
	n := 0
	conns.Range(func(any, any) bool { n++; return true })
	if n != 2 {
		t.Errorf("150 requests took %d connections, want 2", n)
	}
}
