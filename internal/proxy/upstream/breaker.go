package upstream

import (
	"sync"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// ReasonCircuitOpen is an answer that a breaker gives in its backend's place.
const ReasonCircuitOpen = "circuit_open"

// breaker counts how a backend fares. What it has counted outlives changes of the
// backend, but not of the settings that it is measured by.
type breaker struct {
	mu                  sync.Mutex
	window              int64 // when it began
	total, slow, failed uint32
	// openUntil is 0 while the breaker is closed.
	openUntil int64
}

// breakerSettings is a compiled ir.Breaker.
type breakerSettings struct {
	ir.Breaker
	reply *message.Reply
}

func newBreakerSettings(b *ir.Breaker) *breakerSettings {
	if b == nil {
		return nil
	}
	return &breakerSettings{
		Breaker: *b,
		reply:   &message.Reply{Status: int(b.Status), Reason: ReasonCircuitOpen, Body: b.Body},
	}
}

// admit reports whether requests may go to the backend. When the breaker was open
// for long enough it closes and begins to count anew.
func (b *breaker) admit(now int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.openUntil == 0 {
		return true
	}
	if now < b.openUntil {
		return false
	}
	b.openUntil = 0
	b.begin(now)
	return true
}

// begin begins a window.
func (b *breaker) begin(now int64) { b.window, b.total, b.slow, b.failed = now, 0, 0, 0 }

// record counts a request, and reports whether the breaker opened because of it.
// Status 0 is no answer.
func (b *breaker) record(s *breakerSettings, status int, took, now int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.openUntil != 0 {
		return false // was on its way already when the breaker opened
	}
	if b.total == 0 || now-b.window >= int64(s.Window) {
		b.begin(now)
	}
	b.total++
	if status == 0 || status >= 500 {
		b.failed++
	}
	if s.SlowTime > 0 && took >= int64(s.SlowTime) {
		b.slow++
	}
	if b.reached(s, s.Errors, b.failed) || b.reached(s, s.Slow, b.slow) {
		b.openUntil = now + int64(s.Open)
		return true
	}
	return false
}

func (b *breaker) reached(s *breakerSettings, t ir.Threshold, n uint32) bool {
	if t.Count > 0 && n >= t.Count {
		return true
	}
	return t.Ratio > 0 && b.total >= max(s.MinRequests, 1) && float64(n) >= t.Ratio*float64(b.total)
}

// forget closes the breaker.
func (b *breaker) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.openUntil = 0
	b.begin(0)
}

// Admit asks the backend's breaker, if it has one, whether a request may be sent.
// What it returns is the answer in place of the backend's.
func (b *Backend) Admit() *message.Reply {
	s := b.state.Load().breaker
	if s == nil || b.breaker.admit(socket.Now()) {
		return nil
	}
	return s.reply
}

// Answered tells the backend's breaker, if it has one, how a request went: the
// status, 0 if there was no answer, and how long it took until then.
func (b *Backend) Answered(status int, took, now int64) {
	if s := b.state.Load().breaker; s != nil {
		b.breaker.record(s, status, took, now)
	}
}

// Open reports whether the backend's breaker is open.
func (b *Backend) Open() bool {
	b.breaker.mu.Lock()
	defer b.breaker.mu.Unlock()
	return b.breaker.openUntil > socket.Now()
}
