package limit

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fsm/internal/ir"
)

func address(text string) netip.Addr { return netip.MustParseAddr(text) }

// stranger is the n-th of many addresses.
func stranger(n uint32) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 10<<24+n)
	return netip.AddrFrom4(a)
}

// ask has a client ask so many times at once, and drops what is held.
func ask(c *Clients, client netip.Addr, n int) (passed int) {
	for range n {
		held, fast, crowded := c.Enter(client)
		if held != nil {
			held.Release()
		}
		if !fast && !crowded {
			passed++
		}
	}
	return passed
}

func perSecond(requests, burst uint32) *ir.ClientLimits {
	return &ir.ClientLimits{PerSecond: ir.ClientRate{Requests: requests, Burst: burst}}
}

// One request and the burst pass at once, then as many as the rate says, evenly spread.
func TestClientRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClients(perSecond(5, 25))
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{0, 26}, {199 * time.Millisecond, 0}, {time.Millisecond, 1}, {time.Second, 5}, {100 * time.Second, 26}} {
			time.Sleep(step.after)
			if got := ask(c, address("192.0.2.1"), 100); got != step.want {
				t.Errorf("%v later: %d passed, want %d", step.after, got, step.want)
			}
		}
		if got := ask(c, address("192.0.2.2"), 100); got != 26 {
			t.Errorf("of another client %d passed, want 26", got)
		}
	})
}

// leaky is the leaky bucket of nginx, limit_req with burst and nodelay: how many
// requests, in thousandths, have come in excess of the rate.
type leaky struct {
	rate, burst  int64
	excess, last int64
	known        bool
}

func (l *leaky) take(milliseconds int64) bool {
	excess := int64(0)
	if l.known {
		excess = max(l.excess-l.rate*(milliseconds-l.last)+1000, 0)
	}
	if excess > 1000*l.burst {
		return false
	}
	l.known, l.excess, l.last = true, excess, milliseconds
	return true
}

// The same requests pass as with nginx.
func TestClientRateIsThatOfNGINX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for _, rate := range []uint32{1, 2, 5, 10, 100} {
			for _, burst := range []uint32{0, 1, 5, 50} {
				c, bucket := NewClients(perSecond(rate, burst)), leaky{rate: int64(rate), burst: int64(burst)}
				passed, now := 0, int64(0)
				for n := range 2000 {
					wait := random.Int64N(max(2000/int64(rate), 2))
					now += wait
					time.Sleep(time.Duration(wait) * time.Millisecond)
					got, want := ask(c, address("192.0.2.1"), 1) == 1, bucket.take(now)
					if got != want {
						t.Fatalf("%d/s burst %d: request %d passed: %v, with nginx %v", rate, burst, n, got, want)
					}
					if got {
						passed++
					}
				}
				if passed == 0 || burst < 5 && passed == 2000 {
					t.Errorf("%d/s burst %d: %d of 2000 passed, which says nothing", rate, burst, passed)
				}
			}
		}
	})
}

// All limits hold, and a request that one refuses counts for none.
func TestClientLimitsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := perSecond(10, 1)
		l.PerMinute, l.Concurrent = ir.ClientRate{Requests: 2, Burst: 2}, 1
		c, a := NewClients(l), address("192.0.2.1")
		held, fast, crowded := c.Enter(a)
		if held == nil || fast || crowded {
			t.Fatalf("the first request: %v %v %v", held, fast, crowded)
		}
		if _, fast, crowded := c.Enter(a); fast || !crowded {
			t.Errorf("beside the first request: fast %v, crowded %v", fast, crowded)
		}
		held.Release()
		if got := ask(c, a, 10); got != 1 {
			t.Errorf("%d passed at once, want 1 by the rate per second", got)
		}
		time.Sleep(10 * time.Second)
		if got := ask(c, a, 10); got != 1 {
			t.Errorf("%d passed after 10 s, want 1 by the rate per minute", got)
		}
		time.Sleep(20 * time.Second)
		if got := ask(c, a, 10); got != 1 {
			t.Errorf("%d passed after 30 s, want 1 by the rate per minute", got)
		}
	})
}

