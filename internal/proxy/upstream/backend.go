package upstream

import (
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// Backend is a backend of any snapshot that named it. Its settings follow the
// snapshot in force; whose turn it is, what its breaker has counted and how its
// endpoints fare carry on.
type Backend struct {
	Name    ir.BackendName
	state   atomic.Pointer[backendState]
	turn    atomic.Uint32
	breaker breaker

	mu     sync.Mutex
	vitals map[netip.AddrPort]*vitals
}

// backendState is what a snapshot says about a backend.
type backendState struct {
	config    *ir.Backend
	addresses *ir.Endpoints // as the snapshot has them
	// settled says that the state follows from these two alone.
	settled bool
	hash    string

	endpoints []*Endpoint
	choices   atomic.Pointer[choices]
	balancing balancing
	session   *session         // nil for none
	breaker   *breakerSettings // nil for none
	retries   *Retries         // nil for none

	// failure answers every request; nil when the backend can be used.
	failure *message.Reply
	connect time.Duration
	// waiting is closed when the first names have resolved; nil if there are none
	// to wait for.
	waiting <-chan struct{}
}

// defaultConnect bounds making a connection.
const defaultConnect = 5 * time.Second

// Pick chooses the endpoint for the next request or connection, as the backend's
// balancing says. Whoever picked it says so when it is done, by Leave. Errors are
// *message.Reply.
func (b *Backend) Pick(want Choice) (*Endpoint, error) {
	s := b.state.Load()
	if s.waiting != nil {
		s = b.awaitNames(s)
	}
	if s.failure != nil {
		return nil, s.failure
	}
	c := s.choices.Load()
	if c.until != 0 && socket.Now() >= c.until {
		c = b.readmit()
	}
	if len(c.endpoints) == 0 {
		if len(s.endpoints) > 0 {
			return nil, errNoHealthy
		}
		return nil, errNoEndpoints
	}
	var e *Endpoint
	if s.session != nil && want.Header != nil {
		if e = s.session.find(want.Header); e != nil && (e.out.Load() || e.key.addr == want.Not) {
			e = nil
		}
	}
	if e == nil {
		e = c.pick(b, s.balancing, &want)
	}
	e.active.Add(1)
	return e, nil
}

// readmit takes back the endpoints whose ejection has ended.
func (b *Backend) readmit() *choices {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.state.Load()
	b.choose(s, socket.Now())
	return s.choices.Load()
}

// enter puts a state into force, with what is known about its endpoints.
func (b *Backend) enter(s *backendState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.state.Load()
	if old == nil || !reflect.DeepEqual(old.config.Breaker, s.config.Breaker) {
		b.breaker.forget() // what others were to be measured by, or nothing
	}
	current := make(map[netip.AddrPort]*vitals, len(s.endpoints))
	for _, e := range s.endpoints {
		e.vitals = b.vitals[e.key.addr]
		if e.vitals == nil {
			e.vitals = &vitals{}
		}
		current[e.key.addr] = e.vitals
		b.probe(e, s.config.Health)
	}
	for addr, v := range b.vitals {
		if current[addr] == nil {
			v.stopProbe()
		}
	}
	b.vitals = current
	if old != nil {
		s.choices.Store(old.choices.Load()) // whose turn it is
	}
	b.choose(s, socket.Now())
	b.state.Store(s)
}

// probe begins to check an endpoint, ends it, or leaves it as it is. b.mu is held.
func (b *Backend) probe(e *Endpoint, config *ir.HealthCheck) {
	v := e.vitals
	if p := v.probe; p != nil && p.pool == e.Pool && config != nil && reflect.DeepEqual(p.config, config) {
		return
	}
	v.stopProbe()
	if config == nil {
		v.unhealthy = false
		return
	}
	p := &probe{config: config, pool: e.Pool, stop: make(chan struct{})}
	p.ask = p.check
	p.report = func(healthy bool) { b.healthChanged(v, p, healthy) }
	v.probe = p
	go p.run(!v.unhealthy)
}

// retire ends everything that goes on by itself.
func (b *Backend) retire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range b.vitals {
		v.stopProbe()
	}
	b.vitals = nil
}

// awaitNames waits for DNS names that were never resolved yet, as long as it
// would for a connection.
func (b *Backend) awaitNames(s *backendState) *backendState {
	timer := time.NewTimer(s.connect)
	defer timer.Stop()
	select {
	case <-s.waiting:
	case <-timer.C:
	}
	return b.state.Load()
}

// Others reports whether there is an endpoint to choose besides this one.
func (b *Backend) Others(than netip.AddrPort) bool {
	c := b.state.Load().choices.Load()
	return len(c.endpoints) > 0 && c.other(than).key.addr != than
}

// ConnectBy is when a connection that is begun now must be made.
func (b *Backend) ConnectBy() int64 { return socket.Now() + int64(b.state.Load().connect) }

// Protocol is what the backend speaks.
func (b *Backend) Protocol() ir.BackendProtocol { return b.state.Load().config.Protocol }

// Config is what the snapshot in force says about the backend.
func (b *Backend) Config() *ir.Backend { return b.state.Load().config }

// All are the endpoints, those that are left out included.
func (b *Backend) All() []*Endpoint { return b.state.Load().endpoints }

// Retries is for routes that have none of their own; nil for none.
func (b *Backend) Retries() *Retries { return b.state.Load().retries }

// Failure is why the backend cannot be used at all; nil when it can.
func (b *Backend) Failure() *message.Reply { return b.state.Load().failure }

// Relay connects to an endpoint for a relay of bytes.
func (b *Backend) Relay(p *Pool, k *socket.Keeper) (*socket.Stream, error) {
	timeout := b.state.Load().connect
	tcp, err := dialFast(p.key.addr, timeout)
	if err != nil {
		return nil, connectError(p.key.addr, err)
	}
	sock, err := socket.NewConn(tcp, k, socket.Now()+int64(timeout))
	if err != nil {
		_ = tcp.Close()
		return nil, connectError(p.key.addr, err)
	}
	stream := &socket.Stream{Sock: sock}
	if p.tls == nil {
		return stream, nil
	}
	return handshake(stream, p.key.addr, p.tls.relay)
}

var (
	errNoEndpoints = &message.Reply{Status: 503, Reason: ReasonNoEndpoints}
	errNoHealthy   = &message.Reply{Status: 503, Reason: ReasonNoHealthy}
	errNoNames     = &message.Reply{Status: 503, Reason: ReasonDNS}
	errForbidden   = &message.Reply{Status: 503, Reason: ReasonForbidden}
)

// unknownState is that of a backend that a snapshot refers to and does not have.
func unknownState(name ir.BackendName) *backendState {
	s := &backendState{
		config:  &ir.Backend{Name: name},
		failure: &message.Reply{Status: 500, Reason: ReasonUnknown},
	}
	s.choices.Store(&choices{})
	return s
}

// address is an endpoint's address when it needs no resolving.
func address(e ir.Endpoint) (netip.AddrPort, bool) {
	ip, err := netip.ParseAddr(e.Address)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), e.Port), true
}
