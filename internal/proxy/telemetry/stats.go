package telemetry

import (
	"sync"
	"sync/atomic"
)

// Histogram is a fixed set of duration buckets.
type Histogram struct {
	counts [len(durationBounds) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

// durationBounds are the upper bounds of the buckets, in nanoseconds.
var durationBounds = [...]int64{
	500e3, 1e6, 2500e3, 5e6, 10e6, 25e6, 50e6, 100e6, 250e6, 500e6, 1e9, 2500e6, 5e9, 10e9, 30e9,
}

// Observe adds a duration in nanoseconds.
func (h *Histogram) Observe(d int64) {
	i := 0
	for i < len(durationBounds) && d > durationBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(d)
}

// ListenerStats are the figures of one listener of one Gateway.
type ListenerStats struct {
	Name string
	// codes counts responses by status code.
	codes     [600]atomic.Uint64
	durations Histogram
	// Received and Sent count content bytes of requests and responses, or the
	// bytes of relayed connections.
	Received, Sent atomic.Uint64

	replies reasonCounts
}

// Request counts a finished request.
func (s *ListenerStats) Request(status int, duration int64, received, sent int64) {
	if status < 0 || status >= len(s.codes) {
		status = 0
	}
	s.codes[status].Add(1)
	s.durations.Observe(duration)
	if received > 0 {
		s.Received.Add(uint64(received))
	}
	if sent > 0 {
		s.Sent.Add(uint64(sent))
	}
}

// Reply counts an answer, or a refusal to answer, that the proxy made itself.
func (s *ListenerStats) Reply(reason string) { s.replies.add(reason) }

// Replies is how often the proxy answered itself for a reason.
func (s *ListenerStats) Replies(reason string) uint64 { return s.replies.get(reason) }

// Codes is how many responses had a status code.
func (s *ListenerStats) Codes(status int) uint64 { return s.codes[status].Load() }

// SocketStats are the figures of one socket.
type SocketStats struct {
	Name string
	// Open connections, or UDP sessions; Opened counts all that ever were.
	Open   atomic.Int64
	Opened atomic.Uint64
	// Handshakes counts completed TLS handshakes.
	Handshakes atomic.Uint64

	refused reasonCounts
}

// Refuse counts a connection that was closed before it reached a listener.
func (s *SocketStats) Refuse(reason string) { s.refused.add(reason) }

// Refused is how often connections were refused for a reason.
func (s *SocketStats) Refused(reason string) uint64 { return s.refused.get(reason) }

// PartStats are the figures of a route or of a backend.
type PartStats struct {
	Name string
	// classes counts by first digit of the status; 0 is for no response at all.
	classes [6]atomic.Uint64
	sum     atomic.Int64
}

// Request counts a request. It may be called on nil.
func (s *PartStats) Request(status int, duration int64) {
	if s == nil {
		return
	}
	class := status / 100
	if class < 0 || class >= len(s.classes) {
		class = 0
	}
	s.classes[class].Add(1)
	s.sum.Add(duration)
}

// reasonCounts counts by reason. Reasons are few, and the path that counts them
// is not the fast one.
type reasonCounts struct {
	mu     sync.RWMutex
	counts map[string]*atomic.Uint64
}

func (r *reasonCounts) add(reason string) {
	r.mu.RLock()
	c := r.counts[reason]
	r.mu.RUnlock()
	if c == nil {
		r.mu.Lock()
		if r.counts == nil {
			r.counts = map[string]*atomic.Uint64{}
		}
		if c = r.counts[reason]; c == nil {
			c = new(atomic.Uint64)
			r.counts[reason] = c
		}
		r.mu.Unlock()
	}
	c.Add(1)
}

func (r *reasonCounts) get(reason string) uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if c := r.counts[reason]; c != nil {
		return c.Load()
	}
	return 0
}

// each calls f for every reason.
func (r *reasonCounts) each(f func(reason string, n uint64)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for reason, c := range r.counts {
		f(reason, c.Load())
	}
}