func TestWhoIsAClient(t *testing.T) {
	l := perSecond(1, 0)
	l.Exempt = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	for _, test := range []struct {
		name, first, second string
		same                bool
	}{
		{"IPv4", "192.0.2.1", "192.0.2.2", false},
		{"IPv4 in IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"one network of the public IPv6", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{"two networks", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"a private network", "fd00::1", "fd00::2", false},
		{"a link", "fe80::1", "fe80::2", false},
		{"this machine", "::1", "::2", false},
		{"exempt", "198.51.100.1", "198.51.100.1", false},
		{"exempt, IPv4 in IPv6", "::ffff:198.51.100.1", "::ffff:198.51.100.1", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := NewClients(l)
				ask(c, address(test.first), 1)
				if same := ask(c, address(test.second), 1) == 0; same != test.same {
					t.Errorf("%s and %s count together: %v", test.first, test.second, same)
				}
			})
		})
	}
}

// However many ask at once, no more are under way than may be, nor refused for nothing.
func TestClientsUnderWay(t *testing.T) {
	const most = 4
	c := NewClients(&ir.ClientLimits{Concurrent: most})
	var now, passed atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 2000 {
				held, _, crowded := c.Enter(address("192.0.2.1"))
				if crowded {
					continue
				}
				if n := now.Add(1); n > most {
					t.Errorf("%d are under way", n)
				}
				passed.Add(1)
				now.Add(-1)
				held.Release()
			}
		})
	}
	wg.Wait()
	if passed.Load() < most {
		t.Errorf("%d passed", passed.Load())
	}
	for n := range most + 1 {
		if _, _, crowded := c.Enter(address("192.0.2.1")); crowded != (n == most) {
			t.Errorf("in the end, request %d: crowded %v", n, crowded)
		}
	}
}

// known is how many clients are remembered.
func known(c *Clients) (n int) {
	for i := range c.shards {
		if s := &c.shards[i]; len(s.known) == len(s.order) {
			n += len(s.order)
		}
	}
	return n
}

// askInTurn has clients nobody knows ask again and again, each after all others.
func askInTurn(c *Clients, clients uint32, times int) (passed int) {
	for range times {
		for n := range clients {
			passed += ask(c, stranger(1<<23+n), 1)
		}
	}
	return passed
}

// A flood of addresses costs bounded memory, and does not make forget who has used up
// what it may; what it leaves behind goes with those who come later.
func TestFloodOfClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a := NewClients(perSecond(1, 5)), address("192.0.2.1")
		ask(c, a, 1)
		time.Sleep(100 * time.Millisecond)
		for n := range uint32(2 * maxClients) {
			if n == maxClients/2 {
				ask(c, a, 5) // by now it would have been forgotten soon
			}
			if got := ask(c, stranger(n), 1); got != 1 {
				t.Fatalf("stranger %d was refused", n)
			}
		}
		if got := known(c); got > maxClients || got < maxClients/2 {
			t.Errorf("%d clients are remembered, want not more than %d", got, maxClients)
		}
		if got := ask(c, a, 1); got != 0 {
			t.Error("the flood gave a client new requests")
		}
		time.Sleep(10 * time.Millisecond)
		if got := askInTurn(c, 200, 10); got != 200*6 {
			t.Errorf("after the flood %d requests of 200 new clients passed, want 6 of each", got)
		}
		time.Sleep(time.Minute)
		for n := range uint32(maxClients) {
			ask(c, stranger(2*maxClients+n), 1)
			time.Sleep(time.Second)
		}
		if got := known(c); got > maxClients/16 {
			t.Errorf("%d clients are remembered after the flood", got)
		}
	})
}

