package upstream

import (
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/pki"
	"fsm/internal/proxy/socket"
)

// Registry owns all backends and pools of a proxy.
type Registry struct {
	keeper *socket.Keeper
	names  *resolver
	log    *slog.Logger

	mu       sync.Mutex
	snapshot *ir.Snapshot
	backends map[ir.BackendName]*Backend
	// gone are backends that no snapshot names any more but that something may
	// still point to; when their names come back, so do they.
	gone  map[ir.BackendName]retired
	pools map[poolKey]*Pool
	// sessionKey is for sessions without a key that proxies share.
	sessionKey []byte
}

// retired is a backend that was taken out of use.
type retired struct {
	backend weak.Pointer[Backend]
	// since is when, on the socket package's clock; 0 for one that is not to be used
	// any more.
	since int64
}

// farewell is how long a backend that was taken out of use serves whoever still points
// to it: requests that began with an earlier snapshot, and have not come to choose an
// endpoint yet or choose another one.
const farewell = int64(time.Minute)

// NewRegistry makes an empty registry. Lookup resolves DNS names; nil stands for
// the system's resolver.
func NewRegistry(keeper *socket.Keeper, lookup Lookup, log *slog.Logger) *Registry {
	r := &Registry{
		keeper:   keeper,
		log:      log,
		backends: map[ir.BackendName]*Backend{},
		gone:     map[ir.BackendName]retired{},
		pools:    map[poolKey]*Pool{},

		sessionKey: []byte(rand.Text()),
	}
	r.names = newResolver(lookup, r.resolved, log)
	keeper.EveryTick(r.sweep)
	return r
}

// Close ends the resolving of names and the checking of endpoints, and closes idle
// connections.
func (r *Registry) Close() {
	r.names.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.backends {
		b.retire()
	}
	for _, p := range r.pools {
		p.close()
	}
}

// CloseIdle closes the connections that nobody uses at the moment.
func (r *Registry) CloseIdle() {
	r.mu.Lock()
	pools := slices.Collect(maps.Values(r.pools))
	r.mu.Unlock()
	for _, p := range pools {
		p.closeIdle()
	}
}

// Update makes the snapshot's backends the ones in force, next to those that
// earlier ones had. A backend whose TLS settings cannot be used answers with a
// failure and is reported.
func (r *Registry) Update(s *ir.Snapshot) []ir.Failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot = s
	r.restrict(s.Resolution)
	r.names.want(dnsNames(s))
	var failures []ir.Failure
	for _, name := range slices.Sorted(maps.Keys(s.Backends)) {
		if f := r.update(s.Backends[name]); f != nil {
			failures = append(failures, *f)
		}
	}
	return failures
}

// restrict says what names may resolve to.
func (r *Registry) restrict(to *ir.Resolution) {
	g, err := newGuard(to)
	if err != nil {
		r.log.Error("cannot tell the addresses of this machine, names may resolve to them", "error", err)
	}
	r.names.restrict(g)
}

// Retire takes the backends that the snapshot does not name out of use. It is
// called when no route in force points to them any more; requests on their way may.
func (r *Registry) Retire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.dropPools()
	for name, g := range r.gone {
		if g.backend.Value() == nil {
			delete(r.gone, name)
		}
	}
	for name, b := range r.backends {
		if r.snapshot.Backends[name] == nil {
			b.retire()
			delete(r.backends, name)
			r.gone[name] = retired{weak.Make(b), socket.Now()}
		}
	}
}

// Get finds a backend of the snapshot in force.
func (r *Registry) Get(name ir.BackendName) *Backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.backends[name]; b != nil {
		return b
	}
	b := r.gone[name].backend.Value()
	if b == nil {
		b = &Backend{Name: name}
		b.state.Store(unknownState(name))
		r.gone[name] = retired{backend: weak.Make(b)}
	}
	return b
}

// Figures sum up how the backends fare: how many endpoints they have, how many of
// these are left out, and how many circuits are open.
type Figures struct{ Endpoints, Out, Open int }

