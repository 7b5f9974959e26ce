package socket

import (
	"crypto/tls"
	"net"
	"time"

	"fsm/internal/proxy/buffer"
)

// Stream is a connection as protocols see it: plain, or TLS on top.
type Stream struct {
	Sock *Conn
	// TLS is nil on a plain connection.
	TLS *tls.Conn
	// ahead are bytes that were read to find out what the connection is.
	ahead []byte
}

// NewStream is a plain stream that first delivers the bytes ahead.
func NewStream(c *Conn, ahead []byte) *Stream { return &Stream{Sock: c, ahead: ahead} }

// Ahead are the bytes that were read before and not delivered yet.
func (s *Stream) Ahead() []byte { return s.ahead }

// Unread puts bytes back that were read, in front of everything. The stream keeps
// the slice.
func (s *Stream) Unread(b []byte) { s.ahead = b }

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	if len(s.ahead) > 0 {
		n := copy(p, s.ahead)
		s.ahead = s.ahead[n:]
		return n, nil
	}
	if s.TLS != nil {
		return s.TLS.Read(p)
	}
	return s.Sock.Read(p)
}

// WaitReadable waits until a read would not, so that the caller need not hold a
// buffer meanwhile. On TLS it returns at once: decrypted bytes may be waiting
// where the socket does not show them.
func (s *Stream) WaitReadable() error {
	if len(s.ahead) > 0 || s.TLS != nil {
		return nil
	}
	return s.Sock.WaitReadable()
}

// Write implements io.Writer.
func (s *Stream) Write(p []byte) (int, error) {
	if s.TLS != nil {
		return s.TLS.Write(p)
	}
	return s.Sock.Write(p)
}

// Write3 writes three pieces as if they were one.
func (s *Stream) Write3(a, b, d []byte) (int, error) {
	if s.TLS == nil {
		return s.Sock.Write3(a, b, d)
	}
	if n := len(a) + len(b) + len(d); n <= buffer.Medium {
		// One record, and one call to the kernel, for the price of a copy.
		all := buffer.Get(n)
		defer all.Put()
		return s.TLS.Write(append(append(append(all.B[:0], a...), b...), d...))
	}
	n := 0
	for _, p := range [...][]byte{a, b, d} {
		m, err := s.TLS.Write(p)
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// WriteThenRead is Conn.WriteThenRead, or its two steps on TLS.
func (s *Stream) WriteThenRead(out, in []byte) (int, error) {
	if s.TLS == nil {
		return s.Sock.WriteThenRead(out, in)
	}
	if _, err := s.TLS.Write(out); err != nil {
		return 0, err
	}
	return s.TLS.Read(in)
}

// CloseWrite ends the stream towards the peer, with a close_notify on TLS.
func (s *Stream) CloseWrite() error {
	if s.TLS != nil {
		if err := s.TLS.CloseWrite(); err != nil {
			return err
		}
	}
	return s.Sock.CloseWrite()
}

// Close closes the stream, with a close_notify on TLS.
func (s *Stream) Close() error {
	if s.TLS != nil {
		// The alert is a courtesy; a peer that does not read must not hold it up.
		s.Sock.SetStall(time.Second)
		return s.TLS.Close()
	}
	return s.Sock.Close()
}

// Handshake terminates TLS on the stream, which must be plain. The bytes ahead
// are the client's first.
func (s *Stream) Handshake(cfg *tls.Config) error {
	var conn net.Conn = s.Sock
	if len(s.ahead) > 0 {
		conn = &aheadConn{Conn: s.Sock, ahead: s.ahead}
		s.ahead = nil
	}
	s.TLS = tls.Server(conn, cfg)
	return s.TLS.Handshake()
}

// aheadConn delivers bytes that were read before, and then the rest.
type aheadConn struct {
	*Conn
	ahead []byte
}

// Read implements io.Reader.
func (c *aheadConn) Read(p []byte) (int, error) {
	if len(c.ahead) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.ahead)
	if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
		c.ahead = nil
	}
	return n, nil
}
