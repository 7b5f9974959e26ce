package upstream

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/http2"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// Conn is a connection to a backend, or a share in one, lent for one exchange:
// RoundTrip, then the reading of the response's body, then Release.
type Conn interface {
	// RoundTrip sends x.Request and fills in the head of x.Response. A request body
	// that is not all there yet is sent in the background. Errors are
	// *message.Reply.
	RoundTrip(x *message.Exchange, t *http1.Timeouts) error
	// Uploading reports whether the request's body may still be on its way.
	Uploading() bool
	// Used reports whether an earlier exchange used the connection.
	Used() bool
	message.Aborter
}

// Need is what an exchange wants of its connection.
type Need struct {
	// Careful is for requests that cannot be repeated: a connection that its backend
	// may have closed is not handed out.
	Careful bool
	// Fresh is for requests that met connections of the pool that were closed: they get
	// one that is made for them, if they do not share one.
	Fresh bool
	// Own wants a connection for this exchange alone, which may switch protocols.
	Own bool
	// By, on the socket package's clock, is when it must be there.
	By int64
}

// poolKey is what makes two connections interchangeable.
type poolKey struct {
	addr netip.AddrPort
	// tls is the hash of the TLS settings; empty for plaintext.
	tls    string
	speaks ir.BackendProtocol
}

// Pool holds the connections to one address that are spoken to in one way.
type Pool struct {
	key    poolKey
	keeper *socket.Keeper
	tls    *clientTLS // nil for plaintext
	// timeout bounds making a connection for whoever waits.
	timeout time.Duration

	mu     sync.Mutex
	idle   []idleConn          // of HTTP/1, the most recently used last
	shared []*http2.ClientConn // of HTTP/2
	// dialing is the connection that is being made for whoever waits; nil if none.
	dialing *dialing
	// plain says that the backend, which might have, did not choose HTTP/2.
	plain  bool
	closed bool

	// open counts connections, idle ones included.
	open atomic.Int64
}

type idleConn struct {
	conn  *http1.ClientConn
	since int64
}

// dialing is a connection that is being made. err is set before done is closed.
type dialing struct {
	done chan struct{}
	err  error
}

// idleTimeout is how long a connection may idle in the pool.
const idleTimeout = int64(60 * time.Second)

// Shares reports whether exchanges may share connections.
func (p *Pool) Shares() bool {
	switch p.key.speaks {
	case ir.BackendH2C, ir.BackendHTTP2:
		return true
	case ir.BackendHTTP1:
		return p.tls != nil
	}
	return false
}

// must reports whether the backend speaks HTTP/2 only.
func (p *Pool) must() bool {
	return p.key.speaks == ir.BackendH2C || p.key.speaks == ir.BackendHTTP2
}

// offer is the TLS configuration for a connection that is its user's own, or that
// may be shared; nil for plaintext.
func (p *Pool) offer(own bool) *tls.Config {
	switch {
	case p.tls == nil:
		return nil
	case own || !p.Shares():
		return p.tls.http1
	case p.must():
		return p.tls.http2
	}
	return p.tls.both
}

// Take lends a connection, a new one if there is none that can be used.
func (p *Pool) Take(n Need) (Conn, error) {
	if n.Own || !p.Shares() {
		if c := p.get(n); c != nil {
			return c, nil
		}
		return p.dialOwn(n)
	}
	for range maxDials {
		p.mu.Lock()
		for _, c := range p.shared {
			if s := c.Lend(); s != nil {
				p.mu.Unlock()
				return s, nil
			}
		}
		plain := p.plain
		p.mu.Unlock()
		if plain {
			if c := p.get(n); c != nil {
				return c, nil
			}
			return p.dialAny(n)
		}
		if err := p.await(n); err != nil {
			return nil, err
		}
	}
	return nil, connectError(p.key.addr, errFull)
}

// maxDials is for how many shared connections an exchange waits, when others take
// all their streams.
const maxDials = 20

// get takes an idle connection out of the pool; nil when there is none that will do.
func (p *Pool) get(need Need) *http1.ClientConn {
	if need.Fresh {
		return nil
	}
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
		if !need.Careful || !c.Stream().Sock.Readable() {
			return c
		}
		p.discard(c)
	}
}

// dialOwn makes a connection of HTTP/1.1.
func (p *Pool) dialOwn(n Need) (Conn, error) {
	stream, err := connect(p.keeper, p.key.addr, p.offer(true), n.By)
	if err != nil {
		return nil, err
	}
	p.open.Add(1)
	return http1.NewClientConn(stream), nil
}

