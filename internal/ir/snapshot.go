package ir

// Mesh is everything the control plane knows, for all proxies.
type Mesh struct {
	Gateways  map[GatewayName]*Gateway
	Tables    map[TableName]*RouteTable
	Backends  map[BackendName]*Backend
	Endpoints map[EndpointsName]*Endpoints // leaves: an endpoint change shares everything else
	Secrets   map[SecretName]*Secret
	// Authorizations of Service ports; no snapshot has them yet.
	Authorizations map[AuthorizationName]*Authorization
	Limiters       map[LimiterName]*Limiter
}

// NewMesh returns a Mesh with no resources.
func NewMesh() *Mesh {
	return &Mesh{
		Gateways:  map[GatewayName]*Gateway{},
		Tables:    map[TableName]*RouteTable{},
		Backends:  map[BackendName]*Backend{},
		Endpoints: map[EndpointsName]*Endpoints{},
		Secrets:   map[SecretName]*Secret{},

		Authorizations: map[AuthorizationName]*Authorization{},
		Limiters:       map[LimiterName]*Limiter{},
	}
}

// Snapshot is what one proxy needs, and nothing else. Listeners are made for
// that proxy; all other resources are the Mesh's own pointers.
type Snapshot struct {
	// Version changes exactly when the content does; see [Snapshot.Seal].
	Version   string                       `json:"version"`
	Listeners []*Listener                  `json:"listeners"`
	Tables    map[TableName]*RouteTable    `json:"tables"`
	Backends  map[BackendName]*Backend     `json:"backends"`
	Endpoints map[EndpointsName]*Endpoints `json:"endpoints"`
	Secrets   map[SecretName]*Secret       `json:"secrets"`
	Limiters  map[LimiterName]*Limiter     `json:"limiters,omitempty"`
	// Resolution restricts what the names among the endpoints may resolve to; nil for
	// no restriction.
	Resolution *Resolution `json:"resolution,omitempty"`
	// Conflicts are listeners that could not be given to this proxy, for example
	// because another Gateway has the port. They are answers for the control
	// plane's own reports and do not travel.
	Conflicts []Failure `json:"-"`
}

// Failure is one resource that could not be put to work, and why. The rest is
// served all the same.
type Failure struct {
	// Resource is the name of the listener, backend, secret or table.
	Resource string `json:"resource"`
	// Origins are the user objects concerned.
	Origins []Origin `json:"origins,omitempty"`
	// Reason is stable and CamelCase: "PortUnavailable", "InvalidCertificate".
	Reason string `json:"reason"`
	// Message is for people: what was attempted, what went wrong, how to mend it.
	Message string `json:"message"`
}

// Ack is a proxy's answer to a snapshot.
type Ack struct {
	// Version is that of the snapshot.
	Version string `json:"version"`
	// Failures are the resources that could not be put to work; the rest serves.
	Failures []Failure `json:"failures,omitempty"`
	// Rejected says why the snapshot as a whole could not be used; the one before
	// stays in force then.
	Rejected string `json:"rejected,omitempty"`
}
