package upstream

import (
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// registry starts a registry for a test.
func registry(t testing.TB) *Registry {
	t.Helper()
	keeper, err := socket.NewKeeper()
	if err != nil {
		t.Fatal(err)
	}
	r := NewRegistry(keeper, nil, slog.New(slog.DiscardHandler))
	t.Cleanup(r.Close)
	return r
}

// apply puts one backend with these endpoints into force.
func apply(t testing.TB, r *Registry, config ir.Backend, items ...ir.Endpoint) *Backend {
	t.Helper()
	config.Name, config.Endpoints = "b", "b"
	config.Origin = ir.Origin{Kind: "Service", Namespace: "default", Name: "b"}
	s := &ir.Snapshot{
		Backends:  map[ir.BackendName]*ir.Backend{"b": &config},
		Endpoints: map[ir.EndpointsName]*ir.Endpoints{"b": {Name: "b", Items: items}},
	}
	s.Seal()
	if failures := r.Update(s); len(failures) > 0 {
		t.Fatal(failures)
	}
	r.Retire()
	return r.Get("b")
}

// endpoints are n addresses of one network.
func endpoints(n int) []ir.Endpoint {
	list := make([]ir.Endpoint, n)
	for i := range list {
		list[i] = ir.Endpoint{Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250+1), Port: 8080}
	}
	return list
}

// client is the i-th client.
func client(i int) Choice {
	return Choice{Client: netip.AddrFrom4([4]byte{172, byte(i >> 16), byte(i >> 8), byte(i)})}
}

// pick returns the address of the endpoint that is picked.
func pick(t testing.TB, b *Backend, want Choice) string {
	t.Helper()
	e, err := b.Pick(want)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Leave()
	return e.Address().String()
}

func TestRoundRobinByWeight(t *testing.T) {
	items := endpoints(3)
	items[0].Weight = 3
	b := apply(t, registry(t), ir.Backend{}, items...)
	for run := range 4 {
		counts, longest, last := map[string]int{}, 0, ""
		streak := 0
		for range 5 {
			at := pick(t, b, Choice{})
			if counts[at]++; at == last {
				streak++
			} else {
				streak = 1
			}
			last, longest = at, max(longest, streak)
		}
		if counts["10.0.0.1:8080"] != 3 || counts["10.0.0.2:8080"] != 1 || counts["10.0.0.3:8080"] != 1 {
			t.Errorf("run %d: weights 3, 1, 1 gave %v", run, counts)
		}
		if longest > 2 {
			t.Errorf("run %d: %d picks in a row went to the same endpoint, which is not smooth", run, longest)
		}
	}
}

// TestHashShares: no endpoint has more than a quarter above its share of the
// clients, for small and for large backends.
func TestHashShares(t *testing.T) {
	for _, n := range []int{2, 3, 7, 20, 50} {
		b := apply(t, registry(t), ir.Backend{Balancing: &ir.Balancing{Kind: ir.BalanceHash}}, endpoints(n)...)
		counts := map[string]int{}
		const clients = 50_000
		for i := range clients {
			counts[pick(t, b, client(i))]++
		}
		if len(counts) != n {
			t.Errorf("%d of %d endpoints got something", len(counts), n)
		}
		for at, got := range counts {
			if float64(got) > 1.25*clients/float64(n) {
				t.Errorf("%d endpoints: %s has %d of %d clients, more than 1.25/n", n, at, got, clients)
			}
		}
	}
}

// TestHashMoves: when an endpoint is lost, its clients move and no others; when it
// is back, so are they.
func TestHashMoves(t *testing.T) {
	r := registry(t)
	config := ir.Backend{Balancing: &ir.Balancing{Kind: ir.BalanceHash}}
	all := endpoints(10)
	where := func(items ...ir.Endpoint) []string {
		b := apply(t, r, config, items...)
		list := make([]string, 5000)
		for i := range list {
			list[i] = pick(t, b, client(i))
		}
		return list
	}
	before := where(all...)
	const lost = "10.0.0.4:8080"
	without := where(append(append([]ir.Endpoint{}, all[:3]...), all[4:]...)...)
	moved := 0
	for i := range before {
		if before[i] == lost {
			moved++
		} else if before[i] != without[i] {
			t.Fatalf("client %d moved from %s to %s, and %s was lost", i, before[i], without[i], lost)
		}
	}
	if moved == 0 {
		t.Error("nobody was at the endpoint that was lost")
	}
	for i, at := range where(all...) {
		if at != before[i] {
			t.Fatalf("client %d is at %s, and was at %s before the endpoint was lost and came back", i, at, before[i])
		}
	}
}

