package stack

import (
	"fmt"
	"sync/atomic"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/overload"
	"fsm/internal/proxy/route"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/tracing"
	"fsm/internal/proxy/upstream"
)

// Env is what the paths share.
type Env struct {
	// Current is the generation in force.
	Current  atomic.Pointer[Generation]
	Upstream *upstream.Registry
	Stats    *telemetry.Registry
	// Log is nil when there is no access log.
	Log *telemetry.AccessLog
	// LogByDefault says whether listeners that do not say are logged.
	LogByDefault bool
	// Tracer makes spans; nil for none.
	Tracer *tracing.Tracer
	// Filters is what filters are handed.
	Filters *filter.Env
	// Memory says when to do less.
	Memory *overload.Memory
	// Mirrors bounds the copies of requests that are under way.
	Mirrors *Mirrors
}

// Table is a compiled ir.RouteTable.
type Table struct {
	Hash   string
	index  *route.Table
	routes []*Route
}

// Route is a compiled ir.Route.
type Route struct {
	name    string // of the origin
	filters []filter.Filter
	stats   *telemetry.PartStats
	// respond or forward, exactly one.
	respond *message.Reply
	forward *Forward
}

// Forward is a compiled ir.Forward.
type Forward struct {
	// choose is nil when there is one destination.
	choose       *upstream.Weighted
	destinations []destination
	timeout      int64
	attempt      int64
	read         time.Duration // 0 for the defaults
	// retries is nil to leave them to the backends.
	retries *upstream.Retries
}

type destination struct {
	backend *upstream.Backend
	stats   *telemetry.PartStats
	filters []filter.Filter
	failure *message.Reply
	weight  uint32
}

// errNoWeight is what a route with all weights 0 answers (Gateway API,
// HTTPBackendRef.weight).
var errNoWeight = &message.Reply{Status: 500, Reason: upstream.ReasonNoBackends}

// CompileTable compiles a table. Whose turn it is among weighted destinations
// carries on from the old table of that name, if there is one.
func CompileTable(t *ir.RouteTable, old *Table, env *Env) (*Table, error) {
	index, err := route.Compile(t.Routes)
	if err != nil {
		return nil, err
	}
	compiled := &Table{Hash: t.Hash(), index: index, routes: make([]*Route, len(t.Routes))}
	var before map[string]*Route
	if old != nil {
		before = make(map[string]*Route, len(old.routes))
		for _, r := range old.routes {
			before[r.name] = r
		}
	}
	for i, r := range t.Routes {
		name := r.Origin.String()
		if compiled.routes[i], err = compileRoute(r, name, before[name], env); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return compiled, nil
}

func compileRoute(r *ir.Route, name string, old *Route, env *Env) (*Route, error) {
	compiled := &Route{name: name, stats: env.Stats.Route(r.Origin.Object().String())}
	var err error
	if compiled.filters, err = filter.New(r.Filters, env.Filters); err != nil {
		return nil, err
	}
	switch a := r.Action.(type) {
	case *ir.Respond:
		compiled.respond = replyOf(a)
	case *ir.Forward:
		var before *Forward
		if old != nil {
			before = old.forward
		}
		if compiled.forward, err = compileForward(a, before, env); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("action %T is not known", r.Action)
	}
	return compiled, nil
}

func replyOf(r *ir.Respond) *message.Reply {
	return &message.Reply{Status: int(r.Status), Reason: r.Reason, Cause: causeOf(r.Message)}
}

func causeOf(text string) error {
	if text == "" {
		return nil
	}
	return fmt.Errorf("%s", text)
}

// compileForward compiles the action. Whose turn it is carries on from the old
// one, when the choice is still the same.
func compileForward(a *ir.Forward, old *Forward, env *Env) (*Forward, error) {
	f := &Forward{
		timeout: int64(a.Timeout), attempt: int64(a.AttemptTimeout), read: time.Duration(a.ReadTimeout), retries: upstream.NewRetries(a.Retry),
	}
	weights := make([]uint32, len(a.Destinations))
	for i, d := range a.Destinations {
		weights[i] = d.Weight
		filters, err := filter.New(d.Filters, env.Filters)
		if err != nil {
			return nil, err
		}
		dest := destination{filters: filters, weight: d.Weight}
		if d.Failure != nil {
			dest.failure = replyOf(d.Failure)
		} else {
			dest.backend = env.Upstream.Get(d.Backend)
			dest.stats = env.Stats.Backend(string(d.Backend))
		}
		f.destinations = append(f.destinations, dest)
	}
	if len(weights) != 1 || weights[0] == 0 {
		f.choose = upstream.NewWeighted(weights)
		if old != nil && old.choose != nil && old.choose.Same(weights) {
			f.choose = old.choose
		}
	}
	return f, nil
}

// pick chooses a destination: the one that the client has a session with, or else
// by weight.
func (f *Forward) pick(x *exchange) (*destination, error) {
	for i := range f.destinations {
		if d := &f.destinations[i]; d.backend != nil && d.weight > 0 && d.backend.Remembers(&x.Request.Header) {
			return d, nil
		}
	}
	i := 0
	if f.choose != nil {
		if i = f.choose.Pick(); i < 0 {
			return nil, errNoWeight
		}
	}
	return &f.destinations[i], nil
}
