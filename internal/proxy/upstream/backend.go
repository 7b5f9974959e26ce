package upstream

import (
	"net/netip"
	"sync/atomic"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// Backend is a backend of any snapshot that named it. Its settings follow the
// snapshot in force; whose turn it is carries on.
type Backend struct {
	Name  ir.BackendName
	state atomic.Pointer[backendState]
	turn  atomic.Uint32
}

// backendState is what a snapshot says about a backend.
type backendState struct {
	config    *ir.Backend
	endpoints *ir.Endpoints // as the snapshot has them
	// settled says that the state follows from these two alone.
	settled bool
	hash    string
	pools   []*Pool
	// failure answers every request; nil when the backend can be used.
	failure *message.Reply
	connect time.Duration
	// waiting is closed when the first names have resolved; nil if there are none
	// to wait for.
	waiting <-chan struct{}
}

// defaultConnect bounds making a connection.
const defaultConnect = 5 * time.Second

// Pick chooses the endpoint for the next request or connection: each in turn.
// Errors are *message.Reply.
func (b *Backend) Pick() (*Pool, error) {
	s := b.state.Load()
	if s.waiting != nil {
		s = b.awaitNames(s)
	}
	if s.failure != nil {
		return nil, s.failure
	}
	switch n := uint32(len(s.pools)); n {
	case 0:
		return nil, errNoEndpoints
	case 1:
		return s.pools[0], nil
	default:
		return s.pools[(b.turn.Add(1)-1)%n], nil
	}
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

// Endpoints is how many endpoints there are to choose from.
func (b *Backend) Endpoints() int { return len(b.state.Load().pools) }

// ConnectBy is when a connection that is begun now must be made.
func (b *Backend) ConnectBy() int64 { return socket.Now() + int64(b.state.Load().connect) }

// Protocol is what the backend speaks.
func (b *Backend) Protocol() ir.BackendProtocol { return b.state.Load().config.Protocol }

// Config is what the snapshot in force says about the backend.
func (b *Backend) Config() *ir.Backend { return b.state.Load().config }

// Pools are the pools of the endpoints.
func (b *Backend) Pools() []*Pool { return b.state.Load().pools }

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
	errNoNames     = &message.Reply{Status: 503, Reason: ReasonDNS}
	errForbidden   = &message.Reply{Status: 503, Reason: ReasonForbidden}
)

// unknownState is that of a backend that a snapshot refers to and does not have.
func unknownState(name ir.BackendName) *backendState {
	return &backendState{
		config:  &ir.Backend{Name: name},
		failure: &message.Reply{Status: 500, Reason: ReasonUnknown},
	}
}

// address is an endpoint's address when it needs no resolving.
func address(e ir.Endpoint) (netip.AddrPort, bool) {
	ip, err := netip.ParseAddr(e.Address)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), e.Port), true
}
