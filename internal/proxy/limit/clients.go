package limit

import (
	"container/heap"
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"time"

	"fsm/internal/ir"
)

const (
	// maxClients is how many clients are told apart.
	maxClients   = 65536
	clientShards = 32
)

// Clients are the limits of each client by itself.
//
// Of a client that may do so and so many requests in a time, the moment is kept by which
// those that it did are paid for (the generic cell rate algorithm, ITU-T I.371, annex
// A). It may be ahead of now by as much as the burst pays for. Of any sequence of requests
// the same ones pass as with the leaky bucket of nginx, limit_req with burst and nodelay.
//
// A client about whom there is nothing to remember, since its moments have passed and
// none of its requests are under way, is as good as one that never came, and makes room
// for others. When there is no such, the one makes room that would soonest have: it
// loses the least. Those who have used up what they may are the last to be forgotten, so
// that nobody gets rid of a full account without filling as many others more than that one.
// Who has requests under way is never forgotten; when that holds for everybody, a client
// that is not known yet is refused.
type Clients struct {
	began time.Time // from which moments are counted
	// seed keeps it from clients who shares a shard with whom.
	seed   maphash.Seed
	shards [clientShards]clientShard
}

// clientRules are ir.ClientLimits, compiled.
type clientRules struct {
	*ir.ClientLimits
	// rates are those per second and per minute.
	rates [2]clientRate
}

// clientRate is in nanoseconds.
type clientRate struct {
	interval int64 // pays for a request; 0 when there is no limit
	ahead    int64 // how far a client may be ahead
}

func newClientRate(r ir.ClientRate, per time.Duration) clientRate {
	if r.Requests == 0 {
		return clientRate{}
	}
	interval := max(int64(per)/int64(r.Requests), 1)
	const most = math.MaxInt64 / 4 // leaves room for sums
	return clientRate{interval: interval, ahead: min(int64(r.Burst), most/interval) * interval}
}

// NewClients returns limits of clients, none of whom has come yet.
func NewClients(l *ir.ClientLimits) *Clients {
	c := &Clients{began: time.Now(), seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].known = map[clientKey]*client{}
	}
	c.Set(l)
	return c
}

// now is the moment that it is.
func (c *Clients) now() int64 { return int64(time.Since(c.began)) }

// Set changes the settings. What clients did stays with them, as far as it could have
// been done under the new ones.
func (c *Clients) Set(l *ir.ClientLimits) {
	rules := clientRules{l, [...]clientRate{newClientRate(l.PerSecond, time.Second), newClientRate(l.PerMinute, time.Minute)}}
	for i := range c.shards {
		c.shards[i].set(rules, c.now())
	}
}

// set changes the rules of a shard.
func (s *clientShard) set(rules clientRules, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.rules.rates
	if s.rules = rules; rules.rates == before {
		return
	}
	for _, k := range s.order {
		for i, r := range rules.rates {
			k.paid[i] = r.convert(k.paid[i], before[i], now)
		}
		k.look()
	}
	heap.Init(&s.order)
}

// convert is the moment by which as many requests are paid for as at another rate.
func (r clientRate) convert(paid int64, before clientRate, now int64) int64 {
	if paid <= now || r.interval == 0 || before.interval == 0 {
		return 0
	}
	requests := float64(paid-now) / float64(before.interval)
	return now + int64(min(requests*float64(r.interval), float64(r.ahead+r.interval)))
}

// Held is a request that is under way.
type Held = interface{ Release() }

