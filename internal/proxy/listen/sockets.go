package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"fsm/internal/ir"
	"fsm/internal/proxy/limit"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/overload"
	"fsm/internal/proxy/route"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/telemetry"
)

// Chain is what happens to connections that were accepted and identified.
type Chain struct {
	Name  string
	Match ir.ChainMatch
	// TLS terminates TLS; nil leaves the bytes as they are.
	TLS *tls.Config
	// Serve serves a connection and closes it, and then calls closed, once.
	Serve func(stream *socket.Stream, info *message.Connection, closed func())
}

// Config is a listening socket as a snapshot wants it.
type Config struct {
	Listener *ir.Listener
	Options  ir.Options // resolved
	Chains   []Chain
	// Packets serves a UDP socket until it is closed; Chains are for TCP.
	Packets func(*net.UDPConn)
}

// MaxOpen is how many client connections a proxy keeps open at most.
const MaxOpen = 50_000

// Sockets are all listening sockets of a proxy.
type Sockets struct {
	keeper *socket.Keeper
	stats  *telemetry.Registry
	memory *overload.Memory
	log    *slog.Logger
	open   atomic.Int64
	wg     sync.WaitGroup

	mu   sync.Mutex
	byID map[ir.ListenerName]*listener
}

// NewSockets makes an empty set.
func NewSockets(keeper *socket.Keeper, stats *telemetry.Registry, memory *overload.Memory, log *slog.Logger) *Sockets {
	return &Sockets{keeper: keeper, stats: stats, memory: memory, log: log, byID: map[ir.ListenerName]*listener{}}
}

// listener is one socket.
type listener struct {
	owner   *Sockets
	name    ir.ListenerName
	tcp     *net.TCPListener
	udp     *net.UDPConn
	stats   *telemetry.SocketStats
	current atomic.Pointer[settings]
	// rate is what the connections share, for as long as the socket is there.
	rate limit.Port

	mu    sync.Mutex
	conns map[*socket.Conn]string // to the name of its chain; empty before it has one
	perIP map[netip.Addr]int
	// ending is set once connections that come are to end, too.
	ending bool
}

// settings are what connections look up when they come in.
type settings struct {
	port    uint16
	options ir.Options
	// access is nil when every client may connect.
	access *ir.PortAccess
	// plain serves connections without TLS; nil if there is no such chain.
	plain *Chain
	// secure is by server name; nil if no chain wants TLS.
	secure *route.Hosts[*Chain]
	names  map[string]bool // of all chains
}

func (s *settings) has(chain string) bool { return chain == "" || s.names[chain] }

// Apply makes these the sockets in force. New ones are opened before others are
// closed. A socket that cannot be opened is reported; the rest serve.
func (s *Sockets) Apply(configs []Config) []ir.Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failures []ir.Failure
	wanted := map[ir.ListenerName]bool{}
	for i := range configs {
		wanted[configs[i].Listener.Name] = true
	}
	// A socket that goes away may hold the port that another one wants, for
	// example when a listener moves from one address to all.
	for name, l := range s.byID {
		if !wanted[name] {
			delete(s.byID, name)
			l.close()
		}
	}
	for i := range configs {
		c := &configs[i]
		l := s.byID[c.Listener.Name]
		if l == nil {
			var err error
			if l, err = s.listen(c); err != nil {
				failures = append(failures, portFailure(c.Listener, err))
				continue
			}
			s.byID[c.Listener.Name] = l
			s.wg.Go(func() { l.run(c) })
			continue
		}
		l.set(c)
	}
	return failures
}

// portFailure says what to do about a socket that cannot be opened.
func portFailure(l *ir.Listener, err error) ir.Failure {
	hint := ""
	switch {
	case errors.Is(err, syscall.EACCES):
		hint = "; ports below 1024 need the capability NET_BIND_SERVICE: run with it, or choose a higher port"
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "; another process has the port: stop it, or choose another port or address"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "; no interface of this machine has the address"
	}
	return ir.Failure{
		Resource: string(l.Name), Origins: l.Origins, Reason: "PortUnavailable",
		Message: fmt.Sprintf("listen on %s: %v%s", l.Name, err, hint),
	}
}

