package main

import (
	"fmt"

	"fsm/test/bench/internal/figure"
)

// promise is what fsm-proxy has to keep to: a cost in proportion to that of
// another peer, or a figure as such.
type promise struct {
	// against is a peer; empty for a figure as such.
	against string
	// figure is what is bounded, if against is empty.
	figure, unit string
	limit        float64
	// least is for a figure that has to reach the limit, not to stay within it.
	least bool
}

// noMoreThan bounds the ratio of CPU time to that of a peer.
func noMoreThan(limit float64, peer string) promise { return promise{against: peer, limit: limit} }

// atMost bounds a figure.
func atMost(limit float64, unit, figure string) promise {
	return promise{figure: figure, unit: unit, limit: limit}
}

// atLeast bounds a figure from below.
func atLeast(limit float64, unit, figure string) promise {
	return promise{figure: figure, unit: unit, limit: limit, least: true}
}

// State of a promise.
type state string

const (
	kept        state = "PASS"
	broken      state = "FAIL"
	notMeasured state = "not measured"
)

// verdict says whether a promise is kept.
type verdict struct {
	Test string `json:"test"`
	What string `json:"what"`
	// Against is the peer, if there is one to compare with.
	Against string `json:"against,omitempty"`
	// Ours and Theirs are medians over the rounds, or the figure itself.
	Ours   float64 `json:"ours"`
	Theirs float64 `json:"theirs,omitempty"`
	Unit   string  `json:"unit"`
	// Value is what is held against the limit: the median of the ratios of the
	// rounds, or the figure itself.
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	Least bool    `json:"least,omitempty"`
	State state   `json:"state"`
	// Why is set where the value is not the reason.
	Why string `json:"why,omitempty"`
}

// judge holds an outcome against a promise.
func (o *outcome) judge(p promise) verdict {
	if p.against == "" {
		return o.judgeFigure(p)
	}
	v := verdict{
		Test: o.Name, What: "CPU per " + o.Unit, Against: p.against, Unit: "µs",
		Limit: p.limit, State: notMeasured, Why: o.Problem,
	}
	peer := o.row(p.against)
	if peer == nil || v.Why != "" {
		return v
	}
	ours := o.Rows[0]
	ratios := figure.Ratios(ours.byRound(), peer.byRound())
	errors, example := ours.errors()
	peerErrors, peerExample := peer.errors()
	switch {
	case len(ours.Problems) > 0:
		v.State, v.Why = broken, ours.Problems[0]
		return v
	case errors > 0:
		v.State, v.Why = broken, fmt.Sprintf("%d errors: %s", errors, example)
		return v
	case len(ratios) == 0:
		v.Why = firstOf(peer.Problems)
		return v
	case peerErrors > 0: // an answer that fails may be a cheap one
		v.Why = fmt.Sprintf("%d errors of %s: %s", peerErrors, p.against, peerExample)
		return v
	}
	v.Ours, v.Theirs = ours.over(sample.cost).Median, peer.over(sample.cost).Median
	v.Value = figure.Median(ratios)
	v.State = stateOf(v.Value <= v.Limit)
	return v
}

func (o *outcome) judgeFigure(p promise) verdict {
	v := verdict{Test: o.Name, What: p.figure, Unit: p.unit, Limit: p.limit, Least: p.least, State: notMeasured, Why: o.Problem}
	q, ok := o.figure(ours, p.figure)
	if !ok {
		for _, q := range o.Figures {
			if q.Peer == ours && q.Problem != "" {
				v.State, v.Why = broken, q.Problem
			}
		}
		return v
	}
	v.Ours, v.Value = q.Value, q.Value
	v.State = stateOf(q.Value == p.limit || q.Value > p.limit == p.least)
	return v
}

func stateOf(ok bool) state {
	if ok {
		return kept
	}
	return broken
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
