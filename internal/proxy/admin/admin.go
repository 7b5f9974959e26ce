package admin

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"fsm/internal/ir"
	"fsm/internal/proxy"
)

// Config is what the interface shows and may do.
type Config struct {
	Proxy *proxy.Proxy
	// Level is the log level, which POST /logging?level=… changes.
	Level *slog.LevelVar
	// Profiling serves /debug/pprof. Off by default: profiles show paths and host
	// names, and cost CPU.
	Profiling bool
}

// Handler serves the admin endpoints.
func Handler(c Config) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c.Proxy.Stats(), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a := &admin{c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.index)
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /ready", a.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /config_dump", a.configDump)
	mux.HandleFunc("GET /listeners", a.listeners)
	mux.HandleFunc("GET /clusters", a.clusters)
	mux.HandleFunc("GET /certs", a.certs)
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { a.stats(w, registry) })
	mux.HandleFunc("GET /logging", a.logging)
	mux.HandleFunc("POST /logging", a.logging)
	if c.Profiling {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// Health serves /ready and /healthz alone, for those who may ask that and nothing
// else.
func Health(p *proxy.Proxy) http.Handler {
	a := &admin{Config{Proxy: p}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /ready", a.ready)
	return mux
}

// Server is an http.Server with time-outs for the handler.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

type admin struct{ Config }

// index lists the endpoints.
func (a *admin) index(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, `/ready         200 once a snapshot is applied, 503 before and while draining
/healthz       200 while the process runs
/metrics       figures in Prometheus form
/stats         the same, as "name: value" lines
/config_dump   the snapshot in force, without private keys; ?format=text for one line per route
/listeners     the sockets that are asked for, as "name::address:port" lines
/clusters      backends, their endpoints and connections
/certs         certificates and authorities, those that end first before the others
/logging       the log level; POST ?level=debug|info|warn|error changes it
`)
}

func (a *admin) healthz(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "OK") }

func (a *admin) ready(w http.ResponseWriter, _ *http.Request) {
	if !a.Proxy.Ready() {
		http.Error(w, "NOT READY", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "LIVE")
}

// cluster is a backend as /clusters shows it.
type cluster struct {
	Name        ir.BackendName `json:"name"`
	Origin      string         `json:"origin"`
	Failure     string         `json:"failure,omitempty"`
	CircuitOpen bool           `json:"circuitOpen,omitempty"`
	Endpoints   []endpoint     `json:"endpoints"`
}

type endpoint struct {
	Address string `json:"address"`
	Open    int    `json:"open"`
	Idle    int    `json:"idle"`
	// Active are requests and relayed connections under way.
	Active int `json:"active"`
	// Out says that the endpoint is left out.
	Out bool `json:"out,omitempty"`
}

func (a *admin) clusters(w http.ResponseWriter, _ *http.Request) {
	list := []cluster{}
	for _, b := range a.Proxy.Upstream().All() {
		c := cluster{Name: b.Name, Origin: b.Config().Origin.String(), Endpoints: []endpoint{}}
		if f := b.Failure(); f != nil {
			c.Failure = f.Error()
		}
		c.CircuitOpen = b.Open()
		for _, e := range b.All() {
			open, idle := e.Open()
			c.Endpoints = append(c.Endpoints, endpoint{e.Address().String(), open, idle, e.Active(), e.Out()})
		}
		list = append(list, c)
	}
	writeJSON(w, list)
}

// listeners shows the sockets of the snapshot in force.
func (a *admin) listeners(w http.ResponseWriter, _ *http.Request) {
	s := a.Proxy.Snapshot()
	if s == nil {
		http.Error(w, noSnapshot, http.StatusServiceUnavailable)
		return
	}
	for _, l := range s.Listeners {
		address := l.Address
		if address == "" {
			address = "0.0.0.0"
		}
		fmt.Fprintf(w, "%s::%s\n", l.Name, net.JoinHostPort(address, strconv.Itoa(int(l.Port))))
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // an error is the connection's
}

// logging shows or changes the log level.
func (a *admin) logging(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if err := a.Level.UnmarshalText([]byte(r.URL.Query().Get("level"))); err != nil {
			http.Error(w, "level: want debug, info, warn or error", http.StatusBadRequest)
			return
		}
	}
	fmt.Fprintln(w, "level:", a.Level.Level())
}
