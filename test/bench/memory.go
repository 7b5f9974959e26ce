package main

import (
	"context"
	"fmt"
	"time"

	"fsm/test/bench/internal/load"
	"fsm/test/bench/internal/peer"
	"fsm/test/bench/internal/procfs"
)

// idleConnections is how many connections are held.
const idleConnections = 5000

// Figures of the memory tests.
const (
	idleMemory       = "resident, idle"
	connectedMemory  = "resident with connections"
	connectionMemory = "added by each idle connection"
)

const kib, mib = 1 << 10, 1 << 20

// holder is a peer whose connections are held.
type holder struct {
	*peer.Peer
	label string
	idle  int64 // bytes
	held  *load.Held
	err   error
}

// memory measures resident memory of peers that do nothing, and what idle
// connections add to it. The connections of all peers are held at the same time:
// most of the test is waiting.
func memory(protocol peer.Protocol) func(context.Context, *session) (*outcome, error) {
	return func(ctx context.Context, s *session) (*outcome, error) {
		if need := (len(allPeers) + 1) * idleConnections; s.lab.Files < need {
			return nil, fmt.Errorf("a process may open %d files, %d are needed; see ulimit -n", s.lab.Files, need)
		}
		backend, stop, err := s.startOrigin(ctx, pages)
		if err != nil {
			return nil, err
		}
		defer stop()
		site := peer.Site{Protocol: protocol, Routes: routes, Backend: backend}
		holders := make([]*holder, len(allPeers))
		for i, e := range allPeers {
			h := &holder{label: e.label}
			defer h.release()
			h.err = h.hold(ctx, s, e.kind, site)
			holders[i] = h
			fmt.Fprint(s.progress, ".")
		}
		fmt.Fprintln(s.progress)
		if err := pause(ctx, s.idle); err != nil {
			return nil, err
		}
		out := &outcome{}
		for _, h := range holders {
			out.Figures = append(out.Figures, h.figures()...)
		}
		return out, nil
	}
}

// rest is how long a process may take to come to rest after its start.
const rest = 2 * time.Second

// hold starts the peer, reads its memory, and makes the connections.
func (h *holder) hold(ctx context.Context, s *session, kind peer.Kind, site peer.Site) error {
	var err error
	if h.Peer, err = s.lab.Start(ctx, kind, site); err != nil {
		return err
	}
	if err := pause(ctx, rest); err != nil {
		return err
	}
	if h.idle, err = procfs.Resident(h.PIDs()); err != nil {
		return err
	}
	h.held, err = load.Hold(ctx, h.Target, idleConnections, load.HTTP(load.Requests(routes, load.Small)))
	return err
}

// figures reads the memory again.
func (h *holder) figures() []quantity {
	if h.err == nil {
		h.err = h.Err()
	}
	if h.err != nil {
		return []quantity{{Peer: h.label, Problem: h.err.Error()}}
	}
	after, err := procfs.Resident(h.PIDs())
	if lost := h.held.Lost(); err == nil && lost > 0 {
		err = fmt.Errorf("%d of %d idle connections were closed", lost, idleConnections)
	}
	if err != nil {
		return []quantity{{Peer: h.label, Problem: err.Error()}}
	}
	return []quantity{
		{Peer: h.label, What: idleMemory, Value: float64(h.idle) / mib, Unit: "MiB"},
		{Peer: h.label, What: connectedMemory, Value: float64(after) / mib, Unit: "MiB"},
		{Peer: h.label, What: connectionMemory, Value: float64(after-h.idle) / idleConnections / kib, Unit: "KiB"},
	}
}

func (h *holder) release() {
	if h.held != nil {
		h.held.Release()
	}
	if h.Peer != nil {
		h.Stop()
	}
}

// pause waits, unless the context ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