func (s *Sockets) listen(c *Config) (*listener, error) {
	l := &listener{
		owner: s, name: c.Listener.Name, stats: s.stats.Socket(string(c.Listener.Name)),
		conns: map[*socket.Conn]string{}, perIP: map[netip.Addr]int{},
	}
	l.set(c)
	addr := net.JoinHostPort(c.Listener.Address, strconv.Itoa(int(c.Listener.Port)))
	lc := net.ListenConfig{KeepAlive: -1, Control: prepareSocket}
	lc.SetMultipathTCP(false)
	if c.Listener.Network == ir.UDP {
		conn, err := lc.ListenPacket(context.Background(), "udp", addr)
		if err != nil {
			return nil, err
		}
		l.udp = conn.(*net.UDPConn)
		return l, nil
	}
	ln, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	l.tcp = ln.(*net.TCPListener)
	return l, nil
}

// Addr is the address a listener is bound to; for tests that ask for port 0.
func (s *Sockets) Addr(name ir.ListenerName) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.byID[name]
	switch {
	case l == nil:
		return nil
	case l.udp != nil:
		return l.udp.LocalAddr()
	}
	return l.tcp.Addr()
}

// Drain accepts no more connections and asks those that there are to end: idle ones
// at once, others after the request in progress.
func (s *Sockets) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.byID {
		l.end()
		if l.tcp != nil {
			_ = l.tcp.Close()
		}
	}
}

// Close ends everything at once. It waits for the sockets, but not for whatever
// connections still do; they find themselves cut off.
func (s *Sockets) Close() {
	s.mu.Lock()
	for name, l := range s.byID {
		l.closeSocket()
		l.mu.Lock()
		for c := range l.conns {
			c.Shutdown()
		}
		l.mu.Unlock()
		delete(s.byID, name)
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// Open is the number of open client connections.
func (s *Sockets) Open() int { return int(s.open.Load()) }

// set makes the config the one in force for new connections, and drains those
// whose chain is gone.
func (l *listener) set(c *Config) {
	s := &settings{port: c.Listener.AdvertisedPort(), options: c.Options, names: map[string]bool{}}
	var rate *ir.PortRate
	if g := c.Listener.Guard; g != nil {
		s.access, rate = g.Access, g.Rate
	}
	l.rate.Set(rate)
	var names []string
	var chains []*Chain
	for i := range c.Chains {
		ch := &c.Chains[i]
		s.names[ch.Name] = true
		if !ch.Match.TLS {
			s.plain = ch
			continue
		}
		names = append(names, ch.Match.ServerName)
		chains = append(chains, ch)
	}
	if len(chains) > 0 {
		s.secure = route.MakeHosts(names, chains)
	}
	l.current.Store(s)
	l.drain(func(chain string) bool { return !s.has(chain) })
}

func (l *listener) drain(of func(chain string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, chain := range l.conns {
		if of(chain) {
			c.Drain()
		}
	}
}

// end drains every connection, and those that were accepted but not counted yet.
func (l *listener) end() {
	l.mu.Lock()
	l.ending = true
	l.mu.Unlock()
	l.drain(func(string) bool { return true })
}

// close stops listening and lets connections finish what they do.
func (l *listener) close() {
	l.closeSocket()
	l.end()
}

func (l *listener) closeSocket() {
	if l.udp != nil {
		_ = l.udp.Close()
	} else {
		_ = l.tcp.Close()
	}
}

// run serves the socket until it is closed.
func (l *listener) run(c *Config) {
	if l.udp != nil {
		c.Packets(l.udp)
		return
	}
	l.accept()
}
