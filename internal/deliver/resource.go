package deliver

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"fsm/internal/ir"
)

// kind of a resource on the wire.
type kind string

const (
	kindListener  kind = "listener"
	kindTable     kind = "table"
	kindRoute     kind = "route"
	kindBackend   kind = "backend"
	kindEndpoints kind = "endpoints"
	kindSecret    kind = "secret"
	kindLimiter   kind = "limiter"
	// kindResolution has one resource, without a name.
	kindResolution kind = "resolution"
)

// key names a resource. A route's name is its hash.
type key struct {
	kind kind
	name string
}

func (k key) String() string { return string(k.kind) + " " + k.name }

func compareKeys(a, b key) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
}

// resource is one version of a resource.
type resource struct {
	hash string
	// value is a pointer to a type of package ir, or nothing where only the hash is
	// known.
	value any
}

// inventory is what a snapshot consists of, or what a proxy has.
type inventory map[key]resource

// wireTable is a table that names its routes by their hashes.
type wireTable struct {
	Name   ir.TableName `json:"name"`
	Routes []string     `json:"routes"`
}

// inventoryOf takes a sealed snapshot apart.
func inventoryOf(s *ir.Snapshot) (inventory, error) {
	all := make(inventory, len(s.Listeners)+len(s.Tables)+len(s.Backends)+len(s.Endpoints)+len(s.Secrets)+len(s.Limiters))
	for _, l := range s.Listeners {
		body, err := json.Marshal(l)
		if err != nil {
			return nil, fmt.Errorf("encode listener %s: %w", l.Name, err)
		}
		sum := sha256.Sum256(body)
		all[key{kindListener, string(l.Name)}] = resource{hex.EncodeToString(sum[:16]), l}
	}
	for name, t := range s.Tables {
		all[key{kindTable, string(name)}] = resource{t.Hash(), t}
		for _, r := range t.Routes {
			hash := r.Hash()
			all[key{kindRoute, hash}] = resource{hash, r}
		}
	}
	for name, b := range s.Backends {
		all[key{kindBackend, string(name)}] = resource{b.Hash(), b}
	}
	for name, e := range s.Endpoints {
		all[key{kindEndpoints, string(name)}] = resource{e.Hash(), e}
	}
	for name, secret := range s.Secrets {
		all[key{kindSecret, string(name)}] = resource{secret.Hash(), secret}
	}
	for name, l := range s.Limiters {
		all[key{kindLimiter, string(name)}] = resource{l.Hash(), l}
	}
	if r := s.Resolution; r != nil {
		all[key{kind: kindResolution}] = resource{r.Hash(), r}
	}
	return all, nil
}

// difference is how to get from one inventory to another.
func difference(from, to inventory) (puts, drops []key) {
	for k, r := range to {
		if from[k].hash != r.hash {
			puts = append(puts, k)
		}
	}
	for k := range from {
		if _, stays := to[k]; !stays {
			drops = append(drops, k)
		}
	}
	slices.SortFunc(puts, compareKeys)
	slices.SortFunc(drops, compareKeys)
	return puts, drops
}

// encode writes the body of a resource.
func encode(value any) ([]byte, error) {
	switch v := value.(type) {
	case *ir.RouteTable:
		w := wireTable{Name: v.Name, Routes: make([]string, len(v.Routes))}
		for i, r := range v.Routes {
			w.Routes[i] = r.Hash()
		}
		return json.Marshal(w)
	case *ir.Secret:
		return v.MarshalOpen()
	}
	return json.Marshal(value)
}

// decode reads the body of a resource. A table is a [*wireTable] until its routes
// are known.
func decode(k kind, body []byte) (any, error) {
	var value any
	switch k {
	case kindListener:
		value = new(ir.Listener)
	case kindTable:
		value = new(wireTable)
	case kindRoute:
		value = new(ir.Route)
	case kindBackend:
		value = new(ir.Backend)
	case kindEndpoints:
		value = new(ir.Endpoints)
	case kindSecret:
		value = new(ir.Secret)
	case kindLimiter:
		value = new(ir.Limiter)
	case kindResolution:
		value = new(ir.Resolution)
	default:
		return nil, fmt.Errorf("resources of kind %q are not known to this build", k)
	}
	if string(body) == "null" {
		return nil, fmt.Errorf("%s is null", k)
	}
	if err := json.Unmarshal(body, value); err != nil {
		return nil, err
	}
	return value, nil
}

// assemble puts a snapshot together again. Tables that still name their routes get
// the routes, in the inventory as well.
func (all inventory) assemble() (*ir.Snapshot, error) {
	s := &ir.Snapshot{
		Tables:    map[ir.TableName]*ir.RouteTable{},
		Backends:  map[ir.BackendName]*ir.Backend{},
		Endpoints: map[ir.EndpointsName]*ir.Endpoints{},
		Secrets:   map[ir.SecretName]*ir.Secret{},
		Limiters:  map[ir.LimiterName]*ir.Limiter{},
	}
	for k, r := range all {
		switch v := r.value.(type) {
		case *ir.Listener:
			s.Listeners = append(s.Listeners, v)
		case *ir.RouteTable:
			s.Tables[ir.TableName(k.name)] = v
		case *wireTable:
			t, err := all.table(v)
			if err != nil {
				return nil, err
			}
			all[k] = resource{r.hash, t}
			s.Tables[ir.TableName(k.name)] = t
		case *ir.Backend:
			s.Backends[ir.BackendName(k.name)] = v
		case *ir.Endpoints:
			s.Endpoints[ir.EndpointsName(k.name)] = v
		case *ir.Secret:
			s.Secrets[ir.SecretName(k.name)] = v
		case *ir.Limiter:
			s.Limiters[ir.LimiterName(k.name)] = v
		case *ir.Resolution:
			s.Resolution = v
		}
	}
	slices.SortFunc(s.Listeners, func(a, b *ir.Listener) int { return cmp.Compare(a.Name, b.Name) })
	return s, s.Check()
}

func (all inventory) table(w *wireTable) (*ir.RouteTable, error) {
	t := &ir.RouteTable{Name: w.Name, Routes: make([]*ir.Route, len(w.Routes))}
	for i, hash := range w.Routes {
		r, ok := all[key{kindRoute, hash}].value.(*ir.Route)
		if !ok {
			return nil, fmt.Errorf("table %q: there is no route %s", w.Name, hash)
		}
		t.Routes[i] = r
	}
	return t, nil
}
