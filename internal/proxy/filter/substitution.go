package filter

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// substitution is a compiled ir.PathRewrite of kind ir.ReplaceMatch. Finding the
// groups costs one allocation for each request, inside package regexp.
type substitution struct {
	pattern *regexp.Regexp
	value   []part
	query   bool
}

// part of a replacement: text, or a group if text is empty.
type part struct {
	text  string
	group int
}

func newSubstitution(p *ir.PathRewrite) (*substitution, error) {
	pattern, err := regexp.Compile(p.Pattern)
	if err != nil {
		return nil, fmt.Errorf("compile pattern of path: %w", err)
	}
	return &substitution{pattern: pattern, value: parseReplacement(p.Value, pattern.NumSubexp()), query: p.Query}, nil
}

// parseReplacement reads the replacement syntax of JavaScript, which is what
// authors of these annotations know: "$1" to "$99", "$&" and "$$". A number
// without a group is text.
func parseReplacement(s string, groups int) []part {
	var parts []part
	for {
		before, after, found := strings.Cut(s, "$")
		if before != "" {
			parts = append(parts, part{text: before})
		}
		if !found {
			return parts
		}
		group, rest, ok := groupOf(after, groups)
		switch {
		case ok:
			parts = append(parts, part{group: group})
		case strings.HasPrefix(after, "$"):
			parts, rest = append(parts, part{text: "$"}), after[1:]
		default:
			parts, rest = append(parts, part{text: "$"}), after
		}
		s = rest
	}
}

// groupOf reads what follows a dollar as a group; of "$12" with fewer than twelve
// groups the "2" is text.
func groupOf(s string, groups int) (group int, rest string, ok bool) {
	if strings.HasPrefix(s, "&") {
		return 0, s[1:], true
	}
	for digits := min(2, len(s)); digits > 0; digits-- {
		n, ok := number(s[:digits])
		if ok && n >= 1 && n <= groups {
			return n, s[digits:], true
		}
	}
	return 0, "", false
}

func number(s string) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// apply makes the new path and query. A "?" that comes out of the replacement
// begins a query, and that of the request follows it.
func (s *substitution) apply(x *message.Exchange) (path, query []byte) {
	r := &x.Request
	// What is searched and what comes out stand in one piece of memory, one behind
	// the other.
	b := append(x.Scratch(), r.Path...)
	if s.query && r.Query != nil {
		b = append(append(b, '?'), r.Query...)
	}
	n := len(b)
	at := s.pattern.FindSubmatchIndex(b)
	if at == nil {
		return r.Path, r.Query
	}
	b = s.appendTo(b, at, n)
	if len(b) == n || b[n] != '/' {
		b = append(b, 0)
		copy(b[n+1:], b[n:])
		b[n] = '/'
	}
	end := len(b)
	if i := bytes.IndexByte(b[n:], '?'); i >= 0 {
		end = n + i
		if !s.query && r.Query != nil {
			b = append(append(b, '&'), r.Query...)
		}
	}
	b = x.Keep(b)
	path = b[n:end:end]
	switch {
	case end < len(b):
		return path, b[end+1:]
	case s.query:
		return path, nil
	default:
		return path, r.Query
	}
}

// appendTo appends what becomes of b[:n], in which the pattern was found.
func (s *substitution) appendTo(b []byte, at []int, n int) []byte {
	b = append(b, b[:at[0]]...)
	for _, p := range s.value {
		switch {
		case p.text != "":
			b = append(b, p.text...)
		case at[2*p.group] >= 0:
			b = append(b, b[at[2*p.group]:at[2*p.group+1]]...)
		}
	}
	return append(b, b[at[1]:n]...)
}

// climbs reports whether a path has a dot segment, in whichever way it is
// written. Listeners refuse them; a group that is put in another place, or a prefix
// that ends within a segment, may make one out of harmless parts.
func climbs(path []byte) bool {
	for segment := range bytes.SplitSeq(path, slash) {
		if dots(segment) {
			return true
		}
	}
	return false
}

var slash = []byte("/")

// dots reports whether a segment is "." or "..", percent-encoded or not.
func dots(segment []byte) bool {
	n := 0
	for len(segment) > 0 {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) >= 3 && segment[0] == '%' && segment[1] == '2' && (segment[2]|0x20) == 'e':
			segment = segment[3:]
		default:
			return false
		}
		n++
	}
	return n == 1 || n == 2
}