// Who has requests under way is not forgotten: their number would be wrong ever after.
func TestBusyClientsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := perSecond(1, 5)
		l.Concurrent = 1
		c := NewClients(l)
		var held []Held
		for n := uint32(0); len(held) < maxClients && n < 2*maxClients; n++ {
			if h, _, crowded := c.Enter(stranger(n)); !crowded {
				held = append(held, h)
			}
		}
		for n := range uint32(1000) {
			if got := ask(c, stranger(2*maxClients+n), 1); got != 0 || len(held) != maxClients {
				t.Fatalf("with %d clients busy one more was let in: %v", len(held), got != 0)
			}
		}
		for _, h := range held {
			h.Release()
		}
		time.Sleep(time.Minute)
		if got := ask(c, address("192.0.2.1"), 9); got != 6 {
			t.Errorf("%d passed when nobody was busy any more, want 6", got)
		}
		if got := askInTurn(c, 1000, 10); got != 1000*6 {
			t.Errorf("%d requests of 1000 new clients passed, want 6 of each: who was busy once takes up their places", got)
		}
	})
}

// New settings leave with clients what they did.
func TestClientSettingsInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := address("192.0.2.1")
		r := NewRegistry()
		update := func(l *ir.ClientLimits) *Clients {
			r.Update(&ir.Snapshot{Limiters: map[ir.LimiterName]*ir.Limiter{"l": {Name: "l", Clients: l}}})
			return r.Clients("l")
		}
		c := update(perSecond(1, 9))
		ask(c, a, 10)
		if update(perSecond(1, 9)) != c || ask(c, a, 1) != 0 {
			t.Fatal("the next snapshot forgot the client")
		}
		update(perSecond(10, 14)) // ten requests are paid for in a second
		if got := ask(c, a, 100); got != 5 {
			t.Errorf("when more was allowed %d passed, want 5 besides those before", got)
		}
		update(perSecond(1, 0))
		if time.Sleep(time.Second); ask(c, a, 100) != 1 {
			t.Error("when less was allowed a client had to wait for what it had been allowed before")
		}
		r.Update(&ir.Snapshot{Limiters: map[ir.LimiterName]*ir.Limiter{"l": {Name: "l", Window: 1, Requests: 1, Burst: 1}}})
		if r.Clients("l") != nil || r.Bucket("l") == nil {
			t.Error("a limiter that became a bucket counts clients")
		}
		if update(perSecond(1, 0)) == c || r.Bucket("l") != nil {
			t.Error("a limiter that is there again remembers its clients")
		}
	})
}

// Rates of no sense do no harm: snapshots may come from files.
func TestExtremeRates(t *testing.T) {
	const most = 1<<32 - 1
	for _, l := range []*ir.ClientLimits{
		perSecond(most, most), perSecond(1, most), {PerMinute: ir.ClientRate{Requests: 1, Burst: most}}, {Concurrent: most}, {},
	} {
		if got := ask(NewClients(l), address("192.0.2.1"), 100); got != 100 {
			t.Errorf("%v: %d of 100 passed", l, got)
		}
	}
}

func TestEnterAllocatesNothing(t *testing.T) {
	l := perSecond(1, 10)
	l.Concurrent = 1
	c := NewClients(l)
	for n := range uint32(1000) {
		ask(c, stranger(n), 1)
	}
	next := uint32(0)
	if n := testing.AllocsPerRun(10000, func() { ask(c, stranger(next%1000), 1); next++ }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkEnter is what a request of a client costs that is known, among many.
func BenchmarkEnter(b *testing.B) {
	c := NewClients(&ir.ClientLimits{PerSecond: ir.ClientRate{Requests: 1, Burst: 1 << 30}, Concurrent: 10})
	for n := range uint32(maxClients / 2) {
		ask(c, stranger(n), 1)
	}
	b.ReportAllocs()
	next := uint32(0)
	for b.Loop() {
		ask(c, stranger(next%(maxClients/2)), 1)
		next += 7919
	}
}
