package main

import (
	"context"
	"errors"
	"fmt"
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
	load     func(context.Context, *session, turn) (load.Result, error)
}

// entrant is a peer in one configuration.
type entrant struct {
	label     string
	kind      peer.Kind
	accessLog bool
}

// Labels of entrants that others are named by.
const (
	ours           = "fsm"
	oursWithoutLog = "fsm, no log"
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
	row  *row
	logs bool
}

// run makes the rounds.
func (c comparison) run(ctx context.Context, s *session) (*outcome, error) {
	backend, stop, err := s.startOrigin(ctx, c.origin)
	if err != nil {
		return nil, err
	}
	defer stop()
	out := &outcome{Unit: c.unit}
	var fields []field
	defer func() {
		for _, f := range fields {
			f.Stop()
		}
	}()
	for _, e := range c.entrants {
		site := c.site
		site.Backend, site.AccessLog = backend, e.accessLog
		r := &row{Peer: e.label}
		out.Rows = append(out.Rows, r)
		p, err := s.lab.Start(ctx, e.kind, site)
		if err != nil {
			r.fail(err)
			continue
		}
		fields = append(fields, field{p, r, e.accessLog})
	}
	c.warmUp(ctx, s, fields)
	for round := range s.rounds {
		for i := range fields {
			c.once(ctx, s, fields[(i+round)%len(fields)], round)
			fmt.Fprint(s.progress, ".")
		}
	}
	fmt.Fprintln(s.progress)
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
	result, err := c.load(ctx, s, turn{target: f.Target, duration: s.duration, round: round})
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
	}
	if result.Problem != nil {
		made.Problem = result.Problem.Error()
	}
	return made, f.EmptyAccessLog()
}
