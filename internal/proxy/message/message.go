package message

import (
	"crypto/tls"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Lengths of a body that are not a number of bytes.
const (
	// NoBody: the message has no body, not even an empty one.
	NoBody int64 = -2
	// UnknownLength: the body ends where its framing says.
	UnknownLength int64 = -1
)

// Request is the head of a request and its body.
type Request struct {
	// Method, with regard to case.
	Method []byte
	// Authority is the host, with the port where the client wrote one.
	Authority []byte
	// Path as it came, percent-encoding included; "*" for OPTIONS *.
	Path []byte
	// Query is what follows "?". Nil when there is no "?".
	Query  []byte
	Header Header
	// Length of the body: a number of bytes, NoBody or UnknownLength.
	Length int64
	// Body is nil when Length is NoBody or 0.
	Body Body
	// Upgrade is the protocol that the client wants to switch to, or nil. The
	// body is then a stream of bytes that begins after the switch.
	Upgrade []byte
	// Expects100 is set when the client waits for a 100 before it sends the body.
	Expects100 bool
	// Trailers is set when the client accepts trailers.
	Trailers bool
}

// Forget drops everything that the request leased.
func (r *Request) Forget() {
	r.Method, r.Authority, r.Path, r.Query, r.Upgrade, r.Body = nil, nil, nil, nil, nil, nil
	r.Header.Reset(nil)
}

// Response is the head of a response and its body.
type Response struct {
	Status int
	Header Header
	// Length of the body: a number of bytes, NoBody or UnknownLength. For the
	// answer to a HEAD it is what the backend said the length would be.
	Length int64
	// Body is nil when there is none.
	Body Body
	// Upgraded is set on a 101: both bodies are streams of bytes from here on.
	Upgraded bool
}

// Body is a stream of content. A body has one reader.
type Body interface {
	// Next returns the next piece, valid until the following call. It returns
	// io.EOF after the last one, and a *Reply when the sender broke the framing
	// or went away. A piece is not empty.
	Next() ([]byte, error)
	// Ready reports whether Next would return without waiting.
	Ready() bool
	// Cancel makes a Next that waits in another goroutine fail, and every later
	// one. The sender's connection is of no further use.
	Cancel()
	// Trailer is the trailer section, once Next returned io.EOF; nil if none.
	Trailer() *Header
}

// Connection is what is known about the connection that carries requests. It is
// made once per connection and shared by its exchanges.
type Connection struct {
	// Remote is the peer, or what a trusted PROXY header says it is.
	Remote netip.AddrPort
	Local  netip.AddrPort
	// RemoteText is the remote address without port, as it is written.
	RemoteText []byte
	// Port that clients used: the listener's advertised port.
	Port uint16
	// Secure is set when TLS was terminated here.
	Secure bool
	// TLS is the state after the handshake; nil on plain connections.
	TLS *tls.ConnectionState
}

// Scheme is "http" or "https".
func (c *Connection) Scheme() string {
	if c.Secure {
		return "https"
	}
	return "http"
}

// Downstream is the side of an exchange that talks to the client; a codec's
// server connection implements it.
type Downstream interface {
	// Inform sends a 1xx response. It may be called several times, from the
	// goroutine that serves the exchange, before Respond.
	Inform(r *Response) error
	// Respond sends the response and all of its body. It returns when the last
	// byte is written.
	Respond(r *Response) error
	// Moved is how many content bytes of the request were received and of the
	// response sent. It is asked when the exchange is over.
	Moved() (received, sent int64)
	// Gone reports whether the client has closed its side. It is asked during
	// long waits only: some clients half-close and still want the answer, but they
	// are few and not patient.
	Gone() bool
}

// Exchange is one request and its response. Exchanges are reused; nobody keeps
// one, or anything leased from it, after it was served.
type Exchange struct {
	Connection *Connection
	Downstream Downstream
	Request    Request
	Response   Response

	// Client is the address that the request is attributed to: the peer's, or
	// what trusted proxies in front say.
	Client netip.Addr
	// Secure is set when the client's own connection is TLS, as far as trusted.
	Secure bool
	// ForwardedFor is the X-Forwarded-For header as it was received, whether it is
	// believed or not; nil when there was none.
	ForwardedFor []byte
	// Prefix is the length of the path prefix that the route matched.
	Prefix int
	// Origin is the request's Origin header as a CORS filter met it; filters behind
	// that one may take it away from the backend.
	Origin []byte
	// Close asks that the connection does not outlast the response.
	Close bool
	// Reason is the stable short word for why the proxy itself made the reply;
	// empty when it came from a backend.
	Reason string

	// Protocol is "HTTP/1.1", "HTTP/1.0" or "HTTP/2".
	Protocol string
	// Start, on the socket package's clock, is when the head was complete.
	Start int64

	// Active, on the same clock, is when a byte last moved after an upgrade.
	Active atomic.Int64

	// Cancellable is set by codecs that may call Abandon.
	Cancellable bool

	// Owner is what the handler keeps with the exchange, across reuse.
	Owner any

	arena []byte
	held  []Held

	attempt struct {
		mu        sync.Mutex
		abandoned bool
		current   Aborter
	}
}

// Held is something that a request takes up for as long as it lasts.
type Held = interface {
	// Release gives it back. It is called once.
	Release()
}

// Hold leaves it to the exchange to release something in the end.
func (x *Exchange) Hold(h Held) { x.held = append(x.held, h) }

// Holds reports whether something is held.
func (x *Exchange) Holds() bool { return len(x.held) > 0 }

// Release gives back all that is held.
func (x *Exchange) Release() {
	for i, h := range x.held {
		h.Release()
		x.held[i] = nil
	}
	x.held = x.held[:0]
}

// Aborter is an attempt at a backend that can be ended from any goroutine.
type Aborter interface{ Abort() }

// Attach makes the attempt end when the client goes away, until Detach. It
// reports whether the client is gone already.
func (x *Exchange) Attach(a Aborter) (gone bool) {
	x.attempt.mu.Lock()
	defer x.attempt.mu.Unlock()
	x.attempt.current = a
	return x.attempt.abandoned
}

// Detach ends what Attach began: the attempt is not touched any more.
func (x *Exchange) Detach() {
	x.attempt.mu.Lock()
	defer x.attempt.mu.Unlock()
	x.attempt.current = nil
}

// Abandon says that nobody wants the response any more. It may be called from any
// goroutine.
func (x *Exchange) Abandon() {
	x.attempt.mu.Lock()
	defer x.attempt.mu.Unlock()
	x.attempt.abandoned = true
	if x.attempt.current != nil {
		x.attempt.current.Abort()
	}
}

// Reset prepares the exchange for the next request.
func (x *Exchange) Reset() {
	x.Request.Body, x.Request.Upgrade = nil, nil
	x.Response.Header.Reset(nil)
	x.Response.Status, x.Response.Length, x.Response.Body, x.Response.Upgraded = 0, NoBody, nil, false
	x.Client, x.Secure, x.Prefix, x.Origin, x.Close, x.Reason = netip.Addr{}, false, 0, nil, false, ""
	x.ForwardedFor = nil
	x.attempt.abandoned, x.attempt.current, x.Cancellable = false, nil, false
	if cap(x.arena) > maxArena {
		x.arena = nil
	}
	x.arena = x.arena[:0]
}

// maxArena is how much scratch memory an idle exchange keeps.
const maxArena = 4 << 10

// Scratch is memory for values made during the exchange: append to it and hand
// it back with Keep. It is valid until the exchange ends.
func (x *Exchange) Scratch() []byte { return x.arena[len(x.arena):] }

// Keep claims what was appended to Scratch and returns it.
func (x *Exchange) Keep(b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	n := len(x.arena)
	if n+len(b) <= cap(x.arena) && &x.arena[:n+1][n] == &b[0] {
		x.arena = x.arena[:n+len(b)]
		return b[:len(b):len(b)]
	}
	// The appends outgrew the arena and moved to memory of their own; what
	// follows goes there too.
	x.arena = b
	return b[:len(b):len(b)]
}
