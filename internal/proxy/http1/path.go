package http1

import (
	"bytes"

	"fsm/internal/proxy/message"
)

// Paths is what happens to paths with dot segments. Whatever the policy, the
// path that leaves this package is the only one: it is matched, authorized,
// rewritten and forwarded.
type Paths uint8

// Policies for paths.
const (
	RejectDotSegments Paths = iota
	NormalisePaths
	KeepDotSegments
)

// checkPath applies the policy to a path that may need it. Broken percent
// encodings, an encoded NUL and overlong UTF-8 are refused under every policy.
func checkPath(r *message.Request, policy Paths) *message.Reply {
	if err := checkEncoding(r.Path); err != nil {
		return err
	}
	switch policy {
	case RejectDotSegments:
		if hasDotSegment(r.Path) {
			return errDotSegment
		}
	case NormalisePaths:
		r.Path = normalise(r.Path)
		// What is left of dot segments hides behind an encoded separator or a
		// parameter; no two servers agree on those.
		if hasDotSegment(r.Path) {
			return errDotSegment
		}
	}
	return nil
}

// checkEncoding refuses percent-encodings that some server decodes to something
// else than another one does: broken ones, NUL, and overlong UTF-8.
func checkEncoding(path []byte) *message.Reply {
	for i := bytes.IndexByte(path, '%'); i >= 0 && i < len(path); i++ {
		if path[i] != '%' {
			continue
		}
		c, ok := decodeAt(path, i)
		if !ok || c == 0 {
			return errPathEncoding
		}
		next, _ := decodeAt(path, i+3)
		// RFC 3629: C0 and C1 never occur, E0 is followed by A0 to BF, F0 by 90 to
		// BF; everything below is a longer spelling of something shorter.
		if c == 0xC0 || c == 0xC1 || c == 0xE0 && next >= 0x80 && next < 0xA0 || c == 0xF0 && next >= 0x80 && next < 0x90 {
			return errPathEncoding
		}
		i += 2
	}
	return nil
}

// decodeAt decodes "%XX" at i.
func decodeAt(b []byte, i int) (byte, bool) {
	if i+2 >= len(b) || b[i] != '%' {
		return 0, false
	}
	hi, ok1 := unhex(b[i+1])
	lo, ok2 := unhex(b[i+2])
	return hi<<4 | lo, ok1 && ok2
}

// hasDotSegment reports whether a segment is "." or ".." to any server: dots may
// be percent-encoded, segments may be separated by an encoded slash or
// backslash, and may carry parameters behind a semicolon.
func hasDotSegment(path []byte) bool {
	dots, other := 0, false
	for i := 0; i <= len(path); i++ {
		c := byte('/')
		if i < len(path) {
			c = path[i]
			if d, ok := decodeAt(path, i); ok && (d == '.' || d == '/' || d == '\\') {
				c = d
				i += 2
			}
		}
		switch c {
		case '/', '\\', ';':
			if !other && (dots == 1 || dots == 2) {
				return true
			}
			// Behind a semicolon follow parameters, up to the next separator.
			dots, other = 0, c == ';'
		case '.':
			dots++
		default:
			other = true
		}
	}
	return false
}

// normalise decodes unreserved characters, removes dot segments and merges
// slashes (RFC 3986, section 6.2.2). The result is new memory when it differs.
func normalise(path []byte) []byte {
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if d, ok := decodeAt(path, i); ok {
			i += 2
			if chars[d]&charHost != 0 { // the unreserved characters
				out = append(out, d)
			} else {
				out = append(out, '%', upperHex(d>>4), upperHex(d&15))
			}
			continue
		}
		out = append(out, path[i])
	}
	segments := bytes.Split(out, slash)
	kept := make([][]byte, 0, len(segments))
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case len(s) == 0 && !last, string(s) == ".":
		case string(s) == "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		default:
			kept = append(kept, s)
			continue
		}
		if last {
			kept = append(kept, nil) // "/a/.." and "/a/." name a directory
		}
	}
	return append([]byte{'/'}, bytes.Join(kept, slash)...)
}

func upperHex(d byte) byte { return "0123456789ABCDEF"[d] }
