package operator

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"fsm/internal/deliver"
)

// Descriptions of all series. docs/metrics.md explains them to users. No label is
// about a Gateway or a proxy: those are as many as users like.
var (
	leaderDesc       = desc("fsm_controller_leader", "Whether this replica leads.")
	objectsDesc      = desc("fsm_controller_objects", "Objects of the cluster that are read, by kind.", "kind")
	proxiesDesc      = desc("fsm_controller_proxies", "Proxies that are connected to this replica, by state.", "state")
	updatesDesc      = desc("fsm_controller_updates_total", "Versions that were sent to proxies, counted for each proxy.")
	answersDesc      = desc("fsm_controller_answers_total", "Answers of proxies to them, by result.", "result")
	deliveredDesc    = desc("fsm_controller_delivered_bytes_total", "Bytes that were sent to proxies.")
	certificatesDesc = desc("fsm_controller_certificates_total", "Requests of proxies for certificates, by result.", "result")
	ownExpiryDesc    = desc("fsm_controller_certificate_expiry_timestamp_seconds", "When the certificate of this replica ends.")
	proxyExpiryDesc  = desc("fsm_controller_proxy_certificate_expiry_timestamp_seconds", "When the first of the certificates of connected proxies ends.")
	writesDesc       = desc("fsm_controller_status_writes_total", "Writes of statuses, by kind of object and result.", "kind", "result")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// translations count how long each took, in seconds.
func translations() prometheus.Histogram {
	return histogram("fsm_controller_translation_duration_seconds", "Time that a translation took.")
}

func histogram(name, help string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	})
}

// metrics serves the figures of the control plane.
func (c *controlPlane) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(figures{c}, c.translations, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// figures collects what the parts of the control plane count.
type figures struct{ c *controlPlane }

// Describe implements prometheus.Collector. The series are not known beforehand.
func (f figures) Describe(ch chan<- *prometheus.Desc) { ch <- leaderDesc }

// Collect implements prometheus.Collector.
func (f figures) Collect(ch chan<- prometheus.Metric) {
	c := f.c
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	leads := 0.0
	if c.candidate.Leads() {
		leads = 1
	}
	gauge(leaderDesc, leads)
	for kind, n := range c.source.Counts() {
		gauge(objectsDesc, float64(n), kind)
	}
	states, expiry := count(c.server.Proxies())
	for state, n := range states {
		gauge(proxiesDesc, float64(n), string(state))
	}
	if expiry > 0 {
		gauge(proxyExpiryDesc, expiry)
	}
	if own, err := c.own.Certificate(); err == nil {
		gauge(ownExpiryDesc, float64(own.Leaf.NotAfter.Unix()))
	}
	delivery := &c.server.Figures
	counter(updatesDesc, delivery.Updates.Load())
	counter(answersDesc, delivery.Acknowledged.Load(), "acknowledged")
	counter(answersDesc, delivery.Rejected.Load(), "rejected")
	counter(deliveredDesc, delivery.Bytes.Load())
	certificates := &delivery.Certificates
	counter(certificatesDesc, certificates.Issued.Load(), "issued")
	counter(certificatesDesc, certificates.Token.Load(), "token_refused")
	counter(certificatesDesc, certificates.Request.Load(), "request_refused")
	counter(certificatesDesc, certificates.Failed.Load(), "failed")
	for kind, results := range c.writer.Writes() {
		for result, n := range results {
			counter(writesDesc, n, kind, result)
		}
	}
}

// count counts proxies by their states, and finds the first end of a certificate
// among them; 0 if there is none.
func count(proxies []deliver.Proxy) (states map[deliver.State]int, expiry float64) {
	states = map[deliver.State]int{deliver.Synced: 0, deliver.Stale: 0, deliver.Rejected: 0}
	for _, p := range proxies {
		states[p.State]++
		if end := p.Report.Figures[deliver.FigureCertificateEnd]; end > 0 && (expiry == 0 || end < expiry) {
			expiry = end
		}
	}
	return states, expiry
}