// Figures are those of all backends together.
func (r *Registry) Figures() Figures {
	var f Figures
	for _, b := range r.All() {
		for _, e := range b.All() {
			f.Endpoints++
			if e.Out() {
				f.Out++
			}
		}
		if b.Open() {
			f.Open++
		}
	}
	return f
}

// All lists the backends by name.
func (r *Registry) All() []*Backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Collect(maps.Values(r.backends))
	slices.SortFunc(list, func(a, b *Backend) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return list
}

// update brings one backend up to date.
func (r *Registry) update(config *ir.Backend) *ir.Failure {
	var old *backendState
	b := r.backends[config.Name]
	if b != nil {
		old = b.state.Load()
	} else {
		// What one that comes back had is of no use: its pools are closed.
		if b = r.gone[config.Name].backend.Value(); b == nil {
			b = &Backend{Name: config.Name}
		}
		delete(r.gone, config.Name)
		r.backends[config.Name] = b
	}
	endpoints := r.snapshot.Endpoints[config.Endpoints]
	if old != nil && old.config == config && old.addresses == endpoints && old.settled {
		return nil
	}
	hash := r.hash(config)
	if old != nil && old.hash == hash {
		return nil
	}
	state, failure := r.build(config)
	state.hash, state.addresses = hash, endpoints
	state.settled = config.TLS == nil && config.Session == nil && !named(endpoints)
	b.enter(state)
	return failure
}

// hash covers everything a backend's state is made of.
func (r *Registry) hash(config *ir.Backend) string {
	var b strings.Builder
	b.WriteString(config.Hash())
	if e := r.snapshot.Endpoints[config.Endpoints]; e != nil {
		b.WriteString(e.Hash())
		for _, item := range e.Items {
			if _, ok := address(item); !ok {
				b.WriteString(r.names.version(item.Address))
			}
		}
	}
	if t := config.TLS; t != nil {
		for _, name := range append(slices.Clone(t.Authorities), t.Certificate) {
			if s := r.snapshot.Secrets[name]; s != nil {
				b.WriteString(s.Hash())
			}
		}
	}
	if config.Session != nil {
		b.Write(r.keyOf(config.Session))
	}
	return b.String()
}

// keyOf is what session cookies are made with.
func (r *Registry) keyOf(s *ir.Session) []byte {
	if secret := r.snapshot.Secrets[s.Key]; secret != nil && secret.Key != "" {
		return []byte(secret.Key.Reveal())
	}
	return r.sessionKey
}

func (r *Registry) build(config *ir.Backend) (*backendState, *ir.Failure) {
	s := &backendState{
		config: config, connect: time.Duration(config.ConnectTimeout),
		balancing: newBalancing(config.Balancing), breaker: newBreakerSettings(config.Breaker), retries: NewRetries(config.Retry),
	}
	if s.connect <= 0 {
		s.connect = defaultConnect
	}
	if f := config.Failure; f != nil {
		s.failure = &message.Reply{Status: int(f.Status), Reason: f.Reason}
		return s, nil
	}
	var secure *clientTLS
	var tlsHash string
	if config.TLS != nil {
		tlsConfig, err := pki.ClientConfig(config.TLS, r.snapshot.Secrets)
		if err != nil {
			s.failure = &message.Reply{Status: 503, Reason: ReasonTLS, Cause: err}
			return s, &ir.Failure{
				Resource: string(config.Name), Origins: []ir.Origin{config.Origin}, Reason: "InvalidTLS",
				Message: "backend " + string(config.Name) + ": " + err.Error(),
			}
		}
		secure, tlsHash = newClientTLS(tlsConfig), r.tlsHash(config.TLS)
	}
	found := r.addresses(config.Endpoints)
	s.waiting = found.waiting
	if len(found.addrs) == 0 {
		s.failure = found.failure
	}
	for _, a := range found.addrs {
		text, _ := a.addr.MarshalText() // cannot fail
		s.endpoints = append(s.endpoints, &Endpoint{
			Pool:   r.pool(poolKey{a.addr, tlsHash, config.Protocol}, secure, s.connect),
			weight: a.weight, seed: hashBytes(text),
		})
	}
	if config.Session != nil {
		s.session = newSession(config, r.keyOf(config.Session), s.endpoints)
	}
	return s, nil
}

