package telemetry

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Descriptions of all series. docs/metrics.md explains them to users.
var (
	requestsDesc    = desc("fsm_requests_total", "Responses sent, by listener and status code; 0 where none could be sent.", "listener", "code")
	repliesDesc     = desc("fsm_replies_total", "Responses the proxy made itself, by listener and reason.", "listener", "reason")
	durationDesc    = desc("fsm_request_duration_seconds", "Time from the end of the request head to the end of the response.", "listener")
	receivedDesc    = desc("fsm_received_bytes_total", "Content bytes received from clients.", "listener")
	sentDesc        = desc("fsm_sent_bytes_total", "Content bytes sent to clients.", "listener")
	openDesc        = desc("fsm_connections_open", "Open client connections or UDP sessions.", "socket")
	openedDesc      = desc("fsm_connections_total", "Client connections or UDP sessions accepted.", "socket")
	refusedDesc     = desc("fsm_connections_refused_total", "Client connections closed before they reached a listener, by reason.", "socket", "reason")
	handshakesDesc  = desc("fsm_tls_handshakes_total", "TLS handshakes completed with clients.", "socket")
	routeDesc       = desc("fsm_route_requests_total", "Requests by route and class of status.", "route", "class")
	routeSumDesc    = desc("fsm_route_duration_seconds_total", "Time spent on requests, by route.", "route")
	backendDesc     = desc("fsm_backend_requests_total", "Attempts by backend and class of status.", "backend", "class")
	backendSumDesc  = desc("fsm_backend_duration_seconds_total", "Time spent on attempts, by backend.", "backend")
	appliedDesc     = desc("fsm_config_applied_total", "Snapshots applied.")
	rejectedDesc    = desc("fsm_config_rejected_total", "Snapshots that could not be read; the one before stays in force.")
	failuresDesc    = desc("fsm_config_failures", "Resources of the snapshot in force that could not be put to work.")
	versionDesc     = desc("fsm_config_version_info", "Version of the snapshot in force.", "version")
	appliedAtDesc   = desc("fsm_config_last_applied_timestamp_seconds", "When a snapshot was last applied.")
	connectedDesc   = desc("fsm_controller_connected", "Whether the controller is connected, of a proxy that has one.")
	ownExpiryDesc   = desc("fsm_identity_expiry_timestamp_seconds", "When the proxy's own certificate, which proves it to the controller, ends.")
	endpointsDesc   = desc("fsm_endpoints", "Endpoints of all backends.")
	outDesc         = desc("fsm_endpoints_out", "Endpoints that are left out, because checks or requests fail at them.")
	circuitsDesc    = desc("fsm_circuits_open", "Backends whose circuit is open.")
	logDroppedDesc  = desc("fsm_access_log_dropped_total", "Access log lines dropped because the log could not be written fast enough.")
	mirrorsLostDesc = desc("fsm_mirrors_dropped_total", "Mirrored requests dropped because of size or number.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector. The series are not known beforehand.
func (r *Registry) Describe(ch chan<- *prometheus.Desc) { ch <- appliedDesc }

// Collect implements prometheus.Collector.
func (r *Registry) Collect(ch chan<- prometheus.Metric) {
	c := collector{ch}
	c.counter(appliedDesc, r.Applied.Load())
	c.counter(rejectedDesc, r.Rejected.Load())
	c.gauge(failuresDesc, float64(r.Failures.Load()))
	if v := r.Version(); v != "" {
		c.gauge(versionDesc, 1, v)
		c.gauge(appliedAtDesc, float64(r.appliedAt.Load())/1e9)
	}
	if s := r.controller.Load(); s != nil {
		c.controller(s)
	}
	if r.Upstream != nil {
		f := r.Upstream()
		c.gauge(endpointsDesc, float64(f.Endpoints))
		c.gauge(outDesc, float64(f.Out))
		c.gauge(circuitsDesc, float64(f.Open))
	}
	c.counter(logDroppedDesc, r.LogDropped.Load())
	c.counter(mirrorsLostDesc, r.MirrorsDropped.Load())
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.listeners {
		c.listener(s)
	}
	for _, s := range r.sockets {
		c.gauge(openDesc, float64(s.Open.Load()), s.Name)
		c.counter(openedDesc, s.Opened.Load(), s.Name)
		c.counter(handshakesDesc, s.Handshakes.Load(), s.Name)
		s.refused.each(func(reason string, n uint64) { c.counter(refusedDesc, n, s.Name, reason) })
	}
	for _, s := range r.routes {
		c.part(routeDesc, routeSumDesc, s)
	}
	for _, s := range r.backends {
		c.part(backendDesc, backendSumDesc, s)
	}
}

type collector struct{ ch chan<- prometheus.Metric }

func (c collector) counter(d *prometheus.Desc, n uint64, labels ...string) {
	c.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func (c collector) gauge(d *prometheus.Desc, v float64, labels ...string) {
	c.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (c collector) controller(s *ControllerStats) {
	connected := 0.0
	if s.Connected.Load() {
		connected = 1
	}
	c.gauge(connectedDesc, connected)
	if end := s.CertificateEnd.Load(); end > 0 {
		c.gauge(ownExpiryDesc, float64(end))
	}
}

func (c collector) listener(s *ListenerStats) {
	for code := range s.codes {
		if n := s.codes[code].Load(); n > 0 {
			c.counter(requestsDesc, n, s.Name, strconv.Itoa(code))
		}
	}
	s.replies.each(func(reason string, n uint64) { c.counter(repliesDesc, n, s.Name, reason) })
	c.counter(receivedDesc, s.Received.Load(), s.Name)
	c.counter(sentDesc, s.Sent.Load(), s.Name)
	buckets := map[float64]uint64{}
	var total uint64
	for i, bound := range durationBounds {
		total += s.durations.counts[i].Load()
		buckets[float64(bound)/1e9] = total
	}
	total += s.durations.counts[len(durationBounds)].Load()
	c.ch <- prometheus.MustNewConstHistogram(durationDesc, total, float64(s.durations.sum.Load())/1e9, buckets, s.Name)
}

func (c collector) part(requests, sum *prometheus.Desc, s *PartStats) {
	for class := range s.classes {
		if n := s.classes[class].Load(); n > 0 {
			c.counter(requests, n, s.Name, strconv.Itoa(class)+"xx")
		}
	}
	c.ch <- prometheus.MustNewConstMetric(sum, prometheus.CounterValue, float64(s.sum.Load())/1e9, s.Name)
}
