package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/limit"
	"fsm/internal/proxy/listen"
	"fsm/internal/proxy/overload"
	"fsm/internal/proxy/relay"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/stack"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/tracing"
	"fsm/internal/proxy/upstream"
)

// Config is what a proxy is started with; everything else comes in snapshots.
type Config struct {
	Log *slog.Logger
	// AccessLog is where the access log goes; nil for none.
	AccessLog io.Writer
	// AccessLogFields by name; none means the usual ones.
	AccessLogFields []string
	// Telemetry says how much to count.
	Telemetry telemetry.Config
	// Tracer makes spans; nil for none.
	Tracer *tracing.Tracer
	// Lookup resolves DNS names; nil stands for the system's resolver.
	Lookup upstream.Lookup
	// MemoryLimit in bytes, near which new work is refused; 0 for none.
	MemoryLimit int64
}

// Proxy is a data plane.
type Proxy struct {
	log       *slog.Logger
	keeper    *socket.Keeper
	stats     *telemetry.Registry
	accessLog *telemetry.AccessLog
	upstream  *upstream.Registry
	limits    *limit.Registry
	sockets   *listen.Sockets
	env       stack.Env
	relays    relay.Env
	memory    overload.Memory
	rest      overload.Rest

	mu     sync.Mutex // held while a snapshot is applied
	tables map[ir.TableName]*stack.Table
	chains map[chainKey]*chain
	slots  int

	udpMu sync.Mutex
	udps  map[chainKey]*relay.UDP

	snapshot atomic.Pointer[ir.Snapshot]
	draining atomic.Bool
	wg       sync.WaitGroup
}

// New makes a proxy that serves nothing yet.
func New(c Config) (*Proxy, error) {
	keeper, err := socket.NewKeeper()
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	p := &Proxy{
		log: c.Log, keeper: keeper, stats: telemetry.NewRegistry(c.Telemetry),
		tables: map[ir.TableName]*stack.Table{}, chains: map[chainKey]*chain{}, udps: map[chainKey]*relay.UDP{},
	}
	if c.AccessLog != nil {
		p.accessLog, err = telemetry.NewAccessLog(telemetry.LogConfig{
			Writer: c.AccessLog, Fields: c.AccessLogFields,
			Dropped: func() { p.stats.LogDropped.Add(1) },
			Warn:    func(err error) { c.Log.Warn("access log", "error", err) },
		})
		if err != nil {
			return nil, fmt.Errorf("start proxy: %w", err)
		}
	}
	p.memory.Limit = c.MemoryLimit
	keeper.EveryTick(func(int64) { p.memory.Look() })
	keeper.EveryTick(func(now int64) { p.rest.Look(keeper.Parkings(), now) })
	keeper.EveryTick(p.sweepUDP)
	p.upstream = upstream.NewRegistry(keeper, c.Lookup, c.Log)
	p.stats.Upstream = func() telemetry.UpstreamFigures { return telemetry.UpstreamFigures(p.upstream.Figures()) }
	p.memory.Shrink = p.upstream.CloseIdle
	p.sockets = listen.NewSockets(keeper, p.stats, &p.memory, c.Log)
	mirrors := &stack.Mirrors{Upstream: p.upstream, Stats: p.stats}
	p.env.Upstream, p.env.Stats, p.env.Log, p.env.LogByDefault = p.upstream, p.stats, p.accessLog, p.accessLog != nil
	p.env.Tracer = c.Tracer
	p.env.Memory = &p.memory
	p.limits = limit.NewRegistry()
	p.env.Filters = &filter.Env{Dispatch: mirrors.Dispatch, Random: rand.Uint32N, Limiter: p.limiter, Clients: p.clients, Throttle: throttle}
	p.env.Current.Store(&stack.Generation{})
	p.relays = relay.Env{Upstream: p.upstream, Stats: p.stats, Log: p.accessLog, LogByDefault: p.accessLog != nil}
	return p, nil
}

// limiter finds the bucket that a filter takes from.
func (p *Proxy) limiter(name ir.LimiterName) filter.Limiter {
	if b := p.limits.Bucket(name); b != nil {
		return b
	}
	return nil
}

// clients finds what counts for each client.
func (p *Proxy) clients(name ir.LimiterName) filter.ClientLimiter {
	if c := p.limits.Clients(name); c != nil {
		return c
	}
	return nil
}

// throttle makes a rate that nobody shares.
func throttle(bytesPerSecond uint64) filter.Throttle {
	t := &limit.Throttle{}
	t.Set(bytesPerSecond)
	return t
}

// Run serves until the context ends, and then closes everything at once. Drain
// before for a gentle end.
func (p *Proxy) Run(ctx context.Context) {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.wg.Go(func() { p.keeper.Run(background) })
	if p.accessLog != nil {
		p.wg.Go(func() { p.accessLog.Run(background) })
	}
	<-ctx.Done()
	p.sockets.Close()
	p.upstream.Close()
	stop()
	p.wg.Wait()
}

// Drain brings the proxy to a gentle end: from now on it is not Ready. For the
// time of notice it goes on as before, so that whoever sends it traffic can see
// that; then it accepts no more connections, ends idle ones, and lets requests
// in progress finish, until there are none or the context ends.
func (p *Proxy) Drain(ctx context.Context, notice time.Duration) {
	p.draining.Store(true)
	select {
	case <-ctx.Done():
	case <-time.After(notice):
	}
	p.sockets.Drain()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for p.sockets.Open() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Ready reports whether the proxy has applied a first snapshot and is not
// draining.
func (p *Proxy) Ready() bool { return p.snapshot.Load() != nil && !p.draining.Load() }

// Snapshot is the one in force; nil before the first.
func (p *Proxy) Snapshot() *ir.Snapshot { return p.snapshot.Load() }

// Stats are the proxy's figures.
func (p *Proxy) Stats() *telemetry.Registry { return p.stats }

// Upstream is what the proxy knows about backends.
func (p *Proxy) Upstream() *upstream.Registry { return p.upstream }

// Limits are the buckets of requests.
func (p *Proxy) Limits() *limit.Registry { return p.limits }

// Sockets are the proxy's listening sockets.
func (p *Proxy) Sockets() *listen.Sockets { return p.sockets }

// Log is the proxy's own log.
func (p *Proxy) Log() *slog.Logger { return p.log }
