package main

import (
	"context"
	"fmt"
	"io"

	"fsm/test/bench/internal/backend"
	"fsm/test/bench/internal/peer"
)

// session is one run of the benchmark.
type session struct {
	options
	lab     *peer.Lab
	machine string
	// stdout is for results, progress for whoever waits for them.
	stdout, progress io.Writer
}

// runAll runs tests and prints what came of each. A test that fails does not keep
// the others from running; only the end of the context does.
func (s *session) runAll(ctx context.Context, chosen []test) ([]*outcome, error) {
	var outcomes []*outcome
	for _, t := range chosen {
		fmt.Fprintf(s.stdout, "\n%s: %s\n", t.name, t.about)
		o, err := t.run(ctx, s)
		if ctx.Err() != nil {
			return outcomes, context.Cause(ctx)
		}
		if err != nil {
			o = &outcome{Problem: err.Error()}
		}
		o.Name, o.About = t.name, t.about
		for _, p := range t.promises {
			o.Verdicts = append(o.Verdicts, o.judge(p))
		}
		o.print(s.stdout)
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// origin is what stands behind the peers.
type origin int

const (
	pages   origin = iota // the HTTP backend
	h2Pages               // the same over HTTP/2
	h2Quick               // small pages over HTTP/2, at less cost
	calls                 // answers gRPC calls
	echo                  // sends back what it gets
	source                // sends without end
)

// startOrigin starts it.
func (s *session) startOrigin(ctx context.Context, o origin) (addr string, stop func(), err error) {
	var server *backend.Server
	switch o {
	case echo:
		server, err = backend.Echo()
	case source:
		server, err = backend.Source()
	case calls:
		return backend.Calls()
	case h2Quick:
		server, err = backend.H2Pages()
	case h2Pages:
		return s.lab.Backend(ctx, peer.H2C)
	default:
		return s.lab.Backend(ctx, peer.HTTP)
	}
	if err != nil {
		return "", nil, err
	}
	return server.Addr, server.Close, nil
}