// Enter counts a request. It is refused when the client asks too fast, or is crowded: has
// as many requests under way as it may. What is held, if not nil, is to be released when
// a request that may pass is over.
func (c *Clients) Enter(address netip.Addr) (held Held, fast, crowded bool) {
	key := keyOf(address)
	s := &c.shards[maphash.Bytes(c.seed, key[:])%clientShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rules.Exempts(address) {
		return nil, false, false
	}
	now := c.now()
	k := s.find(key, now)
	switch {
	case k == nil, s.rules.Concurrent > 0 && k.underway >= s.rules.Concurrent:
		return nil, false, true
	case !k.pay(&s.rules.rates, now):
		return nil, true, false
	}
	if s.rules.Concurrent > 0 {
		k.underway++
		held = k
	}
	return held, false, false
}

// clientKey is whom a client counts as.
type clientKey [16]byte

// keyOf is an address, or of one of the public IPv6 internet its /64: a host chooses the
// lower half itself (RFC 4862), so that whoever has one address has 2⁶⁴ of them, and
// would otherwise be as many clients. In private networks a /64 is a link with many
// hosts, which have little to gain there from addresses that are not theirs.
func keyOf(a netip.Addr) clientKey {
	a = a.Unmap()
	key := a.As16()
	if a.Is6() && a.IsGlobalUnicast() && !a.IsPrivate() {
		clear(key[8:])
	}
	return key
}

// clientShard has some of the clients.
type clientShard struct {
	mu    sync.Mutex
	rules clientRules
	known map[clientKey]*client
	order clientOrder
}

// find is the client of that name, which may be a new one; nil when there is no room.
func (s *clientShard) find(key clientKey, now int64) *client {
	if k := s.known[key]; k != nil {
		return k
	}
	// Two go for one that comes, so that what a flood has left behind does not stay.
	for range 2 {
		if first := s.order.first(); first != nil && first.until <= now {
			s.forget(first)
		}
	}
	if len(s.order) == maxClients/clientShards {
		first := s.order.first()
		if first.underway > 0 {
			return nil
		}
		s.forget(first)
	}
	k := &client{shard: s, key: key}
	s.known[key] = k
	heap.Push(&s.order, k)
	return k
}

// forget makes room.
func (s *clientShard) forget(k *client) {
	heap.Remove(&s.order, k.place)
	delete(s.known, k.key)
}

// client is what is remembered of one.
type client struct {
	shard    *clientShard
	key      clientKey
	paid     [2]int64 // until when, for each of the rates
	underway uint32
	// until is when there is nothing to remember any more, as it was when somebody
	// looked. It may be later by now, and not earlier.
	until int64
	place int // in the order
}

// pay counts a request, if there is none of the rates that it exceeds.
func (k *client) pay(rates *[2]clientRate, now int64) bool {
	var paid [2]int64
	for i, r := range rates {
		if r.interval == 0 {
			continue
		}
		ahead := max(k.paid[i]-now, 0)
		if ahead > r.ahead {
			return false
		}
		paid[i] = now + ahead + r.interval
	}
	k.paid = paid
	return true
}

// look finds out until when there is something to remember.
func (k *client) look() (changed bool) {
	before := k.until
	if k.until = max(k.paid[0], k.paid[1]); k.underway > 0 {
		k.until = math.MaxInt64
	}
	return k.until != before
}

// Release says that a request is over.
func (k *client) Release() {
	s := k.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.underway--; k.until == math.MaxInt64 && k.look() {
		heap.Fix(&s.order, k.place)
	}
}

// clientOrder is a heap of clients, of which the one is first that can be forgotten
// first. A request does not move its client; that is done when it matters.
type clientOrder []*client

// first is nil when there is nobody.
func (o *clientOrder) first() *client {
	for len(*o) > 0 {
		k := (*o)[0]
		if !k.look() {
			return k
		}
		heap.Fix(o, 0)
	}
	return nil
}

// Len implements heap.Interface.
func (o clientOrder) Len() int { return len(o) }

// Less implements heap.Interface.
func (o clientOrder) Less(i, j int) bool { return o[i].until < o[j].until }

// Swap implements heap.Interface.
func (o clientOrder) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].place, o[j].place = i, j
}

// Push implements heap.Interface.
func (o *clientOrder) Push(x any) {
	k := x.(*client)
	k.place = len(*o)
	*o = append(*o, k)
}

// Pop implements heap.Interface.
func (o *clientOrder) Pop() any {
	last := len(*o) - 1
	k := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	return k
}
