package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"fsm/test/bench/internal/figure"
)

// report is everything that a run found out.
type report struct {
	Machine  string     `json:"machine"`
	Settings string     `json:"settings"`
	Tests    []*outcome `json:"tests"`
}

// table starts a table with columns apart.
func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// print writes what came of a test.
func (o *outcome) print(w io.Writer) {
	if o.Problem != "" {
		fmt.Fprintln(w, "  not measured:", indent(o.Problem))
		return
	}
	if len(o.Rows) > 0 {
		o.printRows(w)
	}
	if len(o.Figures) > 0 {
		o.printFigures(w)
	}
}

func (o *outcome) printRows(w io.Writer) {
	t := table(w)
	fmt.Fprintf(t, "  \tµs/%s\t[min–max]\tuser\tsys\t%s/s\tp50 µs\tp99\tp99.9\t%s is\t[min–max]\n", o.Unit, o.Unit, ours)
	first := o.Rows[0].byRound()
	for i, r := range o.Rows {
		if len(r.Samples) == 0 {
			continue
		}
		cost := r.over(sample.cost)
		fmt.Fprintf(t, "  %s\t%.2f\t[%.2f–%.2f]\t%.2f\t%.2f\t%.0f\t%s\t%s\t%s", r.Peer,
			cost.Median, cost.Min, cost.Max, r.over(sample.user).Median, r.over(sample.system).Median,
			r.over(sample.rate).Median, r.latency(sample.p50), r.latency(sample.p99), r.latency(sample.p999))
		if ratios := figure.Ratios(first, r.byRound()); i > 0 && len(ratios) > 0 {
			s := figure.Over(ratios)
			fmt.Fprintf(t, "\t%.2fx\t[%.2f–%.2f]", s.Median, s.Min, s.Max)
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
	if share := o.disturbed(); share > 0 {
		fmt.Fprintf(w, "  note: something else had the proxies' CPU for %.0f %% of the time, which blurs the figures\n", 100*share)
	}
	for _, r := range o.Rows {
		if n, example := r.errors(); n > 0 {
			fmt.Fprintf(w, "  %s: %d errors: %s\n", r.Peer, n, indent(example))
		}
		for _, p := range r.Problems {
			fmt.Fprintf(w, "  %s: %s\n", r.Peer, indent(p))
		}
	}
}

// disturbed is the share of the time in which peers waited for their CPU, if it is
// too much to be their own threads' doing.
func (o *outcome) disturbed() float64 {
	const tolerable = 0.1
	var shares []float64
	for _, r := range o.Rows {
		if len(r.Samples) > 0 {
			shares = append(shares, r.over(sample.waited).Median)
		}
	}
	if share := figure.Median(shares); share > tolerable {
		return share
	}
	return 0
}

// latency is the median of a percentile over the rounds; loads that count bytes
// have none.
func (r *row) latency(of func(sample) float64) string {
	if v := r.over(of).Median; v > 0 {
		return fmt.Sprintf("%.0f", v)
	}
	return "–"
}

func (o *outcome) printFigures(w io.Writer) {
	t := table(w)
	for _, q := range o.Figures {
		if q.Problem != "" {
			fmt.Fprintf(t, "  %s\tnot measured: %s\n", q.Peer, indent(q.Problem))
			continue
		}
		fmt.Fprintf(t, "  %s\t%s\t%s %s\n", q.Peer, q.What, number(q.Value), q.Unit)
	}
	_ = t.Flush()
}

// number has a digit after the point where that says something.
func number(v float64) string {
	if v == float64(int64(v)) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// indent sets the further lines of a text in.
func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n    ") }

// summary writes what became of the promises.
func (r report) summary(w io.Writer) {
	fmt.Fprintln(w, "\nPromises:")
	t := table(w)
	fmt.Fprintln(t, "  test\twhat\tours\tpeer\tvalue\tlimit\tverdict")
	for _, o := range r.Tests {
		for _, v := range o.Verdicts {
			fmt.Fprintf(t, "  %s\t%s\n", v.Test, v.columns())
		}
	}
	_ = t.Flush()
}

// columns are those of the summary, after the test.
func (v verdict) columns() string {
	result := string(v.State)
	if v.Why != "" {
		first, _, _ := strings.Cut(v.Why, "\n")
		result += ": " + first
	}
	what, limit := v.What, "≤ "+number(v.Limit)+" "+v.Unit
	if v.Least {
		limit = "≥ " + number(v.Limit) + " " + v.Unit
	}
	if v.Against != "" {
		what, limit = what+", against "+v.Against, fmt.Sprintf("≤ %.2fx", v.Limit)
	}
	if v.Value == 0 {
		return strings.Join([]string{what, "–", "–", "–", limit, result}, "\t")
	}
	own, peer, value := number(v.Ours)+" "+v.Unit, "–", number(v.Value)+" "+v.Unit
	if v.Against != "" {
		peer, value = number(v.Theirs)+" "+v.Unit, fmt.Sprintf("%.2fx", v.Value)
	}
	return strings.Join([]string{what, own, peer, value, limit, result}, "\t")
}

// kept tells whether all promises are.
func (r report) kept() bool {
	for _, o := range r.Tests {
		for _, v := range o.Verdicts {
			if v.State != kept {
				return false
			}
		}
	}
	return true
}

// save writes the report as JSON.
func (r report) save(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}
