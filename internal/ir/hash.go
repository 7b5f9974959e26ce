package ir

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"slices"
)

// sum is the content hash of a resource; zero until it was computed.
type sum [16]byte

func (s sum) String() string { return hex.EncodeToString(s[:]) }

// Hash is the table's content hash; empty before the mesh or snapshot that holds
// it was sealed. Equal hashes mean equal content.
func (t *RouteTable) Hash() string { return t.sum.String() }

// Hash is the route's content hash, as for tables.
func (r *Route) Hash() string { return r.sum.String() }

// Hash is the backend's content hash, as for tables.
func (b *Backend) Hash() string { return b.sum.String() }

// Hash is the content hash of the endpoints, as for tables.
func (e *Endpoints) Hash() string { return e.sum.String() }

// Hash is the secret's content hash, private key included, as for tables.
func (s *Secret) Hash() string { return s.sum.String() }

// Seal computes the hashes that are still missing. It must have run before
// the mesh is handed to a second goroutine.
func (m *Mesh) Seal() {
	seal(m.Tables, m.Backends, m.Endpoints, m.Secrets)
	sealLimiters(m.Limiters)
}

// Seal computes the missing hashes and the version. It must have run before the
// snapshot is handed to a second goroutine.
func (s *Snapshot) Seal() {
	seal(s.Tables, s.Backends, s.Endpoints, s.Secrets)
	sealLimiters(s.Limiters)
	h := sha256.New()
	for _, l := range s.Listeners {
		data, err := json.Marshal(l)
		if err != nil {
			panic("ir: a listener does not marshal: " + err.Error())
		}
		h.Write(data)
	}
	writeSums(h, s.Tables, func(t *RouteTable) sum { return t.sum })
	writeSums(h, s.Backends, func(b *Backend) sum { return b.sum })
	writeSums(h, s.Endpoints, func(e *Endpoints) sum { return e.sum })
	writeSums(h, s.Secrets, func(s *Secret) sum { return s.sum })
	writeSums(h, s.Limiters, func(l *Limiter) sum { return l.sum })
	if s.Resolution != nil {
		s.Resolution.Seal()
		h.Write(s.Resolution.sum[:])
	}
	s.Version = hex.EncodeToString(h.Sum(nil)[:8])
}

func seal(tables map[TableName]*RouteTable, backends map[BackendName]*Backend,
	endpoints map[EndpointsName]*Endpoints, secrets map[SecretName]*Secret) {
	for _, t := range tables {
		if t.sum == (sum{}) {
			t.sum = sumOfTable(t)
		}
	}
	for _, b := range backends {
		if b.sum == (sum{}) {
			b.sum = sumOf(b)
		}
	}
	for _, e := range endpoints {
		if e.sum == (sum{}) {
			e.sum = sumOf(e)
		}
	}
	for _, s := range secrets {
		if s.sum == (sum{}) {
			s.sum = sumOf(s.open())
		}
	}
}

func sealLimiters(limiters map[LimiterName]*Limiter) {
	for _, l := range limiters {
		if l.sum == (sum{}) {
			l.sum = sumOf(l)
		}
	}
}

// sumOf hashes the JSON of a resource. Resources are made of types whose
// marshalling cannot fail once their sums are members of the known ones, which
// the tests of this package check.
func sumOf(resource any) sum {
	data, err := json.Marshal(resource)
	if err != nil {
		panic("ir: a resource does not marshal: " + err.Error())
	}
	full := sha256.Sum256(data)
	return sum(full[:16])
}

// sumOfTable is made from the sums of the routes, so that one new route in a long
// table costs one marshalling.
func sumOfTable(t *RouteTable) sum {
	h := sha256.New()
	h.Write([]byte(t.Name))
	for _, r := range t.Routes {
		if r.sum == (sum{}) {
			r.sum = sumOf(r)
		}
		h.Write(r.sum[:])
	}
	return sum(h.Sum(nil)[:16])
}

func writeSums[K cmp.Ordered, V any](h hash.Hash, resources map[K]V, of func(V) sum) {
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		s := of(resources[name])
		h.Write(s[:])
	}
}
