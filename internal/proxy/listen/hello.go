package listen

import (
	"encoding/binary"
	"errors"
)

// Hello is what a ClientHello asks for.
type Hello struct {
	// ServerName in the form sent; empty for none.
	ServerName string
	ALPN       []string
}

var (
	errNotTLS   = errors.New("not a TLS handshake")
	errBadHello = errors.New("malformed ClientHello")
)

// maxHello bounds a ClientHello, records included.
const maxHello = 32 << 10

// ParseHello reads a ClientHello from the first bytes of a connection (RFC 8446,
// sections 4.1.2 and 5.1). It returns false when more bytes are needed.
func ParseHello(b []byte) (h Hello, ok bool, err error) {
	message, ok, err := handshakeMessage(b)
	if err != nil || !ok {
		return h, false, err
	}
	s := reader{message}
	s.skip(2 + 32) // version, random
	s.skip(int(s.uint8()))
	s.skip(int(s.uint16()))
	s.skip(int(s.uint8()))
	if s.b == nil {
		return h, false, errBadHello
	}
	if len(s.b) == 0 {
		return h, true, nil // no extensions
	}
	extensions := reader{s.take(int(s.uint16()))}
	for len(extensions.b) > 0 {
		kind := extensions.uint16()
		data := reader{extensions.take(int(extensions.uint16()))}
		switch kind {
		case 0:
			h.ServerName, err = serverName(data)
		case 16:
			h.ALPN, err = protocols(data)
		}
		if err != nil {
			return h, false, err
		}
	}
	if extensions.b == nil {
		return h, false, errBadHello
	}
	return h, true, nil
}

// handshakeMessage puts the first handshake message together from its records.
func handshakeMessage(b []byte) (message []byte, ok bool, err error) {
	const record, handshake, clientHello = 5, 22, 1
	var whole []byte
	for first := true; ; first = false {
		if len(b) > 0 && b[0] != handshake || len(b) > 1 && b[1] != 3 {
			return nil, false, errNotTLS
		}
		if len(b) < record {
			return nil, false, nil
		}
		n := int(binary.BigEndian.Uint16(b[3:]))
		if n == 0 || n > 1<<14 {
			return nil, false, errBadHello
		}
		fragment := b[record:min(record+n, len(b))]
		if first && len(fragment) > 0 && fragment[0] != clientHello {
			return nil, false, errBadHello
		}
		whole = append(whole, fragment...)
		if len(whole) >= 4 {
			size := int(whole[1])<<16 | int(whole[2])<<8 | int(whole[3])
			if size > maxHello {
				return nil, false, errBadHello
			}
			if len(whole) >= 4+size {
				return whole[4 : 4+size], true, nil
			}
		}
		if len(b) < record+n {
			return nil, false, nil
		}
		b = b[record+n:]
	}
}

func serverName(data reader) (string, error) {
	list := reader{data.take(int(data.uint16()))}
	for len(list.b) > 0 {
		kind := list.uint8()
		name := list.take(int(list.uint16()))
		if name == nil {
			return "", errBadHello
		}
		if kind != 0 {
			continue
		}
		for _, c := range name {
			if c <= ' ' || c >= 0x7f {
				return "", errBadHello
			}
		}
		return string(name), nil
	}
	return "", nil
}

func protocols(data reader) ([]string, error) {
	list := reader{data.take(int(data.uint16()))}
	var names []string
	for len(list.b) > 0 {
		name := list.take(int(list.uint8()))
		if len(name) == 0 {
			return nil, errBadHello
		}
		names = append(names, string(name))
	}
	return names, nil
}

// reader cuts fields off; b is nil once one did not fit.
type reader struct{ b []byte }

func (r *reader) take(n int) []byte {
	if r.b == nil || n > len(r.b) {
		r.b = nil
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) skip(n int) { r.take(n) }

func (r *reader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}
