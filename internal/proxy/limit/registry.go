package limit

import (
	"sync"

	"fsm/internal/ir"
)

// Registry has the buckets of a proxy by their names, for as long as
// snapshots have them.
type Registry struct {
	mu      sync.Mutex
	buckets map[ir.LimiterName]*Bucket
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{buckets: map[ir.LimiterName]*Bucket{}}
}

// Update puts the settings of a snapshot into force. What the snapshot no longer has
// is forgotten; those who use it still do not notice.
func (r *Registry) Update(s *ir.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, l := range s.Limiters {
		if b := r.buckets[name]; b != nil {
			b.Set(l)
		} else {
			r.buckets[name] = NewBucket(l)
		}
	}
	for name := range r.buckets {
		if s.Limiters[name] == nil {
			delete(r.buckets, name)
		}
	}
}

// Bucket finds a bucket, nil when the snapshot had none of that name.
func (r *Registry) Bucket(name ir.LimiterName) *Bucket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buckets[name]
}
