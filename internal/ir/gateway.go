package ir

import "time"

// Gateway is one Gateway object with everything attached to it.
type Gateway struct {
	Name   GatewayName
	Origin Origin
	// With is another gateway whose proxies serve this one as well: the two share
	// ports. Empty for a gateway with proxies of its own.
	With GatewayName
	// Created decides who keeps a port that several Gateways want: the oldest.
	Created time.Time
	// Addresses are the IP addresses that the user asked for; empty means the
	// proxy's own.
	Addresses []string
	// Listeners in order of precedence: the Gateway's own, then those of its
	// ListenerSets. Only listeners that may serve are here.
	Listeners []*GatewayListener
}

// GatewayListener is one listener of a Gateway or of a ListenerSet, before
// listeners that share a port are brought together by the projection.
type GatewayListener struct {
	// Name is unique within the Gateway: the listener's own name, prefixed with
	// "namespace/set/" when it comes from a ListenerSet.
	Name   string
	Origin Origin
	Port   uint16
	// Bind is the port to listen on where it is another than Port, because
	// something in front translates. 0 leaves it to the proxy.
	Bind     uint16
	Protocol Protocol
	// Hostname is exact, a "*." wildcard, or empty for any.
	Hostname string
	// TLS terminates TLS; nil for plaintext and for passthrough.
	TLS *ServerTLS
	// Hosts are the route tables of an HTTP or HTTPS listener, most specific
	// hostname first.
	Hosts []Host
	// Relays are the routes of a TLS, TCP or UDP listener, most specific first.
	Relays []*RelayRoute
	// Options of the connection and of HTTP; nil means the defaults.
	Options *Options
	// Guard is that of the port; nil for none.
	Guard *Guard
}

// Protocol of a Gateway listener.
type Protocol string

// Protocols that a Gateway listener can have.
const (
	ProtocolHTTP  Protocol = "HTTP"
	ProtocolHTTPS Protocol = "HTTPS"
	ProtocolTLS   Protocol = "TLS"
	ProtocolTCP   Protocol = "TCP"
	ProtocolUDP   Protocol = "UDP"
)
