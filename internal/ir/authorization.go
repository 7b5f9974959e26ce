package ir

// Authorization says who may send to ports of a Service from outside the mesh.
// Peers of the mesh itself are not its business. Nobody enforces it yet: sidecars
// will.
type Authorization struct {
	Name   AuthorizationName `json:"name"`
	Origin Origin            `json:"origin"`
	// Service is "namespace/name".
	Service string `json:"service"`
	// Port is that of the pods.
	Port uint16 `json:"port"`
	// TLS of what is let in; nil is plaintext.
	TLS *AuthorizedTLS `json:"tls,omitempty"`
	// Sources whose addresses may send. Empty means any address, which there is
	// only with TLS.
	Sources []AddressSource `json:"sources,omitempty"`
}

// AuthorizationName is "namespace/service:port".
type AuthorizationName string

// AuthorizedTLS is TLS towards those who are let in, on top of Sources.
type AuthorizedTLS struct {
	// Principals are names of which a client's certificate must carry one. Any is
	// in their place where certificates are not asked for.
	Principals []string `json:"principals,omitempty"`
	Any        bool     `json:"any,omitempty"`
	// ServerNames that clients may ask for; empty means all.
	ServerNames []string `json:"serverNames,omitempty"`
}

// AddressSource is one of two: a network, or all addresses of some endpoints.
type AddressSource struct {
	// Network is a CIDR.
	Network string `json:"network,omitempty"`
	// Endpoints are named and not copied, so that they may change alone.
	Endpoints EndpointsName `json:"endpoints,omitempty"`
}

// FormatAuthorization writes an authorization on one line.
func FormatAuthorization(a *Authorization) string {
	s := "allow  " + string(a.Name)
	if a.TLS != nil {
		s += "  tls"
		if a.TLS.Any {
			s += " any certificate or none"
		}
		for _, p := range a.TLS.Principals {
			s += " principal=" + p
		}
		for _, n := range a.TLS.ServerNames {
			s += " sni=" + n
		}
	}
	for _, source := range a.Sources {
		s += "  from " + source.Network + string(source.Endpoints)
	}
	return s + "  (" + a.Origin.String() + ")"
}
