package proxy_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
)

// manyRoutes is a snapshot of routes that each have a backend of their own and a
// header filter. Either all are in one table, or each is in one of its own, by
// hostname. Route 7 sets its header to the given value.
func manyRoutes(n int, ownTable bool, value string) *ir.Snapshot {
	s := proxytest.HTTP(nil, nil)
	host := &s.Listeners[0].Chains[0].HTTP.VirtualHosts[0]
	for i := range n {
		backend := fmt.Sprintf("local/default/service-%d:80", i)
		proxytest.AddBackend(s, backend, "127.0.0.1:9")
		route := proxytest.To(fmt.Sprintf("/route-%d", i), backend)
		header := ir.HeaderField{Name: "X-Bench", Value: "on"}
		if i == 7 {
			header.Value = value
		}
		route.Filters = ir.Filters{&ir.RequestHeaders{Set: []ir.HeaderField{header}}}
		table := ir.TableName("t")
		if ownTable {
			table = ir.TableName(fmt.Sprintf("t-%d", i))
			s.Tables[table] = &ir.RouteTable{Name: table}
			host.Hosts = append(host.Hosts, ir.Host{Hostname: fmt.Sprintf("host-%d.example", i), Table: table})
		}
		s.Tables[table].Routes = append(s.Tables[table].Routes, route)
	}
	if ownTable {
		host.Hosts = host.Hosts[1:] // the one for any hostname
		delete(s.Tables, "t")
	}
	s.Seal()
	return s
}

// forLayouts runs a benchmark with 5,000 routes in each of the two layouts.
func forLayouts(b *testing.B, run func(b *testing.B, ownTable bool)) {
	b.Run("routes=5000/own=path", func(b *testing.B) { run(b, false) })
	b.Run("routes=5000/own=hostname", func(b *testing.B) { run(b, true) })
}

// BenchmarkApplyFirst measures how long a proxy takes to put its first snapshot
// into force, and what heap it holds on to for that, beside the snapshot.
func BenchmarkApplyFirst(b *testing.B) {
	forLayouts(b, func(b *testing.B, ownTable bool) {
		s := manyRoutes(5000, ownTable, "on")
		var held uint64
		for b.Loop() {
			b.StopTimer()
			p := newProxy(b)
			before := liveHeap()
			b.StartTimer()
			apply(b, p, s)
			b.StopTimer()
			held += liveHeap() - before
			end(p)
			b.StartTimer()
		}
		b.ReportMetric(float64(held)/float64(b.N)/(1<<20), "MiB-held")
	})
}

// BenchmarkApplyRouteChanged measures Apply when one route is another than before.
func BenchmarkApplyRouteChanged(b *testing.B) {
	forLayouts(b, func(b *testing.B, ownTable bool) {
		benchmarkChange(b, [2]*ir.Snapshot{manyRoutes(5000, ownTable, "one"), manyRoutes(5000, ownTable, "two")})
	})
}

// BenchmarkApplyEndpointChanged measures Apply when one endpoint is another.
func BenchmarkApplyEndpointChanged(b *testing.B) {
	forLayouts(b, func(b *testing.B, ownTable bool) {
		one, two := manyRoutes(5000, ownTable, "on"), manyRoutes(5000, ownTable, "on")
		proxytest.AddBackend(two, "local/default/service-7:80", "127.0.0.2:9")
		two.Seal()
		benchmarkChange(b, [2]*ir.Snapshot{one, two})
	})
}

func benchmarkChange(b *testing.B, snapshots [2]*ir.Snapshot) {
	p := newProxy(b)
	defer end(p)
	for _, s := range snapshots {
		apply(b, p, s)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		apply(b, p, snapshots[i%2])
	}
}

// newProxy makes a proxy that is not run: it applies snapshots and serves nobody.
func newProxy(b *testing.B) *proxy.Proxy {
	b.Helper()
	p, err := proxy.New(proxy.Config{})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// end gives everything back that the proxy has opened.
func end(p *proxy.Proxy) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.Run(ctx)
}

func apply(b *testing.B, p *proxy.Proxy, s *ir.Snapshot) {
	b.Helper()
	if ack := p.Apply(s); len(ack.Failures) > 0 || ack.Rejected != "" {
		b.Fatalf("apply: %+v", ack)
	}
}

// liveHeap is how many bytes of heap are reachable. The first collection leaves
// what pools hold, the second does not.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
