package stack

import (
	"bytes"
	"net/netip"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

var (
	forwardedForName   = message.MakeName("X-Forwarded-For")
	forwardedProtoName = message.MakeName("X-Forwarded-Proto")
	forwardedHostName  = message.MakeName("X-Forwarded-Host")
	forwardedName      = message.MakeName("Forwarded")

	httpScheme  = []byte("http")
	httpsScheme = []byte("https")
)

// identify attributes the request to a client and tells the backend. What the
// client says about that is believed only as far as the listener's options name
// proxies in front of this one; otherwise it is overwritten.
func identify() layer {
	return func(next handler) handler {
		return func(x *exchange) error {
			x.config.trust.identify(&x.Exchange)
			return next(x)
		}
	}
}

// Identify does to a request what identify does under the given options, for
// whoever wants to know what a route would be looked for with.
func Identify(x *message.Exchange, o *ir.Options) error {
	t, err := compileTrust(o)
	if err != nil {
		return err
	}
	t.identify(x)
	return nil
}

func (t *trust) identify(x *message.Exchange) {
	x.Client, x.Secure = x.Connection.Remote.Addr(), x.Connection.Secure
	if list, _, ok := x.Request.Header.Joined(&forwardedForName, nil); ok {
		x.ForwardedFor = list
	}
	if t.enabled() && t.accept(x) {
		return
	}
	h := &x.Request.Header
	h.RemoveID(message.HeaderForwarded)
	h.RemoveID(message.HeaderXForwardedFor)
	h.RemoveID(message.HeaderXForwardedProto)
	h.RemoveID(message.HeaderXForwardedHost)
	h.RemoveID(message.HeaderXForwardedPort)
	h.RemoveID(message.HeaderXForwardedOther)
	h.RemoveID(message.HeaderXRealIP)
	h.Add(&forwardedForName, x.Connection.RemoteText)
	h.Add(&forwardedProtoName, schemeOf(x.Secure))
	if len(x.Request.Authority) > 0 {
		h.Add(&forwardedHostName, x.Request.Authority)
	}
}

func schemeOf(secure bool) []byte {
	if secure {
		return httpsScheme
	}
	return httpScheme
}

// trust says which proxies in front of this one are believed.
type trust struct {
	hops    int
	proxies []netip.Prefix
}

func (t *trust) enabled() bool { return t.hops > 0 || len(t.proxies) > 0 }

// accept takes the client from the headers that trusted proxies wrote, and adds
// the peer to them. It fails closed: false means that the headers are not to be
// believed.
func (t *trust) accept(x *message.Exchange) bool {
	h := &x.Request.Header
	list, _, ok := h.Joined(&forwardedForName, nil)
	if !ok {
		return false
	}
	client, ok := t.client(x.Client, list)
	if !ok {
		return false
	}
	x.Client = client
	value := append(x.Scratch(), list...)
	value = append(value, ", "...)
	h.Set(&forwardedForName, x.Keep(append(value, x.Connection.RemoteText...)))
	proto, ok := h.GetID(message.HeaderXForwardedProto)
	switch {
	case ok && bytes.EqualFold(proto, httpsScheme):
		x.Secure = true
	case ok && bytes.EqualFold(proto, httpScheme):
		x.Secure = false
	default:
		h.Set(&forwardedProtoName, schemeOf(x.Secure))
	}
	if !h.Has(message.HeaderXForwardedHost) {
		h.Add(&forwardedHostName, x.Request.Authority)
	}
	if old, _, ok := h.Joined(&forwardedName, nil); ok {
		h.Set(&forwardedName, x.Keep(t.appendForwarded(append(x.Scratch(), old...), x)))
	}
	return true
}

// appendForwarded adds this hop to a Forwarded header (RFC 7239).
func (t *trust) appendForwarded(b []byte, x *message.Exchange) []byte {
	b = append(b, ", for="...)
	peer := x.Connection.Remote.Addr()
	if peer.Is6() {
		b = append(append(append(b, `"[`...), x.Connection.RemoteText...), `]"`...)
	} else {
		b = append(b, x.Connection.RemoteText...)
	}
	b = append(append(b, ";proto="...), schemeOf(x.Connection.Secure)...)
	return append(append(append(b, `;host="`...), x.Request.Authority...), '"')
}

// client finds the client in a list of addresses, of which each proxy has
// appended the one it saw.
func (t *trust) client(peer netip.Addr, list []byte) (netip.Addr, bool) {
	if len(t.proxies) > 0 {
		return t.clientByNetwork(peer, list)
	}
	for hop := 1; ; hop++ {
		addr, rest, ok := lastAddress(list)
		if !ok {
			return netip.Addr{}, false
		}
		if hop == t.hops {
			return addr, true
		}
		list = rest
	}
}

// clientByNetwork walks back while the proxies are trusted ones.
func (t *trust) clientByNetwork(peer netip.Addr, list []byte) (netip.Addr, bool) {
	if !t.trusts(peer) {
		return netip.Addr{}, false
	}
	for {
		addr, rest, ok := lastAddress(list)
		if !ok {
			return netip.Addr{}, false
		}
		if !t.trusts(addr) || len(rest) == 0 {
			return addr, true
		}
		list = rest
	}
}

func (t *trust) trusts(addr netip.Addr) bool {
	for _, p := range t.proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// lastAddress cuts the last element off a list of addresses.
func lastAddress(list []byte) (addr netip.Addr, rest []byte, ok bool) {
	text := list
	if i := bytes.LastIndexByte(list, ','); i >= 0 {
		text, rest = list[i+1:], list[:i]
	}
	addr, err := netip.ParseAddr(string(bytes.TrimSpace(text)))
	if err != nil {
		return netip.Addr{}, nil, false
	}
	return addr.Unmap(), rest, true
}
