package explain

// Explanation is a decision and what led to it, in the order of the decision.
// What was not come to is left out.
type Explanation struct {
	Request  string    `json:"request"`
	Listener *Listener `json:"listener,omitempty"`
	Host     *Host     `json:"host,omitempty"`
	// Tables that were looked at, the last one as far as its first match.
	Tables  []Table  `json:"tables,omitempty"`
	Filters []Filter `json:"filters,omitempty"`
	// Destinations the request may go to.
	Destinations []Destination `json:"destinations,omitempty"`
	Answer       Answer        `json:"answer"`
	// Hints are routes that match the request and do not get it.
	Hints []Hint `json:"hints,omitempty"`
	// Conditions are what else there is to know about the objects concerned.
	Conditions []Condition `json:"conditions,omitempty"`
}

// Object is a user object, or a part of one.
type Object struct {
	Name string `json:"name"`
	// At is where it stands: "routes.yaml:12".
	At string `json:"at,omitempty"`
}

// Listener is the socket and the chain that take the connection.
type Listener struct {
	Socket string `json:"socket"`
	// Protocol is what the chain makes of the connection.
	Protocol string `json:"protocol"`
	// ServerName is the hostname of the chain, for TLS.
	ServerName string `json:"serverName,omitempty"`
	// Certificates to choose from, when TLS ends here.
	Certificates []string `json:"certificates,omitempty"`
	// ClientCertificate is "required" or "optional"; empty when none is asked for.
	ClientCertificate string `json:"clientCertificate,omitempty"`
	// Guard is what policies demand of connections.
	Guard string `json:"guard,omitempty"`
	// Objects are the Gateway listeners that share the socket.
	Objects []Object `json:"objects"`
}

// Host is the Gateway listener that the Host header leads to.
type Host struct {
	Name string `json:"name"`
	// Hostname of the listener; "*" for any.
	Hostname string `json:"hostname"`
	Object   Object `json:"object"`
}

// Table holds the routes of one hostname.
type Table struct {
	Hostname string      `json:"hostname"`
	Routes   []Candidate `json:"routes"`
}

// Candidate is a route that was looked at.
type Candidate struct {
	Object Object `json:"object"`
	Match  string `json:"match"`
	// Why says why the route does not match; empty when it does.
	Why string `json:"why,omitempty"`
}

// Filter is a filter and what it does to this request.
type Filter struct {
	Filter  string   `json:"filter"`
	Effects []string `json:"effects,omitempty"`
}

// Destination is one of the backends that have their turn.
type Destination struct {
	Weight uint32 `json:"weight"`
	// Of is the sum of all weights.
	Of      uint64   `json:"of"`
	Backend string   `json:"backend,omitempty"`
	Object  *Object  `json:"object,omitempty"`
	Filters []Filter `json:"filters,omitempty"`
	// Sent is the request line and host that the backend gets.
	Sent string `json:"sent,omitempty"`
	// TLS towards the backend; empty for plaintext.
	TLS string `json:"tls,omitempty"`
	// Policies of the backend: what they say, and which they are.
	Policies  string   `json:"policies,omitempty"`
	Endpoints []string `json:"endpoints,omitempty"`
	// Answer is given in place of the backend's, when it cannot be asked.
	Answer *Answer `json:"answer,omitempty"`
}

// Answer is what the client gets.
type Answer struct {
	From From `json:"from"`
	// Status of the proxy's own answers.
	Status int `json:"status,omitempty"`
	// GRPCStatus is theirs to a gRPC call, whose Status says nothing.
	GRPCStatus *GRPCStatus `json:"grpcStatus,omitempty"`
	// Reason is the word of docs/reasons.md.
	Reason  string   `json:"reason,omitempty"`
	Message string   `json:"message,omitempty"`
	Headers []string `json:"headers,omitempty"`

	grpc int // status code to answer calls with; 0 for what follows from the rest
}

// GRPCStatus is a status code of gRPC.
type GRPCStatus struct {
	Code int    `json:"code"`
	Name string `json:"name"`
}

// From is who answers.
type From string

// Who may answer.
const (
	FromBackend From = "backend"
	FromProxy   From = "proxy"
	// FromNobody: the connection is refused, or closed without an answer.
	FromNobody From = "nobody"
)

// Hint is a route that matches and does not get the request.
type Hint struct {
	Object Object `json:"object"`
	Why    string `json:"why"`
}

// Condition is something out of order about an object, or a warning.
type Condition struct {
	Object Object `json:"object"`
	Text   string `json:"text"`
}
