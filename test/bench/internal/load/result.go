package load

import (
	"slices"
	"time"

	"fsm/test/bench/internal/figure"
)

// Result is what came of a load.
type Result struct {
	// Count is how much was done: requests, messages, connections or megabytes.
	Count float64
	// Elapsed is how long it took.
	Elapsed time.Duration
	Latency Latency
	// Errors is how often something else came than the expected answer.
	Errors int
	// Problem is the first of the errors, where the load knows.
	Problem error
}

// Latency is how long answers took.
type Latency struct {
	P50  time.Duration `json:"p50"`
	P99  time.Duration `json:"p99"`
	P999 time.Duration `json:"p999"`
}

// latencyOf sums up single latencies, which it sorts.
func latencyOf(all []time.Duration) Latency {
	slices.Sort(all)
	return Latency{
		P50:  figure.Percentile(all, 50),
		P99:  figure.Percentile(all, 99),
		P999: figure.Percentile(all, 99.9),
	}
}

// fail counts an error.
func (r *Result) fail(err error) {
	r.Errors++
	if r.Problem == nil {
		r.Problem = err
	}
}
