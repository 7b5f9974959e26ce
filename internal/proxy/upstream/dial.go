package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// Reasons for which a backend cannot be reached.
const (
	ReasonConnect     = "upstream_connect"
	ReasonTLS         = "upstream_tls"
	ReasonNoEndpoints = "no_endpoints"
	// ReasonNoHealthy: there are endpoints, and health checks fail at all of them.
	ReasonNoHealthy = "no_healthy_endpoints"
	ReasonDNS       = "upstream_dns"
	// ReasonForbidden: the name of the backend resolves to what it must not.
	ReasonForbidden = "backend_forbidden"
	ReasonUnknown   = "backend_unknown"
	// ReasonNoBackends: the route has none that may have its turn.
	ReasonNoBackends = "no_backends"
)

// dialer makes connections without keep-alive probes: pooled connections are
// watched by the pool, and relays end when they idle.
func dialer() *net.Dialer {
	d := &net.Dialer{KeepAlive: -1}
	d.SetMultipathTCP(false)
	return d
}

// dialTCP connects within the timeout.
func dialTCP(addr netip.AddrPort, timeout time.Duration) (*net.TCPConn, error) {
	d := dialer()
	d.Timeout = timeout
	return dialWith(d, addr)
}

// dialFast connects within about the timeout, without the timer and goroutine
// that an exact one takes: the kernel gives up after a number of tries, which
// wait 1, 2, 4 … seconds for an answer.
func dialFast(addr netip.AddrPort, timeout time.Duration) (*net.TCPConn, error) {
	tries := 1
	for wait := 3 * time.Second; wait < timeout; wait = 2*wait + time.Second {
		tries++
	}
	d := dialer()
	d.Control = func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_SYNCNT, tries)
		})
	}
	return dialWith(d, addr)
}

// dialWith connects from whatever address and port the kernel finds. DialTCP would
// bind the socket to port 0 first, and a port that is taken by bind serves for one
// destination only: some 28,000 connections in the last minute, and there is none left.
func dialWith(d *net.Dialer, addr netip.AddrPort) (*net.TCPConn, error) {
	c, err := d.DialContext(context.Background(), "tcp", addr.String())
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// connect makes a stream to an endpoint, with TLS if cfg is set, before the
// deadline.
func connect(k *socket.Keeper, addr netip.AddrPort, cfg *tls.Config, by int64) (*socket.Stream, error) {
	tcp, err := dialTCP(addr, time.Duration(by-socket.Now()))
	if err != nil {
		return nil, connectError(addr, err)
	}
	sock, err := socket.NewConn(tcp, k, by)
	if err != nil {
		_ = tcp.Close()
		return nil, connectError(addr, err)
	}
	stream := &socket.Stream{Sock: sock}
	if cfg == nil {
		return stream, nil
	}
	return handshake(stream, addr, cfg)
}

func handshake(stream *socket.Stream, addr netip.AddrPort, cfg *tls.Config) (*socket.Stream, error) {
	stream.TLS = tls.Client(stream.Sock, cfg)
	if err := stream.TLS.Handshake(); err != nil {
		_ = stream.Sock.Close()
		status := 502
		if errors.Is(err, socket.ErrTimeout) {
			status = 504
		}
		return nil, &message.Reply{Status: status, Reason: ReasonTLS, Cause: fmt.Errorf("TLS handshake with %s: %w", addr, err)}
	}
	return stream, nil
}

// Reasons for which an exchange stops waiting for a connection.
var (
	errConnectSlow = errors.New("no connection in time")
	errFull        = errors.New("no connection has room for another stream")
)

func errNotHTTP2(addr netip.AddrPort) *message.Reply {
	return &message.Reply{Status: 502, Reason: ReasonTLS, Cause: fmt.Errorf("%s does not speak HTTP/2", addr)}
}

// refusedError is for an alert after the handshake. In TLS 1.3 a server looks at
// the client's certificate when the client is done already (RFC 8446, section 2).
func refusedError(addr netip.AddrPort, err error) *message.Reply {
	return &message.Reply{Status: 502, Reason: ReasonTLS, Cause: fmt.Errorf("TLS with %s: %w", addr, err)}
}

// clientTLS is TLS towards a backend, with what is offered by ALPN.
type clientTLS struct{ relay, http1, http2, both *tls.Config }

func newClientTLS(cfg *tls.Config) *clientTLS {
	offering := func(protocols ...string) *tls.Config {
		c := cfg.Clone()
		c.NextProtos = protocols
		return c
	}
	return &clientTLS{relay: cfg, http1: offering("http/1.1"), http2: offering("h2"), both: offering("h2", "http/1.1")}
}

func connectError(addr netip.AddrPort, err error) *message.Reply {
	return &message.Reply{Status: 503, Reason: ReasonConnect, Cause: fmt.Errorf("connect to %s: %w", addr, err)}
}
