package main

import (
	"time"

	"fsm/test/bench/internal/figure"
	"fsm/test/bench/internal/load"
	"fsm/test/bench/internal/procfs"
)

// outcome is what came of a test.
type outcome struct {
	Name  string `json:"name"`
	About string `json:"about"`
	// Unit is what the samples count; empty for a test without samples.
	Unit string `json:"unit,omitempty"`
	// Rows are the peers of a comparison, ours first.
	Rows []*row `json:"rows,omitempty"`
	// Figures are what was measured once.
	Figures  []quantity `json:"figures,omitempty"`
	Verdicts []verdict  `json:"verdicts,omitempty"`
	// Problem is why there is nothing.
	Problem string `json:"problem,omitempty"`
}

// row is one peer of a comparison.
type row struct {
	Peer     string   `json:"peer"`
	Samples  []sample `json:"samples"`
	Problems []string `json:"problems,omitempty"`
}

func (r *row) fail(err error) { r.Problems = append(r.Problems, err.Error()) }

// sample is one measurement.
type sample struct {
	Round   int          `json:"round"`
	Count   float64      `json:"count"`
	Seconds float64      `json:"seconds"`
	Usage   procfs.Usage `json:"cpu"`
	Latency load.Latency `json:"latency"`
	// Connections is how many there were to the backend in the middle of the load,
	// where that is asked for.
	Connections int    `json:"connections,omitempty"`
	Errors      int    `json:"errors"`
	Problem     string `json:"problem,omitempty"`
}

func (s sample) cost() float64   { return s.per(s.Usage.Run) }
func (s sample) user() float64   { return s.per(s.Usage.User) }
func (s sample) system() float64 { return s.per(s.Usage.System) }
func (s sample) rate() float64   { return s.Count / s.Seconds }

// waited is the share of the time in which the peer could not go on because
// others had its CPU.
func (s sample) waited() float64 { return s.Usage.Wait.Seconds() / s.Seconds }

func (s sample) connections() float64 { return float64(s.Connections) }

func (s sample) p50() float64  { return micros(s.Latency.P50) }
func (s sample) p99() float64  { return micros(s.Latency.P99) }
func (s sample) p999() float64 { return micros(s.Latency.P999) }

// per is microseconds for each of what was counted.
func (s sample) per(d time.Duration) float64 { return micros(d) / s.Count }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// over sums a figure up over the rounds.
func (r *row) over(of func(sample) float64) figure.Spread {
	values := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		values[i] = of(s)
	}
	return figure.Over(values)
}

// byRound are the costs by round.
func (r *row) byRound() map[int]float64 {
	costs := map[int]float64{}
	for _, s := range r.Samples {
		costs[s.Round] = s.cost()
	}
	return costs
}

// errors is how often something went wrong, and an example.
func (r *row) errors() (count int, example string) {
	for _, s := range r.Samples {
		if count += s.Errors; example == "" {
			example = s.Problem
		}
	}
	return count, example
}

// quantity is something that was measured once.
type quantity struct {
	Peer  string  `json:"peer"`
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	// Problem is why there is no value.
	Problem string `json:"problem,omitempty"`
}

// addConnections adds how many connections to the backend each peer had.
func (o *outcome) addConnections() {
	for _, r := range o.Rows {
		if len(r.Samples) > 0 {
			o.Figures = append(o.Figures, quantity{Peer: r.Peer, What: "connections to the backend", Value: r.over(sample.connections).Median})
		}
	}
}

// row is the row of a peer; nil if there is none.
func (o *outcome) row(peer string) *row {
	for _, r := range o.Rows {
		if r.Peer == peer {
			return r
		}
	}
	return nil
}

// figure is a figure of a peer.
func (o *outcome) figure(peer, what string) (quantity, bool) {
	for _, q := range o.Figures {
		if q.Peer == peer && q.What == what && q.Problem == "" {
			return q, true
		}
	}
	return quantity{}, false
}
