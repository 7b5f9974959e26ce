package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"fsm/test/bench/internal/load"
	"fsm/test/bench/internal/peer"
	"fsm/test/bench/internal/procfs"
)

// comparison measures what the same load costs several peers.
type comparison struct {
	// unit is what the load counts.
	unit string
	// origin stands behind all peers.
	origin origin
	// entrants are compared with the first of them.
	entrants []entrant
	site     peer.Site
	// connections has the peers' connections to the backend counted.
	connections bool
	load        func(context.Context, *session, turn) (load.Result, error)
}

// entrant is a peer in one configuration.
type entrant struct {
	label     string
	kind      peer.Kind
	accessLog bool
	policies  bool // for fsm only
}

// Labels of entrants that others are named by.
const (
	ours                = "fsm"
	oursWithoutLog      = "fsm, no log"
	oursWithoutPolicies = "fsm, plain"
)

// allPeers are the peers as they come.
var allPeers = []entrant{
	{label: ours, kind: peer.FSM},
	{label: "nginx", kind: peer.Nginx},
	{label: "haproxy", kind: peer.HAProxy},
}

// turn is one measurement, as the load sees it.
type turn struct {
	target   load.Target
	duration time.Duration
	round    int
}

// field is an entrant that takes part.
type field struct {
	*peer.Peer
	row     *row
	logs    bool
	backend netip.AddrPort
}

// countConnections counts the connections to the backend some time from now, in
// the middle of the load: some peers close those whose requests are given up.
func (c comparison) countConnections(ctx context.Context, f field, after time.Duration) (wait func() (int, error)) {
	if !c.connections {
		return func() (int, error) { return 0, nil }
	}
	var count int
	var err error
	var counting sync.WaitGroup
	counting.Go(func() {
		if err = pause(ctx, after); err == nil {
			count, err = procfs.Connections(f.PIDs(), f.backend)
		}
	})
	return func() (int, error) {
		counting.Wait()
		return count, err
	}
}

// run makes the rounds.
func (c comparison) run(ctx context.Context, s *session) (*outcome, error) {
	backend, stop, err := s.startOrigin(ctx, c.origin)
	if err != nil {
		return nil, err
	}
	defer stop()
	at, err := netip.ParseAddrPort(backend)
	if err != nil {
		return nil, fmt.Errorf("address of the backend: %w", err)
	}
	out := &outcome{Unit: c.unit}
	var fields []field
	defer func() {
		for _, f := range fields {
			f.Stop()
		}
	}()
	for _, e := range c.entrants {
		site := c.site
		site.Backend, site.AccessLog, site.Policies = backend, e.accessLog, e.policies
		r := &row{Peer: e.label}
		out.Rows = append(out.Rows, r)
		p, err := s.lab.Start(ctx, e.kind, site)
		if err != nil {
			r.fail(err)
			continue
		}
		fields = append(fields, field{p, r, e.accessLog, at})
	}
	c.warmUp(ctx, s, fields)
	for round := range s.rounds {
		for i := range fields {
			c.once(ctx, s, fields[(i+round)%len(fields)], round)
			fmt.Fprint(s.progress, ".")
		}
	}
	fmt.Fprintln(s.progress)
	if c.connections {
		out.addConnections()
	}
	return out, nil
}

// warmUp lets every peer make its connections and page itself in. What goes wrong
// will do so again in the rounds.
func (c comparison) warmUp(ctx context.Context, s *session, fields []field) {
	for _, f := range fields {
		_, _ = c.load(ctx, s, turn{target: f.Target, duration: time.Second})
	}
}

// once measures one peer in one round.
func (c comparison) once(ctx context.Context, s *session, f field, round int) {
	sample, err := c.sample(ctx, s, f, round)
	if err == nil {
		err = f.Err()
	}
	if err != nil {
		f.row.fail(fmt.Errorf("round %d: %w", round+1, err))
		return
	}
	f.row.Samples = append(f.row.Samples, sample)
}

// settle is how long the CPU time is left to come to rest after a load: the ends
// of connections are work too, and a running thread's count lags by up to a tick.
const settle = 50 * time.Millisecond

func (c comparison) sample(ctx context.Context, s *session, f field, round int) (sample, error) {
	pids := f.PIDs()
	before, err := procfs.Read(pids)
	if err != nil {
		return sample{}, err
	}
	counted := c.countConnections(ctx, f, s.duration/2)
	result, err := c.load(ctx, s, turn{target: f.Target, duration: s.duration, round: round})
	if err != nil {
		return sample{}, err
	}
	connections, err := counted()
	if err != nil {
		return sample{}, err
	}
	time.Sleep(settle)
	after, err := procfs.Read(pids)
	if err != nil {
		return sample{}, err
	}
	if f.logs && f.AccessLogSize() == 0 {
		return sample{}, errors.New("nothing is in the access log")
	}
	if result.Count == 0 {
		return sample{}, errors.Join(errors.New("nothing was answered"), result.Problem)
	}
	made := sample{
		Round: round, Count: result.Count, Seconds: result.Elapsed.Seconds(),
		Usage: after.Since(before), Latency: result.Latency, Errors: result.Errors,
		Connections: connections,
	}
	if result.Problem != nil {
		made.Problem = result.Problem.Error()
	}
	return made, f.EmptyAccessLog()
}
