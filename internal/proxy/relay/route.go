package relay

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/telemetry"
	"fsm/internal/proxy/upstream"
)

// Env is what relays share.
type Env struct {
	Upstream *upstream.Registry
	Stats    *telemetry.Registry
	// Log is nil when there is no access log.
	Log *telemetry.AccessLog
	// LogByDefault says whether listeners that do not say are logged.
	LogByDefault bool
}

// config is what a snapshot says about a relay.
type config struct {
	name         string
	choose       *upstream.Weighted
	destinations []destination
	idle         time.Duration
	sessionIdle  time.Duration
	stall        time.Duration
	maxSessions  int
	sources      []netip.Prefix
	stats        *telemetry.ListenerStats
	log          *telemetry.AccessLog
}

type destination struct {
	backend *upstream.Backend
	failure *message.Reply
}

// compile makes a config, carrying on whose turn it is from the old one when the
// choice is still the same.
func compile(c *ir.Chain, o *ir.Options, old *config, env *Env) *config {
	r := c.Relay.Route
	cfg := &config{
		name:        r.Origin.String(),
		idle:        time.Duration(o.RelayIdleTimeout),
		sessionIdle: time.Duration(o.SessionIdleTimeout),
		stall:       time.Duration(o.WriteTimeout),
		maxSessions: int(o.MaxConnections),
		sources:     c.Relay.Sources,
		stats:       env.Stats.Listener(c.Origin.String()),
	}
	if o.AccessLog == "on" || o.AccessLog == "" && env.LogByDefault {
		cfg.log = env.Log
	}
	weights := make([]uint32, len(r.Destinations))
	for i, d := range r.Destinations {
		weights[i] = d.Weight
		dest := destination{}
		if d.Failure != nil {
			dest.failure = &message.Reply{Reason: d.Failure.Reason, Cause: fmt.Errorf("%s", d.Failure.Message)}
		} else {
			dest.backend = env.Upstream.Get(d.Backend)
		}
		cfg.destinations = append(cfg.destinations, dest)
	}
	cfg.choose = upstream.NewWeighted(weights)
	if old != nil && old.choose.Same(weights) {
		cfg.choose = old.choose
	}
	return cfg
}

// ReasonSource: clients of some networks only are served.
const ReasonSource = "source_not_allowed"

var errSource = &message.Reply{Reason: ReasonSource}

// admit refuses clients from where none may come.
func (c *config) admit(client netip.Addr) error {
	client = client.Unmap().WithZone("")
	if len(c.sources) == 0 || slices.ContainsFunc(c.sources, func(p netip.Prefix) bool { return p.Contains(client) }) {
		return nil
	}
	return errSource
}

var errNoDestination = &message.Reply{Reason: upstream.ReasonNoBackends}

// pick chooses a backend and an endpoint, not one that just failed if there is
// another.
func (c *config) pick(client netip.Addr, not netip.AddrPort) (*upstream.Backend, *upstream.Endpoint, error) {
	i := c.choose.Pick()
	if i < 0 {
		return nil, nil, errNoDestination
	}
	d := &c.destinations[i]
	if d.failure != nil {
		return nil, nil, d.failure
	}
	e, err := d.backend.Pick(upstream.Choice{Client: client, Not: not})
	return d.backend, e, err
}
