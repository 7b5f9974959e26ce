package route

import (
	"bytes"
	"net/url"
	"regexp"
	"strconv"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

type headerPredicate struct {
	name      message.Name
	authority bool
	value     string
	regex     *regexp.Regexp // nil for an exact value
}

func compileHeader(m ir.ValueMatch) (headerPredicate, error) {
	p := headerPredicate{name: message.MakeName(m.Name), value: m.Value}
	// The host is not a header line in the message model, and in HTTP/2 not on
	// the wire either.
	p.authority = p.name.ID == message.HeaderHost || p.name.Lower == ":authority"
	var err error
	if m.Kind == ir.ValueRegex {
		p.regex, err = compileRegex(m.Value)
	}
	return p, err
}

func (p *headerPredicate) match(r *message.Request) bool {
	value, ok := p.find(r)
	if !ok {
		return false
	}
	if p.regex != nil {
		return p.regex.Match(value)
	}
	return string(value) == p.value
}

// find is the value of the header. Some are no lines of the message model, which
// states what they say in fields of its own.
func (p *headerPredicate) find(r *message.Request) (value []byte, ok bool) {
	switch {
	case p.authority:
		return r.Authority, true
	case p.name.ID == message.HeaderUpgrade:
		return r.Upgrade, r.Upgrade != nil
	case p.name.ID == message.HeaderContentLength:
		return strconv.AppendInt(nil, r.Length, 10), r.Length >= 0
	}
	value, _, ok = r.Header.Joined(&p.name, nil)
	return value, ok
}

type queryPredicate struct {
	name  string
	value string
	regex *regexp.Regexp // nil for an exact value
}

func compileQuery(m ir.ValueMatch) (queryPredicate, error) {
	p := queryPredicate{name: m.Name, value: m.Value}
	var err error
	if m.Kind == ir.ValueRegex {
		p.regex, err = compileRegex(m.Value)
	}
	return p, err
}

// match looks at the first parameter of the name; names and values are compared
// after decoding.
func (p *queryPredicate) match(query []byte) bool {
	for len(query) > 0 {
		pair := query
		if i := bytes.IndexByte(query, '&'); i >= 0 {
			pair, query = query[:i], query[i+1:]
		} else {
			query = nil
		}
		name, value := pair, []byte(nil)
		if i := bytes.IndexByte(pair, '='); i >= 0 {
			name, value = pair[:i], pair[i+1:]
		}
		if !decodesTo(name, p.name) {
			continue
		}
		if p.regex == nil {
			return decodesTo(value, p.value)
		}
		return p.matchRegex(value)
	}
	return false
}

func (p *queryPredicate) matchRegex(value []byte) bool {
	if bytes.IndexByte(value, '%') < 0 && bytes.IndexByte(value, '+') < 0 {
		return p.regex.Match(value)
	}
	decoded, err := url.QueryUnescape(string(value))
	return err == nil && p.regex.MatchString(decoded)
}

// decodesTo compares a percent-encoded form value with a plain one. A broken
// encoding stands for itself.
func decodesTo(encoded []byte, plain string) bool {
	n := 0
	for i := 0; i < len(encoded); i++ {
		c := encoded[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 < len(encoded) {
				hi, ok1 := unhex(encoded[i+1])
				lo, ok2 := unhex(encoded[i+2])
				if ok1 && ok2 {
					c = hi<<4 | lo
					i += 2
				}
			}
		}
		if n == len(plain) || plain[n] != c {
			return false
		}
		n++
	}
	return n == len(plain)
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
