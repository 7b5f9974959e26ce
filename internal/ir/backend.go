package ir

// Backend is where requests go: endpoints, and how to talk to them. The same
// endpoints may stand behind several backends.
type Backend struct {
	Name      BackendName     `json:"name"`
	Origin    Origin          `json:"origin"`
	Endpoints EndpointsName   `json:"endpoints"`
	Protocol  BackendProtocol `json:"protocol,omitempty"`
	// TLS towards the endpoints; nil is plaintext.
	TLS *BackendTLS `json:"tls,omitempty"`
	// Failure, when set, answers every request in place of the endpoints, for
	// example because the certificate authorities of its TLS policy are missing.
	Failure *Respond `json:"failure,omitempty"`
	// ConnectTimeout bounds making a connection, TLS included. Default 5 s.
	ConnectTimeout Duration `json:"connectTimeout,omitempty"`
	// Balancing is nil for round robin.
	Balancing *Balancing `json:"balancing,omitempty"`
	// Session is nil when requests of the same client have nothing in common.
	Session *Session `json:"session,omitempty"`
	// Health is nil when endpoints are not checked.
	Health *HealthCheck `json:"health,omitempty"`
	// Outliers is nil for its defaults.
	Outliers *Outliers `json:"outliers,omitempty"`
	// Breaker is nil when there is none.
	Breaker *Breaker `json:"breaker,omitempty"`
	// Retry is for routes that have none of their own.
	Retry *Retry `json:"retry,omitempty"`
	// Policies are the user's objects that say so.
	Policies []Origin `json:"policies,omitempty"`

	sum sum
}

// BackendProtocol is what a backend speaks.
type BackendProtocol string

// Backend protocols. Empty means HTTP/1.1 for requests and bytes for relays.
const (
	BackendHTTP1 BackendProtocol = ""
	// BackendH2C is HTTP/2 without TLS and without asking first.
	BackendH2C BackendProtocol = "h2c"
	// BackendHTTP2 is HTTP/2 over TLS, agreed on by ALPN.
	BackendHTTP2 BackendProtocol = "h2"
	// BackendWebSocket is HTTP/1.1 that is known to upgrade.
	BackendWebSocket BackendProtocol = "ws"
)

// BackendTLS is TLS from the proxy to a backend.
type BackendTLS struct {
	// ServerName is sent as SNI and, unless SubjectAltNames says otherwise, is the
	// name that the certificate must carry.
	ServerName string `json:"serverName,omitempty"`
	// Authorities that may have signed the certificate.
	Authorities []SecretName `json:"authorities,omitempty"`
	// SystemAuthorities trusts the operating system's authorities.
	SystemAuthorities bool `json:"systemAuthorities,omitempty"`
	// SkipVerification takes any certificate. The connection is kept from listeners
	// but not from impostors.
	SkipVerification bool `json:"skipVerification,omitempty"`
	// SubjectAltNames, when set, are compared in place of ServerName; one match is
	// enough.
	SubjectAltNames []SubjectAltName `json:"subjectAltNames,omitempty"`
	// Certificate to show to the backend; empty for none.
	Certificate SecretName `json:"certificate,omitempty"`
}

// SubjectAltName is one name in a certificate; one field is set.
type SubjectAltName struct {
	DNS string `json:"dns,omitempty"`
	URI string `json:"uri,omitempty"`
}

// Endpoints are the addresses of one Service port, or one DNS name.
type Endpoints struct {
	Name   EndpointsName `json:"name"`
	Origin Origin        `json:"origin"`
	Items  []Endpoint    `json:"items"`

	sum sum
}

// Endpoint is one address.
type Endpoint struct {
	// Address is an IP address, or a DNS name that the proxy resolves, again and
	// again.
	Address string `json:"address"`
	Port    uint16 `json:"port"`
	// Weight is its share of the requests. 0 counts as 1.
	Weight uint32 `json:"weight,omitempty"`
}
