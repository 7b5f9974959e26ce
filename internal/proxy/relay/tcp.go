package relay

import (
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"

	"fsm/internal/ir"
	"fsm/internal/proxy/buffer"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/upstream"
)

// TCP relays the connections of a chain. It outlives snapshots: each connection
// looks up the configuration in force when it begins.
type TCP struct {
	env    *Env
	keeper *socket.Keeper
	config atomic.Pointer[config]
}

// NewTCP makes a relay. Set must be called before it serves.
func NewTCP(env *Env, keeper *socket.Keeper) *TCP { return &TCP{env: env, keeper: keeper} }

// Set makes the chain's relay route the one in force. Options are resolved.
func (t *TCP) Set(c *ir.Chain, o *ir.Options) {
	t.config.Store(compile(c, o, t.config.Load(), t.env))
}

// connectTries is how many endpoints are tried for a connection.
const connectTries = 3

// Serve relays a connection until it ends, and closes it.
func (t *TCP) Serve(client *socket.Stream, info *message.Connection, closed func()) {
	defer closed()
	cfg := t.config.Load()
	s := session{cfg: cfg, client: client, begun: socket.Now()}
	client.Sock.SetStall(cfg.stall)
	err := cfg.admit(info.Remote.Addr())
	if err == nil {
		err = s.connect(t, info.Remote.Addr())
	}
	if err == nil {
		err = s.relay()
		_ = s.backend.Close()
		s.endpoint.Leave()
	}
	if reply, ok := errors.AsType[*message.Reply](err); ok {
		s.reason = reply.Reason
		cfg.stats.Reply(reply.Reason)
		// Tell the client at once that there is nobody, rather than an empty answer.
		_ = client.Sock.Reset()
	} else {
		_ = client.Close()
	}
	s.log(info, err)
}

// session is one relayed connection.
type session struct {
	cfg             *config
	client, backend *socket.Stream
	endpoint        *upstream.Endpoint
	active          atomic.Int64
	up, down        atomic.Uint64
	begun           int64
	reason          string
	attempt         telemetry.Attempt
}

// connect finds an endpoint that accepts the connection.
func (s *session) connect(t *TCP, client netip.Addr) error {
	var failed netip.AddrPort
	for try := 1; ; try++ {
		b, e, err := s.cfg.pick(client, failed)
		if err != nil {
			return err
		}
		s.attempt = telemetry.Attempt{Backend: string(b.Name), Endpoint: e.Address(), Begun: socket.Now() - s.begun}
		s.backend, err = b.Relay(e.Pool, t.keeper)
		if err == nil {
			b.Fine(e)
			s.endpoint = e
			s.attempt.Connected = socket.Now() - s.begun
			s.backend.Sock.SetStall(s.cfg.stall)
			return nil
		}
		e.Leave()
		b.Failed(e)
		failed = e.Address()
		if try == connectTries || !b.Others(failed) {
			return err
		}
	}
}

// relay moves bytes in both directions until both have ended.
func (s *session) relay() error {
	s.active.Store(socket.Now())
	var up error
	var wg sync.WaitGroup
	wg.Go(func() {
		if up = s.direction(s.backend, s.client, &s.up); up != nil {
			s.abort()
		}
	})
	down := s.direction(s.client, s.backend, &s.down)
	if down != nil {
		s.abort()
	}
	wg.Wait()
	s.cfg.stats.Received.Add(s.up.Load())
	s.cfg.stats.Sent.Add(s.down.Load())
	if down != nil && !errors.Is(down, socket.ErrAborted) {
		return down
	}
	return up
}

// abort ends both directions.
func (s *session) abort() {
	s.client.Sock.Abort()
	s.backend.Sock.Abort()
}

// direction moves bytes one way, and ends that way's stream after the last.
func (s *session) direction(dst, src *socket.Stream, moved *atomic.Uint64) error {
	if dst.TLS == nil && src.TLS == nil {
		p := socket.Pump{Dst: dst.Sock, Src: src.Sock, Active: &s.active, Idle: s.cfg.idle, Moved: moved}
		if err := p.Forward(src.Ahead()); err != nil {
			return err
		}
		return p.Run()
	}
	return s.copy(dst, src, moved)
}

// copy is for streams of which at least one is TLS.
func (s *session) copy(dst, src *socket.Stream, moved *atomic.Uint64) error {
	buf := buffer.Get(buffer.Medium)
	defer buf.Put()
	for {
		src.Sock.Enter(socket.Tunnel, s.active.Load()+int64(s.cfg.idle))
		n, err := src.Read(buf.B)
		if n > 0 {
			moved.Add(uint64(n))
			s.active.Store(socket.Now())
			if _, err := dst.Write(buf.B[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF:
			return dst.CloseWrite()
		case errors.Is(err, socket.ErrTimeout) && socket.Now() < s.active.Load()+int64(s.cfg.idle):
		case err != nil:
			return err
		}
	}
}

func (s *session) log(info *message.Connection, err error) {
	if s.cfg.log == nil {
		return
	}
	r := telemetry.Record{
		Listener: s.cfg.stats.Name, Client: info.Remote.Addr(), Peer: info.Remote, Protocol: "TCP",
		Reason: s.reason, Route: s.cfg.name, Duration: socket.Now() - s.begun,
		Received: int64(s.up.Load()), Sent: int64(s.down.Load()),
		Backend: s.attempt.Backend, Endpoint: s.attempt.Endpoint, Attempts: []telemetry.Attempt{s.attempt},
	}
	if s.reason != "" {
		r.Cause = err
	}
	s.cfg.log.Add(&r)
}
