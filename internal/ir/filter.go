package ir

// Filter is the sealed sum of what may happen to a request and its response.
// Filters run in the order they stand in for requests and backwards for
// responses.
type Filter interface{ filter() }

// RequestHeaders changes the request's header section. Names are compared
// without regard to case. "Host" stands for the authority.
type RequestHeaders HeaderChange

// ResponseHeaders changes the response's header section.
type ResponseHeaders HeaderChange

// HeaderChange is applied in the order Set, Add, Remove.
type HeaderChange struct {
	// Set replaces every line of the name by one.
	Set []HeaderField `json:"set,omitempty"`
	// Add appends to the value of the name, after a comma, or makes a new line.
	Add    []HeaderField `json:"add,omitempty"`
	Remove []string      `json:"remove,omitempty"`
}

// HeaderField is a header line.
type HeaderField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Rewrite changes where the request goes on the backend.
type Rewrite struct {
	// Hostname replaces the authority, port included. Empty leaves it.
	Hostname string `json:"hostname,omitempty"`
	// Path is nil to leave the path. The query is always kept.
	Path *PathRewrite `json:"path,omitempty"`
}

// PathRewrite makes a new path.
type PathRewrite struct {
	Kind PathRewriteKind `json:"kind"`
	// Value is the new path, or the new prefix. In it "$1" stands for a group of
	// Pattern, "$&" for all that it found and "$$" for a dollar.
	Value string `json:"value"`
	// Pattern is the RE2 expression of [ReplaceMatch].
	Pattern string `json:"pattern,omitempty"`
	// Query lets Pattern see the query too, after a "?".
	Query bool `json:"query,omitempty"`
}

// PathRewriteKind is how a new path is made.
type PathRewriteKind string

// Path rewrite kinds.
const (
	ReplaceFullPath PathRewriteKind = "full"
	// ReplacePrefix replaces the prefix that the route matched.
	ReplacePrefix PathRewriteKind = "prefix"
	// ReplaceMatch replaces the first thing that Pattern finds, anywhere in the
	// path. A path without one stays as it is.
	ReplaceMatch PathRewriteKind = "match"
)

// Redirect answers with a Location and ends the request.
type Redirect struct {
	// Scheme, Hostname: empty keeps the request's.
	Scheme   string `json:"scheme,omitempty"`
	Hostname string `json:"hostname,omitempty"`
	// Port 0 follows the Gateway API: the scheme's well-known port when Scheme is
	// set, else the listener's. Well-known ports are not written.
	Port uint16       `json:"port,omitempty"`
	Path *PathRewrite `json:"path,omitempty"`
	// Status is 301, 302, 303, 307 or 308.
	Status uint16 `json:"status"`
}

// Mirror sends a copy of the request elsewhere and ignores the answer.
type Mirror struct {
	Backend BackendName `json:"backend"`
	// Numerator of Denominator requests are mirrored, chosen at random.
	Numerator   uint32 `json:"numerator"`
	Denominator uint32 `json:"denominator"`
}

// CORS answers preflight requests and marks responses (Fetch standard).
type CORS struct {
	// AllowOrigins are "*", exact origins, or origins whose host starts with "*.",
	// which covers one or more labels.
	AllowOrigins  []string `json:"allowOrigins,omitempty"`
	AllowMethods  []string `json:"allowMethods,omitempty"`
	AllowHeaders  []string `json:"allowHeaders,omitempty"`
	ExposeHeaders []string `json:"exposeHeaders,omitempty"`
	// MaxAge of a preflight answer in seconds.
	MaxAge           uint32 `json:"maxAge,omitempty"`
	AllowCredentials bool   `json:"allowCredentials,omitempty"`
}

// BodyLimit refuses requests with larger bodies; 413.
type BodyLimit struct {
	Bytes uint64 `json:"bytes"`
}

func (*RequestHeaders) filter()  {}
func (*ResponseHeaders) filter() {}
func (*Rewrite) filter()         {}
func (*Redirect) filter()        {}
func (*Mirror) filter()          {}
func (*CORS) filter()            {}
func (*BodyLimit) filter()       {}
