package upstream

import (
	"sync/atomic"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/socket"
)

// Endpoint is an address of a backend, as one state of the backend has it: its
// connections, which other backends may use too, and what this backend knows about
// it.
type Endpoint struct {
	*Pool
	*vitals
	weight uint32
	// seed tells endpoints apart for hashing. It is the same in every proxy.
	seed uint64
	// token stands for the endpoint in session cookies.
	token string
}

// vitals is what a backend knows about an address. They outlive snapshots.
type vitals struct {
	// active are the requests and relayed connections under way.
	active atomic.Int64
	// failures in a row, of requests.
	failures atomic.Uint32
	// ejections in a row, and when the last one ends.
	ejections    uint32
	ejectedUntil int64
	// unhealthy is what the last health checks said.
	unhealthy bool
	// out says that the endpoint is not chosen, for either reason.
	out   atomic.Bool
	probe *probe
}

// Leave ends what began with the endpoint's being picked.
func (e *Endpoint) Leave() { e.active.Add(-1) }

// Active is the number of requests and relayed connections under way.
func (e *Endpoint) Active() int { return int(e.active.Load()) }

// Out reports whether the endpoint is left out, because it is unhealthy or
// because requests failed at it.
func (e *Endpoint) Out() bool { return e.out.Load() }

// Defaults of outlier ejection.
const (
	defaultOutlierFailures = 5
	defaultEjection        = 10 * time.Second
	// maxEjections bounds what the time is multiplied with.
	maxEjections = 30
)

func outliersOf(config *ir.Backend) ir.Outliers {
	o := ir.Outliers{Failures: defaultOutlierFailures, Ejection: ir.Duration(defaultEjection)}
	if c := config.Outliers; c != nil {
		o.Off = c.Off
		if c.Failures > 0 {
			o.Failures = c.Failures
		}
		if c.Ejection > 0 {
			o.Ejection = c.Ejection
		}
	}
	return o
}

// Fine says that the endpoint answered.
func (b *Backend) Fine(e *Endpoint) {
	if e.failures.Load() != 0 {
		e.failures.Store(0)
	}
}

// Failed says that the endpoint could not be connected to, or went away without an
// answer. After some of that in a row it is left out for a while.
func (b *Backend) Failed(e *Endpoint) {
	n := e.failures.Add(1)
	o := outliersOf(b.Config())
	if o.Off || n < o.Failures {
		return
	}
	now := socket.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.ejectedUntil > now {
		return
	}
	if e.ejectedUntil+int64(o.Ejection) < now {
		e.ejections = 0 // it was in for long enough
	}
	e.ejections = min(e.ejections+1, maxEjections)
	e.ejectedUntil = now + int64(o.Ejection)*int64(e.ejections)
	e.failures.Store(o.Failures - 1) // one more, when it is back, is enough
	b.choose(b.state.Load(), now)
}

// healthChanged takes in what health checks found.
func (b *Backend) healthChanged(v *vitals, p *probe, healthy bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v.probe != p {
		return // was stopped, and just had an answer
	}
	v.unhealthy = !healthy
	b.choose(b.state.Load(), socket.Now())
}

// stopProbe ends health checks, if there are any.
func (v *vitals) stopProbe() {
	if v.probe != nil {
		close(v.probe.stop)
		v.probe = nil
	}
}

// choose finds out which endpoints of a state may be chosen now. b.mu is held.
func (b *Backend) choose(s *backendState, now int64) {
	old := s.choices.Load()
	ejectable := len(s.endpoints) / 2
	c := &choices{endpoints: make([]*Endpoint, 0, len(s.endpoints))}
	for _, e := range s.endpoints {
		ejected := e.ejectedUntil > now && ejectable > 0
		if ejected {
			ejectable--
			if c.until == 0 || e.ejectedUntil < c.until {
				c.until = e.ejectedUntil
			}
		}
		out := e.unhealthy || ejected
		e.out.Store(out)
		if !out {
			c.endpoints = append(c.endpoints, e)
		}
	}
	c.balance(old)
	s.choices.Store(c)
}
