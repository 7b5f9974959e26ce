package telemetry

import (
	"sync"
	"sync/atomic"
	"time"
)

// Config says how much to count.
type Config struct {
	// Routes and Backends switch on figures per route and per backend.
	Routes, Backends bool
	// MaxParts caps the number of routes and of backends with figures of their
	// own; the rest share one called "other". Default 1,000.
	MaxParts int
}

// Registry owns all figures of a proxy. Figures outlive the snapshots that named
// what they are about, so that counters do not start again with every change.
type Registry struct {
	config Config

	mu        sync.Mutex
	listeners map[string]*ListenerStats
	sockets   map[string]*SocketStats
	routes    map[string]*PartStats
	backends  map[string]*PartStats

	// Of the configuration.
	Applied, Rejected atomic.Uint64
	Failures          atomic.Int64
	version           atomic.Pointer[string]
	appliedAt         atomic.Int64 // Unix nanoseconds
	controller        atomic.Pointer[ControllerStats]

	// Upstream says how backends fare; nil when nobody knows. It is set once, at first.
	Upstream func() UpstreamFigures

	// LogDropped counts access log lines that could not be kept.
	LogDropped atomic.Uint64
	// MirrorsDropped counts request copies that were not sent.
	MirrorsDropped atomic.Uint64
}

// UpstreamFigures are about all backends together: how many endpoints they have, how
// many of these are left out, and how many circuits are open.
type UpstreamFigures struct{ Endpoints, Out, Open int }

// NewRegistry makes an empty registry.
func NewRegistry(config Config) *Registry {
	if config.MaxParts <= 0 {
		config.MaxParts = 1000
	}
	return &Registry{
		config:    config,
		listeners: map[string]*ListenerStats{}, sockets: map[string]*SocketStats{},
		routes: map[string]*PartStats{}, backends: map[string]*PartStats{},
	}
}

// Listener returns the figures of a listener.
func (r *Registry) Listener(name string) *ListenerStats {
	return named(r, r.listeners, name, func() *ListenerStats { return &ListenerStats{Name: name} })
}

// Socket returns the figures of a socket.
func (r *Registry) Socket(name string) *SocketStats {
	return named(r, r.sockets, name, func() *SocketStats { return &SocketStats{Name: name} })
}

// Route returns the figures of a route; nil when they are not asked for.
func (r *Registry) Route(name string) *PartStats {
	if !r.config.Routes {
		return nil
	}
	return r.part(r.routes, name)
}

// Backend returns the figures of a backend; nil when they are not asked for.
func (r *Registry) Backend(name string) *PartStats {
	if !r.config.Backends {
		return nil
	}
	return r.part(r.backends, name)
}

// other is the name that parts beyond the cap share.
const other = "other"

func (r *Registry) part(parts map[string]*PartStats, name string) *PartStats {
	r.mu.Lock()
	if parts[name] == nil && len(parts) >= r.config.MaxParts {
		name = other
	}
	r.mu.Unlock()
	return named(r, parts, name, func() *PartStats { return &PartStats{Name: name} })
}

func named[T any](r *Registry, all map[string]*T, name string, make func() *T) *T {
	r.mu.Lock()
	defer r.mu.Unlock()
	if all[name] == nil {
		all[name] = make()
	}
	return all[name]
}

// ControllerStats are about the connection to a controller.
type ControllerStats struct {
	Connected atomic.Bool
	// CertificateEnd is when the proxy's own certificate ends, as a Unix time; 0 while
	// it has none.
	CertificateEnd atomic.Int64
}

// Controller returns the figures of the connection to the controller. A proxy that
// has none must not ask.
func (r *Registry) Controller() *ControllerStats {
	r.controller.CompareAndSwap(nil, &ControllerStats{})
	return r.controller.Load()
}

// Apply records that a snapshot is in force, and how many of its resources
// could not be put to work.
func (r *Registry) Apply(version string, failures int) {
	r.Applied.Add(1)
	r.Failures.Store(int64(failures))
	r.version.Store(&version)
	r.appliedAt.Store(time.Now().UnixNano())
}

// Version is the version of the snapshot in force; empty before the first.
func (r *Registry) Version() string {
	if v := r.version.Load(); v != nil {
		return *v
	}
	return ""
}
