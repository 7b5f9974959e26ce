package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Target is where a load goes.
type Target struct {
	// Addr is an IPv4 address and port.
	Addr string
	// TLS is nil for plain connections.
	TLS *tls.Config
}

// URL is the target without a path.
func (t Target) URL() string {
	if t.TLS != nil {
		return "https://" + t.Addr
	}
	return "http://" + t.Addr
}

// patience bounds every single wait; an answer that takes longer is an error.
const patience = 10 * time.Second

// Dial connects, TLS handshake included.
func (t Target) Dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := dialFromSomewhere(ctx, t.Addr)
	if err != nil || t.TLS == nil {
		return c, err
	}
	secure := tls.Client(c, t.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("TLS with %s: %w", t.Addr, err)
	}
	return secure, nil
}

// sources is how many loopback addresses may be used to connect from.
const sources = 16

// dialFromSomewhere goes on with the next loopback address when one has no port
// left for the destination.
func dialFromSomewhere(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp4", addr)
	for i := byte(2); errors.Is(err, syscall.EADDRNOTAVAIL) && i < 2+sources; i++ {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, i)}
		d.Control = portAtConnect
		c, err = d.DialContext(ctx, "tcp4", addr)
	}
	return c, err
}

// portAtConnect lets the kernel choose the port when it knows the destination, so
// that one port can serve for several (ip(7), IP_BIND_ADDRESS_NO_PORT).
func portAtConnect(_, _ string, c syscall.RawConn) error {
	const bindAddressNoPort = 24
	var err error
	if e := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1)
	}); e != nil {
		return e
	}
	return err
}
