package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fsm/test/bench/internal/figure"
	"fsm/test/bench/internal/load"
	"fsm/test/bench/internal/peer"
	"fsm/test/bench/internal/procfs"
)

// multiplexedTests are the tests over HTTP/2.
func multiplexedTests() []test {
	return []test{{
		"h2/http1", "HTTP/2 without TLS, HTTP/1.1 to the backend, 128-byte bodies, 10 connections with 32 streams",
		[]promise{noMoreThanNginx, noMoreThanHAProxy},
		multiplexed(peer.H2C, pages).run,
	}, {
		"h2/h2", "HTTP/2 without TLS on both sides, 128-byte bodies, 10 connections with 32 streams",
		[]promise{noMoreThanNginx, noMoreThanHAProxy},
		multiplexed(peer.H2C, h2Pages).run,
	}, {
		"h2/tls", "HTTP/2 over TLS 1.3, without TLS to the backend, 128-byte bodies, 10 connections with 32 streams",
		[]promise{noMoreThanNginx, noMoreThanHAProxy},
		multiplexed(peer.H2, h2Pages).run,
	}, {
		"h2/grpc", "gRPC without TLS, unary calls, 128-byte messages both ways, 10 connections with 32 streams",
		[]promise{noMoreThanNginx, noMoreThanHAProxy},
		multiplexed(peer.H2C, calls).run,
	}, {
		"h2/threads", "HTTP/2 without TLS on both sides, one connection with 64 streams, 1,000 regular expressions, two CPUs",
		[]promise{atLeast(1.5, "", threadsBusy)},
		oneConnection,
	}}
}

// multiplexed is a closed loop over HTTP/2: 10 connections with 32 streams each.
func multiplexed(protocol peer.Protocol, o origin) comparison {
	unit := "request"
	if o == calls {
		unit = "call"
	}
	return comparison{
		unit: unit, origin: o, entrants: allPeers, connections: true,
		site: peer.Site{Protocol: protocol, BackendH2C: o != pages, Calls: o == calls, Routes: routes},
		load: func(ctx context.Context, s *session, t turn) (load.Result, error) {
			return askStreams(ctx, s, t, load.H2Load{Clients: 10, Streams: 32, Routes: routes, Calls: o == calls})
		},
	}
}

// askStreams asks for the routes in turn, by h2load.
func askStreams(ctx context.Context, s *session, t turn, l load.H2Load) (load.Result, error) {
	if s.lab.Programs.H2Load == "" {
		return load.Result{}, errors.New("h2load is not installed")
	}
	l.Path, l.Dir, l.Start = s.lab.Programs.H2Load, s.lab.Dir, s.lab.StartLoad
	l.URL, l.Duration = t.target.URL(), t.duration
	return l.Run(ctx)
}

// Figures of the test with one connection.
const (
	threadsBusy = "threads with work at a time"
	cpusUsed    = "CPUs used"
)

// expressions is how many routes the test with one connection has. Trying their
// expressions makes a request so dear that the proxy, and not its load, is what
// uses most of two CPUs.
const expressions = 1000

// oneConnection measures how many threads have work for the streams of a single
// connection: the CPU time that they get, and what they wait for it while the load
// has the CPU. More than one means that streams are worked on side by side.
func oneConnection(ctx context.Context, s *session) (*outcome, error) {
	backend, stop, err := s.startOrigin(ctx, h2Quick)
	if err != nil {
		return nil, err
	}
	defer stop()
	p, err := s.lab.Start(ctx, peer.FSM, peer.Site{
		Protocol: peer.H2C, Backend: backend, BackendH2C: true, Routes: expressions, Regex: true, Wide: true,
	})
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	var busy, used []float64
	for round := range s.rounds {
		usage, elapsed, err := oneRound(ctx, s, p, round)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", round+1, err)
		}
		busy = append(busy, (usage.Run+usage.Wait).Seconds()/elapsed.Seconds())
		used = append(used, usage.Run.Seconds()/elapsed.Seconds())
		fmt.Fprint(s.progress, ".")
	}
	fmt.Fprintln(s.progress)
	return &outcome{Figures: []quantity{
		{Peer: ours, What: threadsBusy, Value: figure.Median(busy)},
		{Peer: ours, What: cpusUsed, Value: figure.Median(used)},
	}}, nil
}

func oneRound(ctx context.Context, s *session, p *peer.Peer, round int) (u procfs.Usage, elapsed time.Duration, err error) {
	before, err := procfs.Read(p.PIDs())
	if err != nil {
		return u, 0, err
	}
	result, err := askStreams(ctx, s, turn{target: p.Target, duration: s.duration, round: round},
		load.H2Load{Clients: 1, Streams: 64, Routes: expressions})
	if err == nil {
		err = result.Problem
	}
	if err != nil {
		return u, 0, err
	}
	after, err := procfs.Read(p.PIDs())
	return after.Since(before), result.Elapsed, err
}
