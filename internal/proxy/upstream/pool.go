package upstream

import (
	"crypto/tls"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/socket"
)

// poolKey is what makes two connections interchangeable.
type poolKey struct {
	addr netip.AddrPort
	// tls is the hash of the TLS settings; empty for plaintext.
	tls string
}

// Pool holds the connections to one address that are spoken to in one way.
type Pool struct {
	key    poolKey
	keeper *socket.Keeper
	tls    *tls.Config

	mu     sync.Mutex
	idle   []idleConn // the most recently used last
	closed bool

	// open counts connections, idle ones included.
	open atomic.Int64
}

type idleConn struct {
	conn  *http1.ClientConn
	since int64
}

// idleTimeout is how long a connection may idle in the pool.
const idleTimeout = int64(60 * time.Second)

// Get takes an idle connection out of the pool; nil when there is none. careful
// is for requests that cannot be repeated: a connection that its backend may have
// closed is not handed out.
func (p *Pool) Get(careful bool) *http1.ClientConn {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[n-1].conn
		p.idle[n-1] = idleConn{}
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if !careful || !c.Stream().Sock.Readable() {
			return c
		}
		p.Discard(c)
	}
}

// Dial makes a new connection for the caller, before the deadline.
func (p *Pool) Dial(by int64) (*http1.ClientConn, error) {
	stream, err := connect(p.keeper, p.key.addr, p.tls, by)
	if err != nil {
		return nil, err
	}
	p.open.Add(1)
	return http1.NewClientConn(stream), nil
}

// Put gives a connection back for others to use.
func (p *Pool) Put(c *http1.ClientConn) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.Discard(c)
		return
	}
	p.idle = append(p.idle, idleConn{c, p.keeper.Coarse()})
	p.mu.Unlock()
}

// Discard closes a connection that the caller took.
func (p *Pool) Discard(c *http1.ClientConn) {
	c.Close()
	p.Lost()
}

// Lost accounts for a connection that the caller took and that is closed.
func (p *Pool) Lost() { p.open.Add(-1) }

// Address of the endpoint.
func (p *Pool) Address() netip.AddrPort { return p.key.addr }

// Open is the number of connections, and how many of them idle.
func (p *Pool) Open() (open, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.open.Load()), len(p.idle)
}

// close closes the idle connections; those in use are closed when they come
// back.
func (p *Pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.closeIdle()
}

// closeIdle closes the idle connections.
func (p *Pool) closeIdle() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, i := range idle {
		p.Discard(i.conn)
	}
}

// sweep closes connections that idled for too long or that the backend closed.
// The oldest come first; those used within the last tick are left alone.
func (p *Pool) sweep(now int64) {
	p.mu.Lock()
	var dead []*http1.ClientConn
	kept := p.idle[:0]
	for _, i := range p.idle {
		age := now - i.since
		if age > idleTimeout || age > int64(socket.Tick) && i.conn.Stream().Sock.Readable() {
			dead = append(dead, i.conn)
		} else {
			kept = append(kept, i)
		}
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	p.mu.Unlock()
	for _, c := range dead {
		p.Discard(c)
	}
}
