package upstream

import (
	"math/rand/v2"
	"time"

	"fsm/internal/ir"
)

// Retries is a compiled ir.Retry, of a route or of a backend.
type Retries struct {
	// Attempts is how many there may be besides the first.
	Attempts int
	// AttemptTimeout bounds each; 0 for none.
	AttemptTimeout int64

	backoff, spread time.Duration
	// statuses has a bit for each status from 0 to 1023 to retry on.
	statuses [16]uint64
}

// NewRetries compiles a retry policy; nil stays nil.
func NewRetries(r *ir.Retry) *Retries {
	if r == nil {
		return nil
	}
	c := &Retries{
		Attempts: int(r.Attempts), AttemptTimeout: int64(r.AttemptTimeout),
		backoff: time.Duration(r.Backoff), spread: time.Duration(r.Spread),
	}
	for _, code := range r.Codes {
		c.add(int(code))
	}
	for _, class := range r.Classes {
		for code := range 100 {
			c.add(int(class)*100 + code)
		}
	}
	return c
}

func (r *Retries) add(status int) {
	if status>>6 < len(r.statuses) {
		r.statuses[status>>6] |= 1 << (status & 63)
	}
}

// On reports whether an answer of that status is worth another attempt.
func (r *Retries) On(status int) bool {
	return status >= 0 && status>>6 < len(r.statuses) && r.statuses[status>>6]&(1<<(status&63)) != 0
}

// maxSpread is the longest random wait, in units.
const maxSpread = 10

// Wait is how long to wait before the n-th retry, counted from 1.
func (r *Retries) Wait(n int) time.Duration {
	if r.spread <= 0 {
		return r.backoff
	}
	units := maxSpread
	if n < 4 { // 2⁴-1 is beyond the longest
		units = min(1<<n-1, maxSpread)
	}
	return r.backoff + rand.N(time.Duration(units)*r.spread+1)
}
