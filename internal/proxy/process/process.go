package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"fsm/internal/proxy"
	"fsm/internal/proxy/admin"
	"fsm/internal/proxy/overload"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/tracing"
	"fsm/internal/proxy/upstream"
)

// Options are the flags that every proxy process has.
type Options struct {
	// Admin is the address of the admin interface; empty for none.
	Admin string
	// Health is an address that answers whether the proxy is ready, and nothing else;
	// empty for none.
	Health string
	// Profiling serves profiles there.
	Profiling bool
	// AccessLog is "off", "-" for standard output, or a file to append to.
	AccessLog string
	// AccessLogFields selects members of the log lines; none means the usual ones.
	AccessLogFields []string
	// RouteMetrics and BackendMetrics count per route and per backend, for as many
	// of each as MaxSeries.
	RouteMetrics, BackendMetrics bool
	MaxSeries                    int
	// DrainNotice is how long a proxy that is told to end goes on as before, while
	// it reports that it is not ready.
	DrainNotice time.Duration
	// DrainTimeout bounds the whole end, notice included.
	DrainTimeout time.Duration
	// DNS is the address of the name server for backends; empty for the system's
	// resolver.
	DNS string

	// OTLP is the URL of a collector for traces; empty for none. TraceRatio of the
	// traces that begin here are recorded.
	OTLP       string
	TraceRatio float64

	Log   *slog.Logger
	Level *slog.LevelVar
	// Stdout is for the access log.
	Stdout io.Writer
	// Ready, when set, is called with the admin interface's address once it
	// listens.
	Ready func(admin net.Addr)
}

// Defaults are the options as the flags have them.
func Defaults() Options {
	return Options{
		Admin: "127.0.0.1:15000", AccessLog: "off", MaxSeries: 1000, TraceRatio: 1,
		DrainNotice: 5 * time.Second, DrainTimeout: 30 * time.Second,
	}
}

// Feed applies snapshots to the proxy until the context ends, which is when the
// proxy has drained.
type Feed func(ctx context.Context, p *proxy.Proxy) error

// Run runs a proxy until the feed fails, the context ends, or the process gets
// SIGTERM or SIGINT. A second signal ends it at once.
func Run(ctx context.Context, o Options, feed Feed) error {
	accessLog, closeLog, err := openAccessLog(o)
	if err != nil {
		return err
	}
	defer closeLog()
	tracer, closeTracer, err := newTracer(ctx, o)
	if err != nil {
		return err
	}
	defer closeTracer()
	p, err := proxy.New(proxy.Config{
		Log: o.Log, AccessLog: accessLog, AccessLogFields: o.AccessLogFields,
		Telemetry:   telemetry.Config{Routes: o.RouteMetrics, Backends: o.BackendMetrics, MaxParts: o.MaxSeries},
		Tracer:      tracer,
		Lookup:      lookup(o.DNS),
		MemoryLimit: overload.ProcessLimit(),
	})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	stopAdmin, err := serveAdmin(o, p, &wg)
	if err != nil {
		return err
	}
	defer stopAdmin()
	stopHealth, err := serveHealth(o, p, &wg)
	if err != nil {
		return err
	}
	defer stopHealth()

	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	wg.Go(func() { p.Run(serving) })

	signalled, stopSignals := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stopSignals()
	fed := make(chan error, 1)
	wg.Go(func() { fed <- feed(serving, p) }) // while it drains, too: backends come and go then as well
	select {
	case <-signalled.Done():
	case err := <-fed:
		if err != nil {
			return err
		}
	}
	stopSignals() // the next signal has its usual effect
	o.Log.Info("draining", "connections", p.Sockets().Open())
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.DrainTimeout)
	defer cancel()
	p.Drain(draining, o.DrainNotice)
	return nil
}

func openAccessLog(o Options) (w io.Writer, closeLog func(), err error) {
	switch o.AccessLog {
	case "off", "":
		return nil, func() {}, nil
	case "-":
		return o.Stdout, func() {}, nil
	}
	f, err := os.OpenFile(o.AccessLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, nil, fmt.Errorf("open access log: %w", err)
	}
	return f, func() { _ = f.Close() }, nil
}

// flushTraces bounds how long the end of the process waits for the collector.
const flushTraces = 2 * time.Second

func newTracer(ctx context.Context, o Options) (t *tracing.Tracer, closeTracer func(), err error) {
	if o.OTLP == "" {
		return nil, func() {}, nil
	}
	t, err = tracing.New(ctx, tracing.Config{
		Endpoint: o.OTLP, Ratio: o.TraceRatio, Service: "fsm-proxy",
		Warn: func(err error) { o.Log.Warn("traces are lost", "error", err) },
	})
	if err != nil {
		return nil, nil, err
	}
	return t, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTraces)
		defer cancel()
		if err := t.Close(ctx); err != nil {
			o.Log.Warn("traces are lost", "error", err)
		}
	}, nil
}

// lookup resolves with a name server of its own.
func lookup(server string) upstream.Lookup {
	if server == "" {
		return nil
	}
	if !strings.Contains(server, ":") {
		server += ":53"
	}
	return upstream.LookupAt(server)
}

func serveAdmin(o Options, p *proxy.Proxy, wg *sync.WaitGroup) (stop func(), err error) {
	if o.Admin == "" {
		return func() {}, nil
	}
	handler := admin.Handler(admin.Config{Proxy: p, Level: o.Level, Profiling: o.Profiling})
	addr, stop, err := serveHTTP(o, "admin interface", o.Admin, handler, wg)
	if err == nil && o.Ready != nil {
		o.Ready(addr)
	}
	return stop, err
}

func serveHealth(o Options, p *proxy.Proxy, wg *sync.WaitGroup) (stop func(), err error) {
	if o.Health == "" {
		return func() {}, nil
	}
	_, stop, err = serveHTTP(o, "health interface", o.Health, admin.Health(p), wg)
	return stop, err
}

// serveHTTP serves an interface of the process on an address.
func serveHTTP(o Options, what, address string, h http.Handler, wg *sync.WaitGroup) (addr net.Addr, stop func(), err error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("open the %s: %w", what, err)
	}
	server := admin.Server(h, o.Log)
	wg.Go(func() {
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error(what, "error", err)
		}
	})
	return ln.Addr(), func() { _ = server.Close() }, nil
}
