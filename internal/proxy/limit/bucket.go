package limit

import (
	"slices"
	"sync"
	"time"

	"fsm/internal/ir"
)

// Bucket is an ir.Limiter at work.
//
// While it is full no time passes for it: the first request taken out begins a window,
// and each window that ends puts in what is due, in one step, until it is full again.
type Bucket struct {
	mu       sync.Mutex
	settings ir.Limiter
	tokens   uint32
	// ends is when the current window ends; zero before the first request.
	ends time.Time
	// queue are those who wait, in order. They are let through by the timer.
	queue []*place
	timer *time.Timer
}

// place is one in the queue.
type place struct {
	turn chan struct{}
	// left is set when nobody waits for the turn any more. The place stays taken until
	// it would have come: who gives up and asks again would otherwise wait each time,
	// and never hear that there is no room.
	left bool
}

// Waiter is whoever can wait for a turn.
type Waiter = interface {
	// AwaitTurn waits until the channel delivers, and reports false when it no longer
	// wants to.
	AwaitTurn(turn <-chan struct{}) bool
}

// NewBucket returns a full bucket.
func NewBucket(l *ir.Limiter) *Bucket {
	b := &Bucket{}
	b.Set(l)
	return b
}

// Set changes the settings. What is in the bucket stays there, as far as there is
// room, and so do those who wait.
func (b *Bucket) Set(l *ir.Limiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.settings
	b.settings = *l
	if b.ends.IsZero() {
		b.tokens = l.Burst // nobody has used it yet
		return
	}
	b.tokens = min(b.tokens, l.Burst)
	if l.Window != before.Window {
		b.ends = b.ends.Add(time.Duration(l.Window - before.Window))
		b.schedule()
	}
}

// Take takes a request out, waiting for it if there is room in the queue. It reports
// false when the request is refused, or its waiter gave up.
func (b *Bucket) Take(w Waiter) bool {
	p, ok := b.enter()
	if p == nil {
		return ok
	}
	if w.AwaitTurn(p.turn) {
		return true
	}
	b.leave(p)
	return false
}

// enter takes a request out, or returns its place in the queue.
func (b *Bucket) enter() (p *place, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(time.Now())
	switch {
	case b.tokens > 0: // nobody waits, or they would have been let through
		b.tokens--
		return nil, true
	case len(b.queue) >= int(b.settings.Backlog):
		return nil, false
	}
	p = &place{turn: make(chan struct{}, 1)}
	b.queue = append(b.queue, p)
	if len(b.queue) == 1 {
		b.schedule()
	}
	return p, true
}

// leave says that nobody waits for a turn, and gives back one that came at the same
// moment.
func (b *Bucket) leave(p *place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.left = true; slices.Contains(b.queue, p) {
		return
	}
	b.tokens = min(b.tokens+1, b.settings.Burst)
	b.serve()
}

// fill puts in what the windows that ended are due, and lets through who waits.
func (b *Bucket) fill(now time.Time) {
	window := time.Duration(b.settings.Window)
	if b.ends.IsZero() {
		b.ends = now.Add(window)
	}
	if now.Before(b.ends) {
		return
	}
	ended := now.Sub(b.ends)/window + 1
	b.ends = b.ends.Add(ended * window)
	due := uint64(ended) * uint64(b.settings.Requests)
	b.tokens = uint32(min(uint64(b.tokens)+due, uint64(b.settings.Burst)))
	if b.serve(); b.tokens == b.settings.Burst {
		b.ends = now.Add(window) // full: the request that comes now begins a window
	}
}

// serve lets through who waits, as far as there is something in the bucket.
func (b *Bucket) serve() {
	for b.tokens > 0 && len(b.queue) > 0 {
		next := b.queue[0]
		b.queue = slices.Delete(b.queue, 0, 1)
		if !next.left {
			next.turn <- struct{}{}
			b.tokens--
		}
	}
}

// schedule has the queue looked after at the end of the window.
func (b *Bucket) schedule() {
	if len(b.queue) == 0 {
		return
	}
	if b.timer == nil {
		b.timer = time.AfterFunc(time.Until(b.ends), b.expire)
		return
	}
	b.timer.Reset(time.Until(b.ends))
}

func (b *Bucket) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(time.Now())
	b.schedule()
}

// Left is what is in the bucket, and how many wait.
func (b *Bucket) Left() (tokens, waiting int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int(b.tokens), len(b.queue)
}