// dialAny makes a connection of the version that the backend chooses.
func (p *Pool) dialAny(n Need) (Conn, error) {
	shared, own, err := p.dial(n.By)
	switch {
	case err != nil:
		return nil, err
	case shared == nil:
		return own, nil
	}
	if s := shared.Lend(); s != nil {
		return s, nil
	}
	return p.Take(n)
}

// await waits for a connection that more than one may use, or that tells that
// there are none.
func (p *Pool) await(n Need) error {
	p.mu.Lock()
	d := p.dialing
	if d == nil {
		d = &dialing{done: make(chan struct{})}
		p.dialing = d
		go p.dialFor(d)
	}
	p.mu.Unlock()
	timer := time.NewTimer(time.Duration(n.By - socket.Now()))
	defer timer.Stop()
	select {
	case <-d.done:
		return d.err
	case <-timer.C:
		return connectError(p.key.addr, errConnectSlow)
	}
}

// dialFor makes a connection for those that wait. None of them sets its time: the
// others may have more.
func (p *Pool) dialFor(d *dialing) {
	defer close(d.done)
	_, own, err := p.dial(socket.Now() + int64(p.timeout))
	if own != nil {
		p.put(own)
	}
	d.err = err
	p.mu.Lock()
	p.dialing = nil
	p.mu.Unlock()
}

// dial makes a connection of the version that the backend chooses: one to share,
// which is in the pool then, or one of its own.
func (p *Pool) dial(by int64) (*http2.ClientConn, *http1.ClientConn, error) {
	stream, err := connect(p.keeper, p.key.addr, p.offer(false), by)
	if err != nil {
		return nil, nil, err
	}
	shared := p.key.speaks == ir.BackendH2C && stream.TLS == nil ||
		stream.TLS != nil && stream.TLS.ConnectionState().NegotiatedProtocol == "h2"
	if !shared && p.must() {
		_ = stream.Close()
		return nil, nil, errNotHTTP2(p.key.addr)
	}
	p.open.Add(1)
	if !shared {
		p.mu.Lock()
		p.plain = true
		p.mu.Unlock()
		return nil, http1.NewClientConn(stream), nil
	}
	c := http2.NewClientConn(stream, p.ended)
	if err := c.Ready(by); err != nil {
		c.Retire()
		if reply, ok := errors.AsType[*message.Reply](err); ok {
			return nil, nil, reply
		}
		if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
			return nil, nil, refusedError(p.key.addr, err)
		}
		return nil, nil, connectError(p.key.addr, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plain = false
	p.shared = append(p.shared, c)
	if p.closed {
		c.Retire()
	}
	return c, nil, nil
}

// ended takes in that a shared connection is closed.
func (p *Pool) ended(c *http2.ClientConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shared = slices.DeleteFunc(p.shared, func(s *http2.ClientConn) bool { return s == c })
	p.Lost()
}

// Release ends an exchange and gives its connection back. ok says that the
// response was used to its end.
func (p *Pool) Release(c Conn, x *message.Exchange, ok bool) {
	switch c := c.(type) {
	case *http1.ClientConn:
		if c.Finish(x, ok) {
			p.put(c)
		} else {
			p.Lost()
		}
	case *http2.ClientStream:
		c.Finish(x, ok)
	}
}

// put gives a connection back for others to use.
func (p *Pool) put(c *http1.ClientConn) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.discard(c)
		return
	}
	p.idle = append(p.idle, idleConn{c, p.keeper.Coarse()})
	p.mu.Unlock()
}

// discard closes a connection of HTTP/1.
func (p *Pool) discard(c *http1.ClientConn) {
	c.Close()
	p.Lost()
}

// Lost accounts for a connection that is closed.
func (p *Pool) Lost() { p.open.Add(-1) }

// Address of the endpoint.
func (p *Pool) Address() netip.AddrPort { return p.key.addr }

// Open is the number of connections, and how many of them idle.
func (p *Pool) Open() (open, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle = len(p.idle)
	for _, c := range p.shared {
		if c.Idle() != 0 {
			idle++
		}
	}
	return int(p.open.Load()), idle
}

// close closes the idle connections; those in use are closed when they come
// back.
func (p *Pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, c := range p.shared {
		c.Retire()
	}
	p.mu.Unlock()
	p.closeIdle()
}

// closeIdle closes the idle connections.
func (p *Pool) closeIdle() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	for _, c := range p.shared {
		if c.Idle() != 0 {
			c.Retire()
		}
	}
	p.mu.Unlock()
	for _, i := range idle {
		p.discard(i.conn)
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
	for _, c := range p.shared {
		switch since := c.Idle(); {
		case since == 0:
		case now-since > idleTimeout:
			c.Retire()
		case now-since > int64(socket.Tick):
			c.Look()
		}
	}
	p.mu.Unlock()
	for _, c := range dead {
		p.discard(c)
	}
}
