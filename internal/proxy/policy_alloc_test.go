//go:build !race

package proxy_test

import (
	"strings"
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// TestAllocClientLimits: nor where each client is counted, in every way that there is.
func TestAllocClientLimits(t *testing.T) {
	p := proxytest.Start(t, proxy.Config{})
	rate := ir.ClientRate{Requests: 1 << 20, Burst: 1 << 30}
	p.MustApply(limitedClients(quietBackend(t, plainResponse), ir.ClientLimits{PerSecond: rate, PerMinute: rate, Concurrent: 2}, "/"))
	trip := roundTripper(t, p.Addr(proxytest.HTTPListener), plainRequest, len(plainResponse))
	for range 100 {
		trip()
	}
	if n := testing.AllocsPerRun(5000, trip); n >= 1 {
		t.Errorf("%v allocations per request", n)
	}
}

// TestAllocBackendPolicies: forwarding allocates nothing where the backend has every
// policy that there is, either.
func TestAllocBackendPolicies(t *testing.T) {
	addr := quietBackend(t, plainResponse)
	breaker := &ir.Breaker{Window: ir.Duration(time.Minute), MinRequests: 10, Errors: ir.Threshold{Ratio: 0.5}, Open: ir.Duration(time.Second), Status: 503}
	for name, balancing := range map[string]*ir.Balancing{
		"round robin": nil, "hash": {Kind: ir.BalanceHash, Header: "User-Agent"}, "least": {Kind: ir.BalanceLeast},
	} {
		t.Run(name, func(t *testing.T) {
			p := proxytest.Start(t, proxy.Config{})
			s := proxytest.HTTP(typicalRoutes(100), map[string]string{"b": addr + " " + quietBackend(t, plainResponse)})
			b := s.Backends["b"]
			b.Balancing, b.Breaker = balancing, breaker
			b.Session = &ir.Session{Cookie: "_srv_id", Lifetime: ir.Duration(time.Hour)}
			b.Retry = &ir.Retry{Attempts: 3, Classes: []uint16{5}}
			p.MustApply(s)
			first := proxytest.Get(t, p.Addr(proxytest.HTTPListener), "foo.example.com", "/route-42/")
			cookie, _, ok := strings.Cut(first.Header.Get("Set-Cookie"), ";")
			if !ok {
				t.Fatalf("no cookie in %v", first.Header)
			}
			request := strings.Replace(plainRequest, "Accept:", "Cookie: a=b; "+cookie+"\r\nAccept:", 1)
			trip := roundTripper(t, p.Addr(proxytest.HTTPListener), request, len(plainResponse))
			for range 100 {
				trip()
			}
			if n := testing.AllocsPerRun(5000, trip); n >= 1 {
				t.Errorf("%v allocations per request", n)
			}
		})
	}
}
