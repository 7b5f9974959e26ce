package http2

import (
	"crypto/rand"
	"encoding/base64"

	"fsm/internal/proxy/hpack"
	"fsm/internal/proxy/http1"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// pseudo are the pseudo-headers of a request (RFC 9113, section 8.3.1; RFC 8441).
type pseudo struct {
	method, scheme, authority, path, protocol, host []byte
	hosts                                           int
}

// set takes in a pseudo-header.
func (p *pseudo) set(f *hpack.Field) *message.Reply {
	var to *[]byte
	switch string(f.Name) {
	case ":method":
		to = &p.method
	case ":scheme":
		to = &p.scheme
	case ":authority":
		to = &p.authority
	case ":path":
		to = &p.path
	case ":protocol":
		to = &p.protocol
	default:
		return errPseudoUnknown
	}
	if *to != nil {
		return errPseudoTwice
	}
	if *to = f.Value; f.Value == nil {
		*to = []byte{}
	}
	return nil
}

// decode reads the head of a request into the exchange. What is wrong with it
// becomes the stream's refusal; an error is about the connection.
func (s *serverStream) decode(b *headerBlock, cfg *http1.ServerConfig) error {
	l := readFields(&s.conn.decoder, b.text, &s.memory, &cfg.Limits)
	var p pseudo
	r := &s.x.Request
	r.Header.Reset(nil)
	r.Trailers, r.Expects100 = false, false
	for {
		f, ok, err := l.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if isPseudo(&f) {
			if l.refusal = p.set(&f); l.late && l.refusal == nil {
				l.refusal = errPseudoOrder
			}
			continue
		}
		var keep bool
		keep, l.refusal = l.regular(&f)
		switch {
		case l.refusal != nil:
		case f.ID == message.HeaderHost:
			p.host = f.Value
			p.hosts++
		case f.ID == message.HeaderTE:
			r.Trailers = true
		case f.ID == message.HeaderExpect:
			r.Expects100 = true
			if string(f.Value) != "100-continue" {
				l.refusal = http1.ErrExpect
			}
		case keep:
			r.Header.AddField(f.ID, f.Name, f.Value)
		}
	}
	s.refusal = l.refusal
	if s.refusal == nil {
		s.refusal = p.applyTo(r, &cfg.Limits)
	}
	if l.cookie > 1 {
		joinCookies(&r.Header, &s.memory)
	}
	s.unpacked = max(0, l.size-unpackRatio*(frameHeaderSize+len(b.text)))
	s.frame(b, &l, &p, cfg)
	return nil
}

// applyTo checks the pseudo-headers as a whole and fills in the request.
func (p *pseudo) applyTo(r *message.Request, limits *http1.Limits) *message.Reply {
	connect := string(p.method) == "CONNECT"
	switch {
	case p.method == nil:
		return errPseudoMissing
	case p.protocol != nil && !connect:
		return errPseudoUnknown
	case connect && p.protocol == nil && (p.path != nil || p.scheme != nil):
		return errPseudoUnknown
	case connect && p.protocol == nil:
		return http1.SetTarget(r, p.method, []byte("/"), limits) // refuses it
	case p.path == nil, p.scheme == nil, len(p.path) == 0:
		return errPseudoMissing
	case string(p.scheme) != "http" && string(p.scheme) != "https":
		return errScheme
	case p.hosts > 1:
		return http1.ErrTwoHosts
	case p.authority != nil && p.hosts == 1 && !http1.SameHost(p.authority, p.host):
		return http1.ErrHostMismatch
	case p.authority == nil && p.hosts == 0:
		return http1.ErrNoHost
	case connect && string(p.protocol) != "websocket":
		return errProtocol501
	}
	method := p.method
	if connect {
		method = []byte("GET") // as HTTP/1.1 has it (RFC 8441, section 5)
	}
	if err := http1.SetTarget(r, method, p.path, limits); err != nil {
		return err
	}
	if r.Authority = p.authority; p.authority == nil {
		r.Authority = p.host
	}
	if !http1.ValidHost(r.Authority) {
		return http1.ErrHost
	}
	return nil
}

var keyName = message.MakeName("Sec-WebSocket-Key")

// frame sets what delimits the content.
func (s *serverStream) frame(b *headerBlock, l *fields, p *pseudo, cfg *http1.ServerConfig) {
	x := s.x
	r := &x.Request
	r.Body, r.Upgrade = nil, nil
	s.most, s.wait = cfg.MaxBody, int64(cfg.BodyTimeout)
	switch {
	case b.end:
		s.received = true
		r.Length = message.NoBody
		if l.length == 0 {
			r.Length = 0
		} else if l.length > 0 && s.refusal == nil {
			s.refusal = errContentLength
		}
		r.Expects100 = false
	case s.refusal != nil:
		r.Length = message.NoBody
	case p.protocol != nil:
		r.Length, r.Upgrade, r.Body = message.NoBody, p.protocol, &s.stream
		r.Header.Set(&keyName, webSocketKey())
		s.most, s.wait, s.active = 0, 0, &x.Active
	default:
		s.length = l.length
		if r.Length = l.length; l.length < 0 || r.Header.Has(message.HeaderTrailer) {
			r.Length = message.UnknownLength // HTTP/1.1 has no trailers behind a length
		}
		r.Body = &s.stream
		if l.length == 0 {
			r.Body = nil
		}
	}
	s.malformed = s.refusal != nil && s.refusal.Reason == ReasonBadMessage
	x.Connection, x.Downstream, x.Cancellable = s.conn.info, s, true
	x.Protocol, x.Start = "HTTP/2", socket.Now()
}

// webSocketKey makes the nonce that HTTP/1.1 wants with a WebSocket and HTTP/2
// does not have.
func webSocketKey() []byte {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return base64.StdEncoding.AppendEncode(nil, nonce[:])
}
