package ir

// RouteTable holds the routes of one hostname, in order of precedence: the first
// one that matches a request serves it. The order is part of the value; proxies
// index the table but never reorder it.
type RouteTable struct {
	Name   TableName `json:"name"`
	Routes []*Route  `json:"routes"`

	sum sum
}

// Route is one match of one rule of a user's route object. It is complete when
// made; nobody appends to it later.
type Route struct {
	Origin  Origin  `json:"origin"`
	Match   Match   `json:"match,omitzero"`
	Filters Filters `json:"filters,omitempty"`
	// Action is what happens after the filters let the request through.
	Action Action `json:"-"`

	sum sum
}

// Match is a conjunction. The zero value matches every request.
type Match struct {
	Path PathMatch `json:"path,omitzero"`
	// Method is compared with regard to case (RFC 9110, section 9.1).
	Method  string       `json:"method,omitempty"`
	Headers []ValueMatch `json:"headers,omitempty"`
	Query   []ValueMatch `json:"query,omitempty"`
}

// PathMatch selects paths. Paths are compared byte for byte, with regard to
// case, as they came over the wire.
type PathMatch struct {
	Kind PathKind `json:"kind,omitempty"`
	// Value starts with "/" for prefix and exact matches.
	Value string `json:"value,omitempty"`
}

// PathKind is how a path is compared.
type PathKind string

// Path kinds.
const (
	// PathPrefix compares whole segments: "/foo" covers "/foo" and "/foo/bar" but
	// not "/foobar". A trailing slash of the value does not count.
	PathPrefix PathKind = "prefix"
	PathExact  PathKind = "exact"
	// PathRegex is an RE2 expression that must cover the whole path.
	PathRegex PathKind = "regex"
	// PathStart compares the first bytes: "/foo" covers "/foobar" as well.
	PathStart PathKind = "start"
	// PathStartFold is PathStart without regard to case.
	PathStartFold PathKind = "startFold"
)

// ValueMatch selects header fields or query parameters.
type ValueMatch struct {
	// Name of a header is compared without, of a query parameter with regard to
	// case.
	Name string    `json:"name"`
	Kind ValueKind `json:"kind,omitempty"`
	// Value to find. Header lines of the same name count as one, joined by commas;
	// of several query parameters of the same name the first counts.
	Value string `json:"value"`
}

// ValueKind is how a value is compared.
type ValueKind string

// Value kinds.
const (
	ValueExact ValueKind = "exact"
	// ValueRegex is an RE2 expression that must cover the whole value.
	ValueRegex ValueKind = "regex"
)

// Action is the sealed sum of what a route does in the end: [*Forward] or
// [*Respond].
type Action interface{ action() }

// Forward sends the request to a backend.
type Forward struct {
	// Destinations are chosen by weight, exactly: in any run of as many requests
	// as the weights add up to, each gets its share.
	Destinations []Destination `json:"destinations"`
	// Timeout bounds the whole exchange, from the request's last header byte to
	// the response's last byte; 504. 0 means none.
	Timeout Duration `json:"timeout,omitempty"`
	// AttemptTimeout bounds each attempt at a backend; 504. 0 means none.
	AttemptTimeout Duration `json:"attemptTimeout,omitempty"`
	// ReadTimeout bounds the wait for the response head, for each next piece of the
	// response, and for any byte after an upgrade; 504 while nothing was answered.
	// 0 means the defaults.
	ReadTimeout Duration `json:"readTimeout,omitempty"`
	// Retry is nil for the default: only where a connection could not be made.
	Retry *Retry `json:"retry,omitempty"`
}

// Destination is one weighted choice.
type Destination struct {
	Backend BackendName `json:"backend,omitempty"`
	Weight  uint32      `json:"weight"`
	Filters Filters     `json:"filters,omitempty"`
	// Failure, in place of Backend, is a reference that does not resolve. Its
	// share of the requests gets status 500 with the reason; its connections are
	// closed.
	Failure *Respond `json:"failure,omitempty"`
}

// Respond answers without a backend.
type Respond struct {
	Status uint16 `json:"status"`
	// Reason is the stable short word of docs/reasons.md.
	Reason string `json:"reason"`
	// Message is for people and is not sent to clients.
	Message string `json:"message,omitempty"`
}

func (*Forward) action() {}
func (*Respond) action() {}

// Retry says when an attempt is repeated. Requests whose body could not be kept
// (see docs/limits.md) are not retried once the body was sent.
type Retry struct {
	// Attempts is how many times to retry, not counting the first attempt. 0
	// switches retries off.
	Attempts uint32 `json:"attempts"`
	// Codes are response statuses to retry on. Connection failures are always
	// retried.
	Codes []uint16 `json:"codes,omitempty"`
	// Classes are first digits of response statuses to retry on: 5 is 500 to 599.
	Classes []uint16 `json:"classes,omitempty"`
	// Backoff is the least wait before a retry. 0 means none.
	Backoff Duration `json:"backoff,omitempty"`
	// Spread is the unit of a random wait that comes on top: up to 2ⁿ-1 times as
	// long before the n-th retry, and at most ten times. 0 means none.
	Spread Duration `json:"spread,omitempty"`
	// AttemptTimeout bounds each attempt. 0 means none.
	AttemptTimeout Duration `json:"attemptTimeout,omitempty"`
}
