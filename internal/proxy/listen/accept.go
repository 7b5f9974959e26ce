package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// Reasons for which connections are refused; docs/reasons.md explains each.
const (
	ReasonMaxConnections = "max_connections"
	ReasonMaxPerAddress  = "max_connections_per_address"
	ReasonProxyHeader    = "bad_proxy_header"
	ReasonNotTLS         = "not_tls"
	ReasonNoServerName   = "no_server_name"
	ReasonHandshake      = "tls_handshake"
	ReasonOpeningTimeout = "opening_timeout"
	ReasonOverload       = "overload"
	ReasonAccessDenied   = "access_denied"
)

// accept takes connections until the socket is closed.
func (l *listener) accept() {
	for {
		tcp, err := l.tcp.AcceptTCP()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors, or a connection that was gone already: neither
			// is helped by trying again at once.
			l.owner.log.Warn("accept connection", "listener", string(l.name), "error", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if !l.admit(tcp) {
			continue
		}
		go l.serve(tcp)
	}
}

// admit enforces the caps. A connection over one is closed at once: refusing the
// newest keeps those that are being served.
func (l *listener) admit(tcp *net.TCPConn) bool {
	s := l.current.Load()
	options := &s.options
	reason := ""
	all, own := l.owner.open.Add(1), l.stats.Open.Add(1)
	if l.owner.memory.Full() {
		reason = ReasonOverload
	} else if all > MaxOpen || own > int64(options.MaxConnections) {
		reason = ReasonMaxConnections
	} else if !options.ProxyProtocol && !s.access.Admits(remote(tcp).Addr()) {
		reason = ReasonAccessDenied
	} else if limit := options.MaxConnectionsPerAddress; limit > 0 && !l.countAddress(remote(tcp).Addr(), int(limit)) {
		reason = ReasonMaxPerAddress
	}
	l.stats.Opened.Add(1)
	if reason == "" {
		return true
	}
	l.stats.Refuse(reason)
	l.owner.open.Add(-1)
	l.stats.Open.Add(-1)
	_ = tcp.SetLinger(0)
	_ = tcp.Close()
	return false
}

func (l *listener) countAddress(addr netip.Addr, limit int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perIP[addr] >= limit {
		return false
	}
	l.perIP[addr]++
	return true
}

func remote(tcp *net.TCPConn) netip.AddrPort {
	a := tcp.RemoteAddr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// serve takes a connection up to its chain.
func (l *listener) serve(tcp *net.TCPConn) {
	s := l.current.Load()
	by := socket.Now() + int64(s.options.HandshakeTimeout)
	conn, err := socket.NewConn(tcp, l.owner.keeper, by)
	if err != nil {
		_ = tcp.Close()
		l.left(nil, remote(tcp).Addr())
		return
	}
	conn.SetStall(time.Duration(s.options.WriteTimeout))
	conn.Shape(&l.rate.In, &l.rate.Out)
	peer := remote(tcp)
	l.mu.Lock()
	l.conns[conn] = ""
	l.mu.Unlock()
	closed := func() { l.left(conn, peer.Addr()) }
	info := &message.Connection{Remote: peer, Port: s.port}
	local := tcp.LocalAddr().(*net.TCPAddr).AddrPort()
	info.Local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())

	stream, chain, reason := s.open(conn, info)
	if reason != "" {
		l.stats.Refuse(reason)
		switch {
		case reason == ReasonAccessDenied:
			_ = conn.Reset()
		case stream.TLS != nil:
			_ = stream.Close() // says goodbye in TLS
		default:
			_ = conn.Close()
		}
		closed()
		return
	}
	if stream.TLS != nil {
		l.stats.Handshakes.Add(1)
	}
	info.RemoteText = info.Remote.Addr().AppendTo(nil)
	l.chose(conn, chain)
	chain.Serve(stream, info, closed)
}

// chose notes which chain serves a connection. If that chain is gone again, or the
// listener ends, the connection is to end after its first request.
func (l *listener) chose(conn *socket.Conn, chain *Chain) {
	l.mu.Lock()
	l.conns[conn] = chain.Name
	ending := l.ending
	l.mu.Unlock()
	if ending || !l.current.Load().has(chain.Name) {
		conn.Drain()
	}
}

// left accounts for a connection that is closed.
func (l *listener) left(conn *socket.Conn, addr netip.Addr) {
	l.owner.open.Add(-1)
	l.stats.Open.Add(-1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if conn != nil {
		delete(l.conns, conn)
	}
	if n, ok := l.perIP[addr]; ok {
		if n <= 1 {
			delete(l.perIP, addr)
		} else {
			l.perIP[addr] = n - 1
		}
	}
}

// open reads what comes before the application's bytes, and finds the chain. On
// failure it returns the reason.
func (s *settings) open(conn *socket.Conn, info *message.Connection) (*socket.Stream, *Chain, string) {
	stream := socket.NewStream(conn, nil)
	if !s.options.ProxyProtocol && s.secure == nil {
		if s.plain == nil {
			return stream, nil, ReasonNotTLS
		}
		return stream, s.plain, ""
	}
	ahead := sniffer{conn: conn, buf: buffer.Get(buffer.Small)}
	defer ahead.free()
	if s.options.ProxyProtocol {
		header, err := ahead.proxyHeader()
		if err != nil {
			return stream, nil, openingReason(err, ReasonProxyHeader)
		}
		if header.Source.IsValid() {
			info.Remote, info.Local = header.Source, header.Destination
		}
		if !s.access.Admits(info.Remote.Addr()) {
			return stream, nil, ReasonAccessDenied
		}
	}
	if s.secure == nil {
		return socket.NewStream(conn, ahead.rest()), s.plain, ""
	}
	hello, err := ahead.hello()
	if err != nil {
		return stream, nil, openingReason(err, ReasonNotTLS)
	}
	chains := s.secure.Lookup([]byte(hello.ServerName))
	if len(chains) == 0 {
		return stream, nil, ReasonNoServerName
	}
	stream = socket.NewStream(conn, ahead.rest())
	if chains[0].TLS == nil {
		return stream, chains[0], ""
	}
	if err := stream.Handshake(chains[0].TLS); err != nil {
		return stream, nil, openingReason(err, ReasonHandshake)
	}
	state := stream.TLS.ConnectionState()
	info.Secure, info.TLS = true, &state
	return stream, chains[0], ""
}

// openingReason tells slow clients from wrong ones.
func openingReason(err error, otherwise string) string {
	if errors.Is(err, socket.ErrTimeout) {
		return ReasonOpeningTimeout
	}
	return otherwise
}

// sniffer reads ahead, as little as it takes to know.
type sniffer struct {
	conn *socket.Conn
	buf  *buffer.Buffer
	r, w int
}

func (s *sniffer) free() { s.buf.Put() }

// rest are the bytes that were read and not used, in memory of their own.
func (s *sniffer) rest() []byte {
	if s.r == s.w {
		return nil
	}
	return append([]byte(nil), s.buf.B[s.r:s.w]...)
}

// more reads once. The deadline of the opening is in force all the while.
func (s *sniffer) more(limit int) error {
	if s.w-s.r >= limit {
		return fmt.Errorf("nothing complete within %d bytes", limit)
	}
	if s.w == len(s.buf.B) {
		larger := buffer.Get(min(4*len(s.buf.B), 2*limit))
		s.w = copy(larger.B, s.buf.B[s.r:s.w])
		s.r = 0
		s.buf.Put()
		s.buf = larger
	}
	n, err := s.conn.Read(s.buf.B[s.w:])
	s.w += n
	return err
}

func (s *sniffer) proxyHeader() (ProxyHeader, error) {
	for {
		h, n, err := ParseProxyHeader(s.buf.B[s.r:s.w])
		if err != nil || n > 0 {
			s.r += n
			return h, err
		}
		if err := s.more(maxProxy2 + 16); err != nil {
			return h, err
		}
	}
}

func (s *sniffer) hello() (Hello, error) {
	for {
		h, ok, err := ParseHello(s.buf.B[s.r:s.w])
		if err != nil || ok {
			return h, err
		}
		if err := s.more(maxHello); err != nil {
			return h, err
		}
	}
}
