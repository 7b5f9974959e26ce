package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"fsm/internal/ir"
	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/limit"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/upstream"
)

// UDP relays the datagrams of a socket. Each client address has a session with
// an endpoint of its own, which ends when it idles.
type UDP struct {
	env    *Env
	socket *telemetry.SocketStats
	config atomic.Pointer[config]
	access atomic.Pointer[ir.PortAccess]
	rate   limit.Port

	mu       sync.Mutex
	sessions map[netip.AddrPort]*udpSession
	wg       sync.WaitGroup
}

// udpSession is the traffic of one client.
type udpSession struct {
	cfg    *config
	client netip.AddrPort
	// local says from which of our addresses the client expects the answers, in
	// the form that the kernel gave it; nil where the socket has only one.
	local    []byte
	backend  *net.UDPConn
	endpoint *upstream.Endpoint
	active   atomic.Int64
}

// NewUDP makes a relay. Set must be called before it serves.
func NewUDP(env *Env, stats *telemetry.SocketStats) *UDP {
	return &UDP{env: env, socket: stats, sessions: map[netip.AddrPort]*udpSession{}}
}

// Set makes the chain's relay route the one in force, for sessions that begin
// from now on. Options are resolved.
func (u *UDP) Set(c *ir.Chain, o *ir.Options) {
	u.config.Store(compile(c, o, u.config.Load(), u.env))
}

// Guard makes these the demands in force. Sessions of clients that may no longer begin
// one go on.
func (u *UDP) Guard(g *ir.Guard) {
	if g == nil {
		g = &ir.Guard{}
	}
	u.access.Store(g.Access)
	u.rate.Set(g.Rate)
}

// maxDatagram is more than any datagram has.
const maxDatagram = 64 << 10

// Serve relays until the socket is closed, and then ends all sessions.
func (u *UDP) Serve(conn *net.UDPConn) {
	buf, oob := make([]byte, maxDatagram), make([]byte, 128)
	for {
		n, oobn, _, client, err := conn.ReadMsgUDPAddrPort(buf, oob)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				break
			}
			continue // an ICMP answer to something sent earlier
		}
		s := u.session(conn, client, oob[:oobn])
		if s == nil {
			continue
		}
		u.rate.In.Wait(n)
		s.active.Store(socket.Now())
		s.cfg.stats.Received.Add(uint64(n))
		// A datagram that cannot be sent is lost, as datagrams are.
		_, _ = s.backend.Write(buf[:n])
	}
	u.mu.Lock()
	for _, s := range u.sessions {
		_ = s.backend.Close()
	}
	u.mu.Unlock()
	u.wg.Wait()
}

// Sessions that cannot be have the reasons of connections.
const (
	// ReasonMaxSessions: a listener's sessions count as connections do.
	ReasonMaxSessions = "max_connections"
	// ReasonAccessDenied: the client may not use the port.
	ReasonAccessDenied = "access_denied"
)

// session finds or begins the session of a client; nil when there can be none.
func (u *UDP) session(conn *net.UDPConn, client netip.AddrPort, oob []byte) *udpSession {
	u.mu.Lock()
	defer u.mu.Unlock()
	if s := u.sessions[client]; s != nil {
		return s
	}
	if !u.access.Load().Admits(client.Addr()) {
		u.socket.Refuse(ReasonAccessDenied)
		return nil
	}
	cfg := u.config.Load()
	if len(u.sessions) >= cfg.maxSessions {
		u.socket.Refuse(ReasonMaxSessions)
		return nil
	}
	backend, endpoint, err := cfg.dialUDP(client.Addr())
	if err != nil {
		if reply, ok := errors.AsType[*message.Reply](err); ok {
			cfg.stats.Reply(reply.Reason)
		}
		return nil
	}
	s := &udpSession{cfg: cfg, client: client, local: append([]byte(nil), oob...), backend: backend, endpoint: endpoint}
	u.sessions[client] = s
	u.socket.Open.Add(1)
	u.socket.Opened.Add(1)
	u.wg.Go(func() { u.answer(conn, s) })
	return s
}

// dialUDP opens a socket towards an endpoint, for a client.
func (c *config) dialUDP(client netip.Addr) (*net.UDPConn, *upstream.Endpoint, error) {
	if err := c.admit(client); err != nil {
		return nil, nil, err
	}
	_, e, err := c.pick(client, netip.AddrPort{})
	if err != nil {
		return nil, nil, err
	}
	conn, err := (&net.Dialer{}).DialUDP(context.Background(), "udp", netip.AddrPort{}, e.Address())
	if err != nil {
		e.Leave()
		cause := fmt.Errorf("open a socket towards %s: %w", e.Address(), err)
		return nil, nil, &message.Reply{Reason: upstream.ReasonConnect, Cause: cause}
	}
	return conn, e, nil
}

// answer sends what the endpoint says back to the client, until the session
// idles or its socket is closed. It holds no buffer while it waits.
func (u *UDP) answer(conn *net.UDPConn, s *udpSession) {
	defer u.forget(s)
	raw, err := s.backend.SyscallConn()
	if err != nil {
		return
	}
	for {
		err := raw.Read(func(fd uintptr) bool {
			buf := buffer.Get(buffer.Large)
			defer buf.Put()
			n, err := syscall.Read(int(fd), buf.B)
			if err == syscall.EAGAIN {
				return false
			}
			if err != nil {
				return true // refused by the endpoint's host; the client finds out by itself
			}
			s.active.Store(socket.Now())
			s.cfg.stats.Sent.Add(uint64(n))
			u.rate.Out.Wait(n)
			_, _, _ = conn.WriteMsgUDPAddrPort(buf.B[:n], s.local, s.client)
			return true
		})
		if err != nil {
			return
		}
	}
}

func (u *UDP) forget(s *udpSession) {
	u.mu.Lock()
	delete(u.sessions, s.client)
	u.mu.Unlock()
	s.endpoint.Leave()
	u.socket.Open.Add(-1)
}

// Sweep ends idle sessions. It is called on every tick of the keeper.
func (u *UDP) Sweep(now int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, s := range u.sessions {
		if now-s.active.Load() > int64(s.cfg.sessionIdle) {
			_ = s.backend.Close()
		}
	}
}
