package limit

import (
	"maps"
	"sync"

	"fsm/internal/ir"
)

// Registry has the limiters of a proxy by their names, for as long as snapshots have
// them.
type Registry struct {
	mu      sync.Mutex
	buckets map[ir.LimiterName]*Bucket
	clients map[ir.LimiterName]*Clients
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{buckets: map[ir.LimiterName]*Bucket{}, clients: map[ir.LimiterName]*Clients{}}
}

// Update puts the settings of a snapshot into force. What the snapshot no longer has
// is forgotten; those who use it still do not notice.
func (r *Registry) Update(s *ir.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, l := range s.Limiters {
		bucket, clients := r.buckets[name], r.clients[name]
		switch {
		case l.Clients != nil && clients != nil:
			clients.Set(l.Clients)
		case l.Clients != nil:
			r.clients[name] = NewClients(l.Clients)
		case bucket != nil:
			bucket.Set(l)
		default:
			r.buckets[name] = NewBucket(l)
		}
	}
	maps.DeleteFunc(r.buckets, func(name ir.LimiterName, _ *Bucket) bool { l := s.Limiters[name]; return l == nil || l.Clients != nil })
	maps.DeleteFunc(r.clients, func(name ir.LimiterName, _ *Clients) bool { l := s.Limiters[name]; return l == nil || l.Clients == nil })
}

// Bucket finds a bucket, nil when the snapshot had none of that name.
func (r *Registry) Bucket(name ir.LimiterName) *Bucket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buckets[name]
}

// Clients finds limits of clients, nil when the snapshot had none of that name.
func (r *Registry) Clients(name ir.LimiterName) *Clients {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clients[name]
}
