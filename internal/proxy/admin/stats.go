package admin

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// stats writes the figures as "name: value" lines, labels in dots.
func (a *admin) stats(w http.ResponseWriter, g prometheus.Gatherer) {
	families, err := g.Gather()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName() + labels(m)
			switch {
			case m.Counter != nil:
				fmt.Fprintf(w, "%s: %v\n", name, m.Counter.GetValue())
			case m.Gauge != nil:
				fmt.Fprintf(w, "%s: %v\n", name, m.Gauge.GetValue())
			case m.Histogram != nil:
				fmt.Fprintf(w, "%s.count: %d\n%s.sum: %v\n", name, m.Histogram.GetSampleCount(), name, m.Histogram.GetSampleSum())
			}
		}
	}
}

func labels(m *dto.Metric) string {
	var b strings.Builder
	for _, l := range m.Label {
		b.WriteString("." + strings.ReplaceAll(l.GetValue(), " ", "_"))
	}
	return b.String()
}
