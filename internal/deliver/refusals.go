package deliver

import (
	"sync"
	"time"
)

// refusals says which of the many requests that fail are worth a line in the log. A
// proxy whose Gateway is gone asks for certificates until it ends, and anybody can
// send tokens.
type refusals struct {
	mu    sync.Mutex
	since time.Time
	said  map[string]struct{}
}

const (
	// quiet is the time in which the same is said once.
	quiet = time.Minute
	// mostSaid bounds what is said, and remembered, in that time.
	mostSaid = 500
)

// news reports whether something was not said for some time.
func (r *refusals) news(what string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said == nil || now.Sub(r.since) >= quiet {
		r.since, r.said = now, map[string]struct{}{}
	}
	if _, again := r.said[what]; again || len(r.said) >= mostSaid {
		return false
	}
	r.said[what] = struct{}{}
	return true
}
