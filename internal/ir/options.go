package ir

import (
	"fmt"
	"time"
)

// Options are what a user may tune on a listener. The zero value of a field
// means its default; [Options.Resolve] fills the defaults in.
type Options struct {
	// ProxyProtocol expects a PROXY protocol header, version 1 or 2, on every
	// connection and takes the client's address from it. Off by default, because
	// whoever may write the header may claim any address.
	ProxyProtocol bool `json:"proxyProtocol,omitempty"`
	// MaxConnections caps open connections of the listener; the newest are
	// refused. Default 10,000.
	MaxConnections uint32 `json:"maxConnections,omitempty"`
	// MaxConnectionsPerAddress caps open connections of one client address.
	// Default 0, no cap: many clients may share an address.
	MaxConnectionsPerAddress uint32 `json:"maxConnectionsPerAddress,omitempty"`

	// HandshakeTimeout bounds everything before the first byte of the
	// application: PROXY header, ClientHello and TLS handshake. Default 10 s.
	HandshakeTimeout Duration `json:"handshakeTimeout,omitempty"`
	// HeaderTimeout bounds the time from the first byte of a request to the end of
	// its header section; 408 after that. Default 10 s.
	HeaderTimeout Duration `json:"headerTimeout,omitempty"`
	// IdleTimeout closes a keep-alive connection without a request. Default 5 min.
	IdleTimeout Duration `json:"idleTimeout,omitempty"`
	// BodyTimeout bounds the wait for each next piece of a request body; 408 when
	// nothing was answered yet. Default 60 s.
	BodyTimeout Duration `json:"bodyTimeout,omitempty"`
	// WriteTimeout bounds the wait for a client that does not read. Default 5 min.
	WriteTimeout Duration `json:"writeTimeout,omitempty"`
	// RelayIdleTimeout closes a TCP, TLS or upgraded connection on which no byte
	// moved in either direction. Default 1 h.
	RelayIdleTimeout Duration `json:"relayIdleTimeout,omitempty"`
	// SessionIdleTimeout forgets a UDP client that neither sent nor received.
	// Default 60 s.
	SessionIdleTimeout Duration `json:"sessionIdleTimeout,omitempty"`

	// MaxHeaderBytes bounds request line and header section together; 431 (414
	// for a request line that alone is longer than a quarter of it). Default 65,536.
	MaxHeaderBytes uint32 `json:"maxHeaderBytes,omitempty"`
	// MaxHeaderFields bounds the number of header lines; 431. Default 100.
	MaxHeaderFields uint32 `json:"maxHeaderFields,omitempty"`
	// MaxBodyBytes bounds request bodies; 413. Default 0, no limit.
	MaxBodyBytes uint64 `json:"maxBodyBytes,omitempty"`
	// Paths says what happens to paths that servers read differently.
	// Default [PathReject].
	Paths PathPolicy `json:"paths,omitempty"`
	// UnderscoreHeaders says what happens to header names with an underscore,
	// which some backends read as a hyphen. Default [HeaderDrop].
	UnderscoreHeaders HeaderPolicy `json:"underscoreHeaders,omitempty"`

	// TrustedHops is how many proxies in front of this one append to
	// X-Forwarded-For. Default 0: the header is overwritten.
	TrustedHops uint32 `json:"trustedHops,omitempty"`
	// TrustedProxies are the networks (CIDR) whose X-Forwarded-* headers are
	// believed. Takes precedence over TrustedHops.
	TrustedProxies []string `json:"trustedProxies,omitempty"`

	// AccessLog switches the access log of this listener: "on", "off", or empty
	// for what the proxy was started with.
	AccessLog string `json:"accessLog,omitempty"`
}

// PathPolicy says what a listener does with a path that contains dot segments,
// whichever way they are written.
type PathPolicy string

// Path policies. Under each of them the very same bytes are matched, authorized,
// rewritten and forwarded, and control characters, raw backslashes, bytes that
// are not ASCII, percent-encoded NUL and overlong UTF-8 are refused.
const (
	// PathReject answers 400 to dot segments and keeps all else byte for byte.
	PathReject PathPolicy = "reject"
	// PathNormalise removes dot segments, merges slashes and decodes unreserved
	// characters (RFC 3986, section 6.2.2).
	PathNormalise PathPolicy = "normalise"
	// PathKeep keeps dot segments too.
	PathKeep PathPolicy = "keep"
)

// HeaderPolicy says what happens to a questionable header line.
type HeaderPolicy string

// Header policies.
const (
	HeaderDrop   HeaderPolicy = "drop"
	HeaderReject HeaderPolicy = "reject"
	HeaderAllow  HeaderPolicy = "allow"
)

// Resolve returns the options with every unset field at its default. It may be
// called on nil.
func (o *Options) Resolve() Options {
	var r Options
	if o != nil {
		r = *o
	}
	setDefault(&r.MaxConnections, 10_000)
	setDefault(&r.HandshakeTimeout, Duration(10*time.Second))
	setDefault(&r.HeaderTimeout, Duration(10*time.Second))
	setDefault(&r.IdleTimeout, Duration(5*time.Minute))
	setDefault(&r.BodyTimeout, Duration(time.Minute))
	setDefault(&r.WriteTimeout, Duration(5*time.Minute))
	setDefault(&r.RelayIdleTimeout, Duration(time.Hour))
	setDefault(&r.SessionIdleTimeout, Duration(time.Minute))
	setDefault(&r.MaxHeaderBytes, 64<<10)
	setDefault(&r.MaxHeaderFields, 100)
	setDefault(&r.Paths, PathReject)
	setDefault(&r.UnderscoreHeaders, HeaderDrop)
	return r
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Duration is a time span that is written as "1.5s" in JSON.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes Go's duration syntax.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads Go's duration syntax.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	*d = Duration(v)
	return nil
}
