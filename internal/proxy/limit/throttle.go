package limit

import (
	"sync"
	"sync/atomic"
	"time"

	"fsm/internal/ir"
)

// Throttle spreads bytes over time, for all who share it.
type Throttle struct {
	rate atomic.Uint64 // bytes per second; 0 for no limit

	mu sync.Mutex
	// free is when the bytes that were let through are paid for.
	free time.Time
}

// piecesPerSecond is how finely bytes are spread.
const piecesPerSecond = 20

// Set changes the rate; 0 takes the limit away.
func (t *Throttle) Set(bytesPerSecond uint64) { t.rate.Store(bytesPerSecond) }

// Piece is how many bytes to move at a time, 0 when there is no limit.
func (t *Throttle) Piece() int {
	rate := t.rate.Load()
	if rate == 0 {
		return 0
	}
	const most = 1 << 20
	return int(min(max(rate/piecesPerSecond, 1), most))
}

// Wait lets so many bytes pass when it is their time. Bytes are paid for before they
// pass, so that the last ones of a message take their time as well.
func (t *Throttle) Wait(n int) { time.Sleep(t.reserve(n)) }

func (t *Throttle) reserve(n int) time.Duration {
	rate := t.rate.Load()
	if rate == 0 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.free.Before(now) {
		t.free = now
	}
	t.free = t.free.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	return t.free.Sub(now)
}

// Port is what the connections of a port share.
type Port struct{ In, Out Throttle }

// Set changes the rate of both directions; nil takes the limit away.
func (p *Port) Set(r *ir.PortRate) {
	var rate uint64
	if r != nil {
		rate = r.BytesPerSecond
	}
	p.In.Set(rate)
	p.Out.Set(rate)
}
