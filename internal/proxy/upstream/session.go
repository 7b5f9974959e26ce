package upstream

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"math/big"
	"net/netip"
	"strconv"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// session is a compiled ir.Session. A cookie's value is a keyed hash of the
// endpoint's address and nothing else, worked out when the endpoint is: reading
// one is a look into a table, and a value that was made up is not in it.
type session struct {
	name      []byte
	lifetime  time.Duration
	scope     string // the attributes that are always the same
	secure    bool
	endpoints map[string]*Endpoint // by token
}

// tokenOf is the value of the cookies for an endpoint. It is the same whatever
// other endpoints there are, and in all proxies that share the key.
func tokenOf(key []byte, backend ir.Origin, addr netip.AddrPort) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(backend.String() + "\n" + addr.String()))
	return new(big.Int).SetBytes(h.Sum(nil)[:16]).String()
}

func newSession(config *ir.Backend, key []byte, endpoints []*Endpoint) *session {
	s := &session{
		name: []byte(config.Session.Cookie), lifetime: time.Duration(config.Session.Lifetime),
		scope: scopeOf(config.Session), secure: config.Session.Secure,
		endpoints: make(map[string]*Endpoint, len(endpoints)),
	}
	for _, e := range endpoints {
		e.token = tokenOf(key, config.Origin, e.key.addr)
		s.endpoints[e.token] = e
	}
	return s
}

// scopeOf says where clients may send the cookie.
func scopeOf(s *ir.Session) string {
	scope := "; path=" + cmp.Or(s.Path, "/")
	if s.Domain != "" {
		scope += "; domain=" + s.Domain
	}
	if s.SameSite != "" {
		scope += "; samesite=" + s.SameSite
	}
	return scope
}

// find is the endpoint that the request's cookie names; nil when there is none.
func (s *session) find(h *message.Header) *Endpoint {
	if !h.Has(message.HeaderCookie) {
		return nil
	}
	fields := h.Fields()
	for i := range fields {
		if f := &fields[i]; f.ID == message.HeaderCookie && f.Name != nil {
			if e := s.findIn(f.Value); e != nil {
				return e
			}
		}
	}
	return nil
}

// findIn looks through one line of cookies (RFC 6265, section 4.2.1).
func (s *session) findIn(line []byte) *Endpoint {
	for len(line) > 0 {
		var pair []byte
		pair, line, _ = bytes.Cut(line, []byte{';'})
		name, value, ok := bytes.Cut(bytes.TrimSpace(pair), []byte{'='})
		if ok && bytes.Equal(name, s.name) {
			if e := s.endpoints[string(value)]; e != nil {
				return e
			}
		}
	}
	return nil
}

// Remembers reports whether the request's cookie names an endpoint of the backend
// that can be used.
func (b *Backend) Remembers(h *message.Header) bool {
	s := b.state.Load().session
	if s == nil {
		return false
	}
	e := s.find(h)
	return e != nil && !e.out.Load()
}

// AppendCookie appends the value of the Set-Cookie line that makes the client stay
// with the endpoint. It appends nothing when there is no need, because the backend
// has no sessions or because the request's cookie names the endpoint already.
func (b *Backend) AppendCookie(dst []byte, e *Endpoint, h *message.Header, secure bool) []byte {
	s := b.state.Load().session
	if s == nil {
		return dst
	}
	if named := s.find(h); named != nil && named.key.addr == e.key.addr {
		return dst
	}
	dst = append(append(append(dst, s.name...), '='), e.token...)
	dst = append(dst, s.scope...)
	if s.lifetime > 0 {
		dst = append(dst, "; expires="...)
		dst = time.Now().Add(s.lifetime).UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
		dst = append(dst, "; max-age="...)
		dst = strconv.AppendInt(dst, int64(s.lifetime/time.Second), 10)
	}
	if secure || s.secure {
		dst = append(dst, "; secure"...)
	}
	return dst
}
