package http1

import (
	"bytes"

	"fsm/internal/proxy/message"
)

// RequestInfo is what a request head says beyond the request itself.
type RequestInfo struct {
	// Chunked, or a Length that is not negative, delimits the body.
	Chunked bool
	Length  int64
	// KeepAlive is set when the client allows another request on the connection.
	KeepAlive bool
	// Version10 is set for HTTP/1.0.
	Version10 bool
}

// ParseRequest reads a request head from the start of buf. It returns the number
// of bytes that the head takes, or 0 when more are needed. The request refers to
// buf afterwards. Its body is for the caller to set.
func ParseRequest(buf []byte, r *message.Request, info *RequestInfo, lim *Limits) (int, *message.Reply) {
	start := 0
	if len(buf) >= 2 && buf[0] == '\r' && buf[1] == '\n' {
		start = 2 // RFC 9112, section 2.2: ignore one empty line before the request
	}
	pos, err := parseRequestLine(buf, start, r, info, lim)
	if err != nil {
		return 0, err
	}
	if pos == incomplete {
		return 0, tooLong(buf, lim)
	}
	f := framing{length: -1}
	r.Header.Reset(buf)
	end, err := parseFields(buf, pos, &r.Header, &f, lim, &requestErrors)
	if err != nil {
		return 0, err
	}
	if end == incomplete {
		return 0, tooLong(buf, lim)
	}
	if end > lim.Bytes {
		return 0, errTooLarge
	}
	if f.connection.others > 0 {
		removeNamed(buf, pos, &r.Header)
	}
	if err := f.applyTo(r, info); err != nil {
		return 0, err
	}
	return end, nil
}

// tooLong says whether an incomplete head is over its limits already.
func tooLong(buf []byte, lim *Limits) *message.Reply {
	if len(buf) > lim.Bytes/4 && bytes.IndexByte(buf[2:], '\n') < 0 {
		return errURITooLong
	}
	if len(buf) >= lim.Bytes {
		return errTooLarge
	}
	return nil
}

// applyTo checks what the header section says as a whole (RFC 9112, sections 3.2
// and 6) and fills in the rest of the request.
func (f *framing) applyTo(r *message.Request, info *RequestInfo) *message.Reply {
	switch {
	case f.hosts > 1:
		return errTwoHosts
	case f.hosts == 0 && !info.Version10:
		return errNoHost
	case f.hosts == 1 && !validHost(f.host):
		return errHost
	case f.hosts == 1 && r.Authority != nil && !sameHost(r.Authority, f.host):
		return errHostMismatch
	case f.chunked && info.Version10:
		return errCodingVersion
	case f.chunked && f.lengths > 0:
		return errLengthCoding
	}
	if f.hosts == 1 {
		r.Authority = f.host
	}
	info.Chunked, info.Length = f.chunked, f.length
	info.KeepAlive = !f.connection.close && (!info.Version10 || f.connection.keepAlive)
	switch {
	case f.chunked:
		r.Length = message.UnknownLength
	case f.length >= 0:
		r.Length = f.length
	default:
		r.Length = message.NoBody
	}
	r.Body = nil
	r.Trailers = f.te
	r.Expects100 = f.expects && !info.Version10 && r.Length != message.NoBody && r.Length != 0
	r.Upgrade = nil
	if f.connection.upgrade && !info.Version10 && r.Length == message.NoBody {
		r.Upgrade = upgradeToken(f.upgrade)
	}
	return nil
}

// upgradeToken is the protocol to offer to the backend: the first that is not
// HTTP/2, which this server speaks itself and never by upgrade.
func upgradeToken(list []byte) []byte {
	for token := []byte(nil); len(list) > 0; {
		token, list = nextToken(list)
		if len(token) > 0 && !equalFold(token, "h2c") && !equalFold(token, "h2") {
			return token
		}
	}
	return nil
}

// parseRequestLine reads "method SP target SP version CRLF" and returns the
// position after it, or incomplete.
func parseRequestLine(buf []byte, start int, r *message.Request, info *RequestInfo, lim *Limits) (int, *message.Reply) {
	i := start
	for i < len(buf) && chars[buf[i]]&charToken != 0 {
		i++
	}
	if i == len(buf) {
		return incomplete, nil
	}
	if buf[i] != ' ' || i == start {
		if i == start && buf[i] == '\r' && i+1 == len(buf) {
			return incomplete, nil // half of the empty line before a request
		}
		return 0, errMethod
	}
	r.Method = buf[start:i]
	i++
	from := i
	var classes uint8
	all := charTarget
	question := -1
	for i < len(buf) {
		c := chars[buf[i]]
		if c&charTarget == 0 {
			break
		}
		if c&charQuestion != 0 && question < 0 {
			question = i
		}
		if question < 0 {
			classes |= c
		}
		all &= c
		i++
	}
	if i == len(buf) {
		return incomplete, nil
	}
	if buf[i] != ' ' {
		if buf[i] == '\r' || buf[i] == '\n' || buf[i] == '\t' {
			return 0, errRequestLine
		}
		return 0, errTarget
	}
	if i == from {
		return 0, errRequestLine
	}
	if i-start > lim.Bytes/4 {
		return 0, errURITooLong
	}
	target := buf[from:i]
	next, err := parseVersion(buf, i+1, info)
	if err == errRequestLine && target[0] != '/' && buf[i+1]|0x20 != 'h' {
		return 0, errNotHTTP
	}
	if err != nil || next == incomplete {
		return incomplete, err
	}
	if err := checkMethod(r.Method); err != nil {
		return 0, err
	}
	if question >= 0 {
		question -= from
	}
	return next, parseTarget(target, question, classes, r, lim)
}