// tlsHash tells TLS settings apart, material included.
func (r *Registry) tlsHash(t *ir.BackendTLS) string {
	data, err := json.Marshal(t)
	if err != nil {
		panic("upstream: TLS settings do not marshal: " + err.Error())
	}
	h := string(data)
	for _, name := range append(slices.Clone(t.Authorities), t.Certificate) {
		if s := r.snapshot.Secrets[name]; s != nil {
			h += s.Hash()
		}
	}
	return h
}

// weighted is an address with its share of the requests.
type weighted struct {
	addr   netip.AddrPort
	weight uint32
}

// addresses are those of endpoints.
type addresses struct {
	addrs []weighted
	// waiting is set while a name has not been resolved for the first time.
	waiting <-chan struct{}
	// failure is what is wrong with a name that has no address.
	failure *message.Reply
}

// addresses are the addresses of endpoints, each once and in order.
func (r *Registry) addresses(name ir.EndpointsName) (found addresses) {
	e := r.snapshot.Endpoints[name]
	if e == nil {
		return addresses{}
	}
	seen := map[netip.AddrPort]bool{}
	add := func(a netip.AddrPort, weight uint32) {
		if !seen[a] {
			seen[a] = true
			found.addrs = append(found.addrs, weighted{a, max(weight, 1)})
		}
	}
	for _, item := range e.Items {
		if a, ok := address(item); ok {
			add(a, item.Weight)
			continue
		}
		answer := r.names.lookup(item.Address)
		if answer.pending != nil {
			found.waiting = answer.pending
		}
		switch {
		case answer.forbidden:
			found.failure = errForbidden
		case len(answer.addrs) == 0 && found.failure == nil:
			found.failure = errNoNames
		}
		for _, ip := range answer.addrs {
			add(netip.AddrPortFrom(ip, item.Port), item.Weight)
		}
	}
	return found
}

func (r *Registry) pool(key poolKey, secure *clientTLS, connect time.Duration) *Pool {
	p := r.pools[key]
	if p == nil {
		p = &Pool{key: key, keeper: r.keeper, tls: secure, timeout: connect}
		r.pools[key] = p
	}
	return p
}

// dropPools closes the pools that no backend uses any more.
func (r *Registry) dropPools() {
	used := map[*Pool]bool{}
	for _, b := range r.backends {
		for _, e := range b.state.Load().endpoints {
			used[e.Pool] = true
		}
	}
	for key, p := range r.pools {
		if !used[p] {
			delete(r.pools, key)
			p.close()
		}
	}
}

// resolved brings the backends behind a name up to date.
func (r *Registry) resolved(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.snapshot == nil {
		return
	}
	for _, config := range r.snapshot.Backends {
		e := r.snapshot.Endpoints[config.Endpoints]
		if e != nil && slices.ContainsFunc(e.Items, func(i ir.Endpoint) bool { return i.Address == name }) {
			r.update(config) // its failures were reported when it was applied
		}
	}
	r.dropPools()
}

// sweep closes connections that idled for too long, and ends the use of backends that
// were retired some time ago.
func (r *Registry) sweep(now int64) {
	r.mu.Lock()
	for name, g := range r.gone {
		if g.since == 0 || now-g.since < farewell {
			continue
		}
		if b := g.backend.Value(); b != nil {
			b.state.Store(unknownState(name))
		}
		r.gone[name] = retired{backend: g.backend}
	}
	pools := slices.Collect(maps.Values(r.pools))
	r.mu.Unlock()
	for _, p := range pools {
		p.sweep(now)
	}
}

// named reports whether some of the endpoints have to be resolved.
func named(e *ir.Endpoints) bool {
	return e != nil && slices.ContainsFunc(e.Items, func(i ir.Endpoint) bool {
		_, ok := address(i)
		return !ok
	})
}

// dnsNames are the endpoints' addresses that have to be resolved.
func dnsNames(s *ir.Snapshot) map[string]bool {
	names := map[string]bool{}
	for _, e := range s.Endpoints {
		for _, item := range e.Items {
			if _, ok := address(item); !ok {
				names[item.Address] = true
			}
		}
	}
	return names
}
