package ir

import "net/netip"

// LimiterName is the object that a limiter comes from, and the part of it or of its
// target: "RateLimitPolicy/namespace/name hostname foo.example.com".
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
	// Clients, in place of the bucket, counts for each client by itself.
	Clients *ClientLimits `json:"clients,omitempty"`

	sum sum
}

// ClientLimits are what one client may do. All of them hold, and a request that one of
// them refuses counts for none.
type ClientLimits struct {
	PerSecond ClientRate `json:"perSecond,omitzero"`
	PerMinute ClientRate `json:"perMinute,omitzero"`
	// Concurrent is how many requests of a client may be under way; 0 is no limit.
	Concurrent uint32 `json:"concurrent,omitempty"`
	// Exempt are clients that are not counted.
	Exempt []netip.Prefix `json:"exempt,omitempty"`
}

// ClientRate lets Requests pass in each unit of time, spread evenly, and Burst of them
// ahead of their time. Zero Requests are no limit.
type ClientRate struct {
	Requests uint32 `json:"requests"`
	Burst    uint32 `json:"burst"`
}

// Exempts tells whether a client is not counted.
func (c *ClientLimits) Exempts(client netip.Addr) bool { return contains(c.Exempt, client.Unmap()) }

// Hash is the limiter's content hash, as for tables.
func (l *Limiter) Hash() string { return l.sum.String() }