// parseVersion reads "HTTP/1.1 CRLF" at pos.
func parseVersion(buf []byte, pos int, info *RequestInfo) (int, *message.Reply) {
	const version = "HTTP/1.1\r\n"
	rest := buf[pos:]
	if len(rest) >= len(version) && string(rest[:len(version)]) == version {
		info.Version10 = false
		return pos + len(version), nil
	}
	if len(rest) >= len(version) && string(rest[:len(version)]) == "HTTP/1.0\r\n" {
		info.Version10 = true
		return pos + len(version), nil
	}
	for i := 0; i < len(rest); i++ {
		switch {
		case i < 5 && rest[i] != version[i]:
			return 0, errRequestLine
		case (i == 5 || i == 7) && chars[rest[i]]&charDigit == 0, i == 6 && rest[i] != '.':
			return 0, errRequestLine
		case i == 5 && rest[i] != '1', i == 7 && rest[i] > '1':
			return 0, errVersion
		case i == 8 && rest[i] == '\n', i == 9 && rest[i] != '\n':
			return 0, errBareLF
		case i == 8 && rest[i] != '\r':
			return 0, errRequestLine
		}
	}
	return incomplete, nil
}

// standardMethods are compared without regard to case only to refuse the wrong
// case: some backends would fold it, and what was allowed for "get" would be
// done as "GET".
var standardMethods = []string{"get", "head", "post", "put", "delete", "options", "patch", "trace", "connect"}

func checkMethod(method []byte) *message.Reply {
	upper := uint8(charUpper)
	for _, c := range method {
		upper &= chars[c]
	}
	if upper == 0 {
		for _, m := range standardMethods {
			if equalFold(method, m) {
				return errMethodCase
			}
		}
	}
	if string(method) == "CONNECT" {
		return errConnect
	}
	return nil
}

// parseTarget splits the request target (RFC 9112, section 3.2) into path and
// query, and into an authority for the absolute form.
func parseTarget(target []byte, question int, classes uint8, r *message.Request, lim *Limits) *message.Reply {
	r.Authority, r.Query = nil, nil
	if target[0] != '/' {
		if len(target) == 1 && target[0] == '*' {
			if string(r.Method) != "OPTIONS" {
				return errTargetForm
			}
			r.Path = target
			return nil
		}
		rest, ok := cutScheme(target)
		if !ok {
			return errTargetForm
		}
		end := bytes.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		r.Authority = rest[:end]
		if !validHost(r.Authority) {
			return errHost
		}
		question -= len(target) - len(rest) + end
		target = rest[end:]
		if len(target) == 0 || target[0] == '?' {
			// RFC 9112, section 3.2.1: an empty path is sent as "/".
			if len(target) > 0 {
				r.Query = target[1:]
			}
			r.Path = slash
			return nil
		}
	}
	r.Path = target
	if question >= 0 {
		r.Path, r.Query = target[:question], target[question+1:]
	}
	if classes&charCareful == 0 && lim.Paths != NormalisePaths {
		return nil
	}
	return checkPath(r, lim.Paths)
}

var slash = []byte("/")

func cutScheme(target []byte) (rest []byte, ok bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) > len(scheme) && equalFold(target[:len(scheme)], scheme) {
			return target[len(scheme):], true
		}
	}
	return nil, false
}

// validHost reports whether b is a registered name, an IPv4 address or an IPv6
// literal, with an optional port.
func validHost(b []byte) bool {
	i := 0
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 3 {
			return false
		}
		for _, c := range b[1:end] {
			if c != ':' && c != '.' && !isHex(c) {
				return false
			}
		}
		i = end + 1
	} else {
		for i < len(b) && chars[b[i]]&charHost != 0 {
			i++
		}
		if i == 0 || i > 255 {
			return false
		}
	}
	if i == len(b) {
		return true
	}
	port := b[i+1:]
	if b[i] != ':' || len(port) > 5 {
		return false
	}
	n := 0
	for _, c := range port {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return n <= 65535
}

// sameHost compares two authorities, without regard to case.
func sameHost(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func isHex(c byte) bool {
	_, ok := unhex(c)
	return ok
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