// TestHashWeights: shares follow weights, to within five standard deviations.
func TestHashWeights(t *testing.T) {
	items := endpoints(2)
	items[0].Weight = 3
	b := apply(t, registry(t), ir.Backend{Balancing: &ir.Balancing{Kind: ir.BalanceHash}}, items...)
	const clients = 20_000
	heavy := 0
	for i := range clients {
		if pick(t, b, client(i)) == "10.0.0.1:8080" {
			heavy++
		}
	}
	if off := math.Abs(float64(heavy) - 0.75*clients); off > 5*math.Sqrt(clients*0.75*0.25) {
		t.Errorf("weight 3 of 4 got %d of %d", heavy, clients)
	}
}

// TestHashHeader: what hashes is the header, and where there is none the client.
func TestHashHeader(t *testing.T) {
	b := apply(t, registry(t), ir.Backend{Balancing: &ir.Balancing{Kind: ir.BalanceHash, Header: "X-Tenant"}}, endpoints(20)...)
	name := message.MakeName("x-tenant")
	var h message.Header
	h.Reset(nil)
	h.Add(&name, []byte("blue"))
	at := map[string]bool{}
	for i := range 50 {
		c := client(i)
		c.Header = &h
		at[pick(t, b, c)] = true
	}
	if len(at) != 1 {
		t.Errorf("one tenant is at %d endpoints", len(at))
	}
	var none message.Header
	none.Reset(nil)
	for i := range 50 {
		c := client(i)
		c.Header = &none
		at[pick(t, b, c)] = true
	}
	if len(at) < 5 {
		t.Errorf("50 clients without the header are at %d endpoints", len(at))
	}
}

// TestHashNot: a client whose endpoint just failed goes to another one, the same one
// each time.
func TestHashNot(t *testing.T) {
	b := apply(t, registry(t), ir.Backend{Balancing: &ir.Balancing{Kind: ir.BalanceHash}}, endpoints(5)...)
	c := client(1)
	c.Not = netip.MustParseAddrPort(pick(t, b, c))
	second := pick(t, b, c)
	if second == c.Not.String() || second != pick(t, b, c) {
		t.Errorf("got %s and then %s in place of %s", second, pick(t, b, c), c.Not)
	}
}

// TestLeast: a busy endpoint is spared until the others are as busy.
func TestLeast(t *testing.T) {
	b := apply(t, registry(t), ir.Backend{Balancing: &ir.Balancing{Kind: ir.BalanceLeast}}, endpoints(2)...)
	held := make(map[string][]*Endpoint)
	for range 100 {
		e, err := b.Pick(Choice{})
		if err != nil {
			t.Fatal(err)
		}
		held[e.Address().String()] = append(held[e.Address().String()], e)
	}
	first := held["10.0.0.1:8080"]
	if len(first) != 50 {
		t.Fatalf("%d of 100 went to the first of two", len(first))
	}
	for _, e := range first[:20] {
		e.Leave()
	}
	for range 20 {
		e, err := b.Pick(Choice{})
		if err != nil {
			t.Fatal(err)
		}
		if e.Address().String() != "10.0.0.1:8080" {
			t.Fatalf("the endpoint with the most under way was picked")
		}
	}
}

func TestAllocPick(t *testing.T) {
	var h message.Header
	h.Reset(nil)
	h.AddField(message.HeaderCookie, message.HeaderCookie.Bytes(), []byte("a=b; _srv_id=123; c=d"))
	for name, config := range map[string]ir.Backend{
		"round robin": {}, "hash": {Balancing: &ir.Balancing{Kind: ir.BalanceHash}},
		"least":   {Balancing: &ir.Balancing{Kind: ir.BalanceLeast}},
		"session": {Session: &ir.Session{Cookie: "_srv_id"}},
		"breaker": {Breaker: &ir.Breaker{Window: 1e9, Errors: ir.Threshold{Ratio: 1}, MinRequests: 1 << 30, Open: 1e9, Status: 503}},
	} {
		b := apply(t, registry(t), config, endpoints(10)...)
		if n := testing.AllocsPerRun(100, func() {
			if b.Admit() != nil {
				t.Fatal("the breaker is open")
			}
			e, err := b.Pick(Choice{Client: netip.IPv6Loopback(), Header: &h})
			if err != nil {
				t.Fatal(err)
			}
			b.Answered(200, 1, 1)
			b.Fine(e)
			e.Leave()
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
