package http1

import "encoding/binary"

// Character classes, as bits of a table.
const (
	charToken      uint8 = 1 << iota // RFC 9110, section 5.6.2
	charUnderscore                   // '_' in a token
	charHost                         // letters, digits and -._~ of a registered name
	charTarget                       // may stand in a path or query
	charQuestion                     // '?'
	charCareful                      // may make a path ambiguous: % . ; and /
	charDigit
	charUpper
)

// chars has the classes of each byte.
var chars = func() (t [256]uint8) {
	for c := 0x21; c < 0x7f; c++ {
		t[c] |= charTarget
	}
	// A fragment never travels, and a backslash is a slash to some servers.
	t['#'] &^= charTarget
	t['\\'] &^= charTarget
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= charToken
	}
	for c := '0'; c <= '9'; c++ {
		t[c] |= charToken | charHost | charDigit
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= charToken | charHost
		t[c-'a'+'A'] |= charToken | charHost | charUpper
	}
	for _, c := range "-._~" {
		t[c] |= charHost
	}
	for _, c := range "%.;" {
		t[c] |= charCareful
	}
	t['_'] |= charUnderscore
	t['?'] |= charQuestion
	return t
}()

// scanValue is the index of the first byte at or after i that may not stand in a
// field value: a control character other than tab, or DEL. It is len(b) when
// there is none.
func scanValue(b []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for i+8 <= len(b) {
		v := binary.LittleEndian.Uint64(b[i:])
		below := (v - ones*0x20) & ^v & highs // bytes below 0x20
		x := v ^ ones*0x7f
		del := (x - ones) & ^x & highs // bytes that are 0x7f
		if below|del == 0 {
			i += 8
			continue
		}
		break
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return i
		}
	}
	return i
}

// trim removes optional white space from both ends (RFC 9110, section 5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// equalFold compares with a word in lower case, without regard to case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// nextToken cuts the first element off a comma-separated list.
func nextToken(list []byte) (token, rest []byte) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}
