package ir

import "net/netip"

// Network of a listener's socket.
type Network string

// Networks that a listener can have.
const (
	TCP Network = "tcp"
	UDP Network = "udp"
)

// Listener is one socket of one proxy.
type Listener struct {
	Name    ListenerName `json:"name"`
	Network Network      `json:"network"`
	// Address is the IP address to bind; empty means all of them.
	Address string `json:"address"`
	Port    uint16 `json:"port"`
	// Advertised is the port that clients use, where it differs from Port because
	// the proxy may not bind low ports. 0 means Port.
	Advertised uint16 `json:"advertised,omitempty"`
	// Origins are the Gateway listeners that share this socket.
	Origins []Origin `json:"origins"`
	// Options of the socket and its connections; nil means the defaults.
	Options *Options `json:"options,omitempty"`
	// Guard comes before everything else; nil for none.
	Guard *Guard `json:"guard,omitempty"`
	// Chains are tried by server name, most specific first. A connection that no
	// chain matches is closed.
	Chains []*Chain `json:"chains"`
}

// privilegedPorts need a privilege that proxies in pods do not have; they listen
// podOffset above.
const (
	privilegedPorts = 1024
	podOffset       = 60000
)

// Ports that a proxy in a pod has for itself: its admin interface, and what tells the
// kubelet whether it is ready.
const (
	adminPort  = 15000
	HealthPort = 15021
	// ownOffset is how far above these a listener goes that has one of them.
	ownOffset = 50000
)

// PodPort is where a proxy in a pod listens for what comes to a port: the Service
// in front translates.
func PodPort(port uint16) uint16 {
	switch {
	case port < privilegedPorts:
		return port + podOffset
	case port == adminPort, port == HealthPort:
		return port + ownOffset
	}
	return port
}

// AdvertisedPort is the port that clients see.
func (l *Listener) AdvertisedPort() uint16 {
	if l.Advertised != 0 {
		return l.Advertised
	}
	return l.Port
}

// Chain is what happens to the connections of a listener that match.
type Chain struct {
	// Name is unique within the listener and stable over edits; connections stay
	// with the chain of this name when its content changes.
	Name   string     `json:"name"`
	Origin Origin     `json:"origin"`
	Match  ChainMatch `json:"match,omitzero"`
	// TLS terminates TLS before what follows; nil leaves the bytes as they are.
	TLS *ServerTLS `json:"tls,omitempty"`
	// HTTP or Relay, exactly one.
	HTTP  *HTTPChain  `json:"http,omitempty"`
	Relay *RelayChain `json:"relay,omitempty"`
}

// ChainMatch selects connections by what is known before any of the chain's own
// bytes are used.
type ChainMatch struct {
	// TLS is set for chains that need a ClientHello, whether they terminate TLS
	// or pass it through.
	TLS bool `json:"tls,omitempty"`
	// ServerName is an exact SNI name, a "*." wildcard, or empty for any,
	// including none at all.
	ServerName string `json:"serverName,omitempty"`
}

// HTTPChain serves HTTP on a connection.
type HTTPChain struct {
	// VirtualHosts are the listeners that share the connection. A request is
	// served by the one whose hostname is the most specific for its Host, and by
	// no other (listener isolation).
	VirtualHosts []VirtualHost `json:"virtualHosts"`
	// Elsewhere are the hostnames that belong to other TLS listeners of the same
	// port, the empty one if a listener takes any name. Of all hostnames that cover
	// a request's name the most specific one owns it; if that is one of these the
	// request is misdirected (421).
	Elsewhere []string `json:"elsewhere,omitempty"`
}

// VirtualHost is the HTTP side of one Gateway listener.
type VirtualHost struct {
	Origin Origin `json:"origin"`
	// Hostname is exact, a "*." wildcard, or empty for any.
	Hostname string `json:"hostname,omitempty"`
	// Hosts are route tables, most specific hostname first. When the first table
	// that fits has no route for a request the next one is tried.
	Hosts []Host `json:"hosts"`
}

// Host names the route table for a hostname.
type Host struct {
	// Hostname is exact, a "*." wildcard, or empty for any.
	Hostname string    `json:"hostname,omitempty"`
	Table    TableName `json:"table"`
}

// RelayChain forwards bytes, or datagrams, without reading them.
type RelayChain struct {
	Route *RelayRoute `json:"route"`
	// Sources are the networks that clients may be in; empty means all.
	Sources []netip.Prefix `json:"sources,omitempty"`
}

// RelayRoute is the single rule of a TCP, UDP or TLS route.
type RelayRoute struct {
	Origin Origin `json:"origin"`
	// ServerName selects TLS connections: exact, "*." wildcard, or empty for any.
	ServerName string `json:"serverName,omitempty"`
	// Destinations are chosen by weight, for each connection or UDP session.
	Destinations []Destination `json:"destinations"`
}

// ServerTLS terminates TLS towards clients.
type ServerTLS struct {
	// Certificates to choose from by server name, matching both subject
	// alternative names and the common name. The first is used where none fits.
	Certificates []SecretName `json:"certificates"`
	// Clients, when set, asks clients for a certificate.
	Clients *ClientValidation `json:"clients,omitempty"`
	// ALPN lists the protocols offered, most wanted first.
	ALPN []string `json:"alpn,omitempty"`
}

// ClientValidation checks the certificates of clients.
type ClientValidation struct {
	Authorities []SecretName `json:"authorities"`
	// Optional asks for a certificate but lets through clients that have none, or
	// one that does not verify. It is the Gateway API's AllowInsecureFallback.
	Optional bool `json:"optional,omitempty"`
}
