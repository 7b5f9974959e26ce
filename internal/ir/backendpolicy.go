package ir

// Balancing is how a backend chooses the endpoint of a request.
type Balancing struct {
	Kind BalancingKind `json:"kind"`
	// Header is what [BalanceHash] hashes; empty, or missing in a request, means
	// the client's address.
	Header string `json:"header,omitempty"`
}

// BalancingKind is a way to choose an endpoint.
type BalancingKind string

// Balancing kinds. Empty is round robin.
const (
	// BalanceRoundRobin takes endpoints in turn, strictly, each as often as its
	// weight says and spread out as evenly as can be.
	BalanceRoundRobin BalancingKind = ""
	// BalanceHash sends what hashes to the same value to the same endpoint. When an
	// endpoint is lost only what it had moves.
	BalanceHash BalancingKind = "hash"
	// BalanceLeast takes the endpoint with the fewest requests and relayed
	// connections under way, by weight.
	BalanceLeast BalancingKind = "least"
)

// Session keeps a client, by a cookie, at the endpoint that first served it, for
// as long as that endpoint can be used.
type Session struct {
	Cookie string `json:"cookie"`
	// Lifetime of the cookie; with 0 it is the client's until that is closed.
	Lifetime Duration `json:"lifetime,omitempty"`
	// Path, Domain and SameSite are attributes of the cookie (RFC 6265, section 4.1.2).
	// The path is "/" if empty.
	Path     string `json:"path,omitempty"`
	Domain   string `json:"domain,omitempty"`
	SameSite string `json:"sameSite,omitempty"`
	// Secure marks the cookie as such even without TLS.
	Secure bool `json:"secure,omitempty"`
	// Key is the secret whose Key field the cookies are made with; proxies that
	// share it accept each other's. Empty, or missing, means a key that this proxy
	// process made for itself.
	Key SecretName `json:"key,omitempty"`
}

// HealthCheck asks endpoints, again and again, whether they are fit to serve.
// Those that are not are left out.
type HealthCheck struct {
	// Path of a GET request. Empty only connects.
	Path     string   `json:"path,omitempty"`
	Interval Duration `json:"interval"`
	// Timeout of one check. Default is the interval, at most 5 s.
	Timeout Duration `json:"timeout,omitempty"`
	// Failures in a row that make an endpoint unhealthy. 0 counts as 1.
	Failures uint32 `json:"failures,omitempty"`
	// Holdoff is how long an unhealthy endpoint stays out at least. After it, one
	// check that succeeds brings the endpoint back.
	Holdoff Duration `json:"holdoff,omitempty"`
	// Matches are what a good answer looks like; one of them is enough. With none,
	// any status below 400 is good.
	Matches []HealthMatch `json:"matches,omitempty"`
}

// HealthMatch describes an answer; all that is set must hold.
type HealthMatch struct {
	Codes []uint16 `json:"codes,omitempty"`
	// Body is the whole body.
	Body    string        `json:"body,omitempty"`
	Headers []HeaderField `json:"headers,omitempty"`
}

// Breaker stops sending requests to a backend that fails or is slow. It counts
// in windows; when a threshold is reached it answers in the backend's place for a
// while, and then begins to count anew.
type Breaker struct {
	// Window is the length of a window.
	Window Duration `json:"window"`
	// MinRequests is how many requests of a window there must be before a ratio
	// means anything.
	MinRequests uint32 `json:"minRequests,omitempty"`
	// SlowTime makes a request slow that takes as long until its answer begins. 0
	// means that none is.
	SlowTime Duration `json:"slowTime,omitempty"`
	// Slow and Errors are the thresholds. An error is an answer of status 500 and
	// above, and no answer.
	Slow   Threshold `json:"slow,omitzero"`
	Errors Threshold `json:"errors,omitzero"`
	// Open is how long the breaker answers.
	Open Duration `json:"open"`
	// Status and Body are that answer.
	Status uint16 `json:"status"`
	Body   string `json:"body,omitempty"`
}

// Threshold is reached by as many requests of a window as Count, or by as large a
// part of them as Ratio. 0 is never reached.
type Threshold struct {
	Count uint32  `json:"count,omitempty"`
	Ratio float64 `json:"ratio,omitempty"`
}

// Outliers leaves endpoints out that requests fail at: connections that cannot be
// made or that end without an answer. Answers do not count, whatever their
// status. At most half of the endpoints are left out.
type Outliers struct {
	// Failures in a row. Default 5.
	Failures uint32 `json:"failures,omitempty"`
	// Ejection is for how long, times the number of ejections in a row. Default
	// 10 s.
	Ejection Duration `json:"ejection,omitempty"`
	// Off switches this off.
	Off bool `json:"off,omitempty"`
}

// Connects is the same check without a request, for endpoints that are sent bytes
// which are not the proxy's own. Nil stays nil.
func (h *HealthCheck) Connects() *HealthCheck {
	if h == nil || h.Path == "" {
		return h
	}
	c := *h
	c.Path, c.Matches = "", nil
	return &c
}
