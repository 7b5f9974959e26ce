package upstream

import (
	"math"
	"net/netip"
	"sync"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// Choice is what the choice of an endpoint may depend on.
type Choice struct {
	// Client is the address of whoever the request or connection is attributed to.
	Client netip.Addr
	// Header of the request; nil for relays.
	Header *message.Header
	// Not is an endpoint that just failed and is taken only when there is no other.
	Not netip.AddrPort
}

// choices are the endpoints of a backend that may be chosen at the moment.
type choices struct {
	endpoints []*Endpoint
	// weighted is nil when all weights are equal.
	weighted *Weighted
	// until is when somebody who is left out comes back; 0 for never.
	until int64
}

// balance prepares the choices for weights. Whose turn it is carries on.
func (c *choices) balance(old *choices) {
	weights := make([]uint32, len(c.endpoints))
	equal := true
	for i, e := range c.endpoints {
		weights[i] = e.weight
		equal = equal && e.weight == weights[0]
	}
	switch {
	case equal:
	case old != nil && old.weighted != nil && old.weighted.Same(weights):
		c.weighted = old.weighted
	default:
		c.weighted = NewWeighted(weights)
	}
}

// next picks by turn.
func (c *choices) next(b *Backend, not netip.AddrPort) *Endpoint {
	n := uint32(len(c.endpoints))
	var e *Endpoint
	for range 2 {
		if c.weighted != nil {
			e = c.endpoints[c.weighted.Pick()]
		} else {
			e = c.endpoints[(b.turn.Add(1)-1)%n]
		}
		if e.key.addr != not {
			return e
		}
	}
	return c.other(not)
}

// other is any endpoint but this one, if there is any.
func (c *choices) other(not netip.AddrPort) *Endpoint {
	for _, e := range c.endpoints {
		if e.key.addr != not {
			return e
		}
	}
	return c.endpoints[0]
}

// least picks the endpoint with the least under way for its weight; of several, the
// one that follows the last that was picked.
func (c *choices) least(b *Backend, not netip.AddrPort) *Endpoint {
	var best *Endpoint
	var load int64
	n, start, at := uint32(len(c.endpoints)), b.turn.Load(), uint32(0)
	for i := range n {
		e := c.endpoints[(start+i)%n]
		if e.key.addr == not {
			continue
		}
		active := e.active.Load()
		if best == nil || active*int64(best.weight) < load*int64(e.weight) {
			best, load, at = e, active, (start+i)%n
		}
	}
	if best == nil {
		return c.endpoints[0]
	}
	b.turn.Store(at + 1)
	return best
}

// hashed picks the endpoint that scores highest for the key (rendezvous hashing,
// Thaler and Ravishankar 1998): each endpoint's score depends on itself and the key
// only, so that keys move only from an endpoint that is lost or to one that is new.
// There is no ring or table whose slots could be shared out unevenly.
func (c *choices) hashed(key uint64, not netip.AddrPort) *Endpoint {
	var best *Endpoint
	var top uint64
	var topWeighted float64
	for _, e := range c.endpoints {
		if e.key.addr == not {
			continue
		}
		score := mix(key ^ e.seed)
		if c.weighted == nil {
			if best == nil || score > top {
				best, top = e, score
			}
			continue
		}
		// -w/ln(u) for u in (0, 1) gives shares in proportion to the weights.
		u := (float64(score>>11) + 0.5) / (1 << 53)
		if w := -float64(e.weight) / math.Log(u); best == nil || w > topWeighted {
			best, topWeighted = e, w
		}
	}
	if best == nil {
		return c.endpoints[0]
	}
	return best
}

// hashKey is what a request or connection hashes to.
func hashKey(header *message.Name, want *Choice) uint64 {
	if header != nil && want.Header != nil {
		if value, ok := want.Header.Get(header); ok {
			return hashBytes(value)
		}
	}
	a := want.Client.As16()
	return hashBytes(a[:])
}

// hashBytes is FNV-1a, mixed. It must be the same in all replicas.
func hashBytes(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return mix(h)
}

// mix spreads each bit over all others (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// balancing is a compiled ir.Balancing.
type balancing struct {
	kind   ir.BalancingKind
	header *message.Name // nil for the client's address
}

func newBalancing(b *ir.Balancing) balancing {
	if b == nil {
		return balancing{}
	}
	compiled := balancing{kind: b.Kind}
	if b.Header != "" {
		name := message.MakeName(b.Header)
		compiled.header = &name
	}
	return compiled
}

// pick chooses one of the endpoints, of which there is at least one.
func (c *choices) pick(b *Backend, how balancing, want *Choice) *Endpoint {
	if len(c.endpoints) == 1 {
		return c.endpoints[0]
	}
	switch how.kind {
	case ir.BalanceHash:
		return c.hashed(hashKey(how.header, want), want.Not)
	case ir.BalanceLeast:
		return c.least(b, want.Not)
	}
	return c.next(b, want.Not)
}

// Weighted hands out indexes in proportion to weights, smoothly: of any run of
// as many picks as the weights add up to, each index gets exactly its weight,
// spread out as evenly as can be.
type Weighted struct {
	weights []int64
	total   int64

	mu      sync.Mutex
	current []int64
}

// NewWeighted makes a balancer. Indexes of weight 0 are never picked.
func NewWeighted(weights []uint32) *Weighted {
	w := &Weighted{weights: make([]int64, len(weights)), current: make([]int64, len(weights))}
	for i, weight := range weights {
		w.weights[i] = int64(weight)
		w.total += int64(weight)
	}
	return w
}

// Pick returns the next index, or -1 when all weights are 0.
func (w *Weighted) Pick() int {
	if w.total == 0 {
		return -1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	best := -1
	for i, weight := range w.weights {
		if weight == 0 {
			continue
		}
		w.current[i] += weight
		if best < 0 || w.current[i] > w.current[best] {
			best = i
		}
	}
	w.current[best] -= w.total
	return best
}

// Same reports whether the weights are these.
func (w *Weighted) Same(weights []uint32) bool {
	if len(w.weights) != len(weights) {
		return false
	}
	for i, weight := range weights {
		if w.weights[i] != int64(weight) {
			return false
		}
	}
	return true
}
