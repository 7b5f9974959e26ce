package ir

// LimiterName is the policy that a bucket comes from, and the part of its target:
// "RateLimitPolicy/namespace/name hostname foo.example.com".
type LimiterName string

// Limiter is a bucket of requests that all routes share which name it. It holds Burst
// at first; at the end of each Window, Requests are put into it in one step. A request
// takes one out, or waits for the end of the window in a queue of Backlog.
type Limiter struct {
	Name     LimiterName `json:"name"`
	Origin   Origin      `json:"origin"`
	Requests uint32      `json:"requests"`
	Burst    uint32      `json:"burst"`
	Window   Duration    `json:"window"`
	Backlog  uint32      `json:"backlog"`

	sum sum
}

// Hash is the limiter's content hash, as for tables.
func (l *Limiter) Hash() string { return l.sum.String() }
