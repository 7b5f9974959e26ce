package route

import (
	"bytes"
	"slices"
	"strings"
)

// Hosts finds values by hostname: exact names, "*." wildcards, which cover one
// or more labels, and the empty name, which covers everything.
type Hosts[T any] struct {
	exact map[string][]T
	// wildcard is keyed by what follows the star: ".example.com".
	wildcard map[string][]T
	any      []T
}

// MakeHosts compiles a list of hostnames and their values. Of several values for
// one hostname the first counts first.
func MakeHosts[T any](names []string, values []T) *Hosts[T] {
	h := &Hosts[T]{exact: map[string][]T{}, wildcard: map[string][]T{}}
	own := map[string][]T{}
	for i, name := range names {
		name = strings.ToLower(name)
		own[name] = append(own[name], values[i])
	}
	h.any = own[""]
	for name := range own {
		if suffix, ok := strings.CutPrefix(name, "*"); ok {
			h.wildcard[suffix] = chain(own, name, suffix[1:])
		} else if name != "" {
			h.exact[name] = chain(own, name, name)
		}
	}
	return h
}

// chain lists the values of a name and then of the wildcards around it, most
// specific first; rest is the name without its star.
func chain[T any](own map[string][]T, name, rest string) []T {
	values := slices.Clone(own[name])
	for i := strings.IndexByte(rest, '.'); i >= 0; {
		values = append(values, own["*"+rest[i:]]...)
		next := strings.IndexByte(rest[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return append(values, own[""]...)
}

// Lookup returns the values whose hostname covers the authority, most specific
// first. Port, case and a trailing dot do not count.
func (h *Hosts[T]) Lookup(authority []byte) []T {
	if len(h.exact) == 0 && len(h.wildcard) == 0 {
		return h.any
	}
	var buf [256]byte
	host := canonicalHost(authority, buf[:0])
	if values, ok := h.exact[string(host)]; ok {
		return values
	}
	if len(h.wildcard) == 0 {
		return h.any
	}
	for i := bytes.IndexByte(host, '.'); i >= 0; {
		if values, ok := h.wildcard[string(host[i:])]; ok && i > 0 {
			return values
		}
		next := bytes.IndexByte(host[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return h.any
}

// canonicalHost appends the host of an authority in lower case to dst.
func canonicalHost(authority, dst []byte) []byte {
	if i := bytes.LastIndexByte(authority, ':'); i >= 0 && bytes.IndexByte(authority[i:], ']') < 0 {
		authority = authority[:i]
	}
	if n := len(authority); n > 0 && authority[n-1] == '.' {
		authority = authority[:n-1]
	}
	for _, c := range authority {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// Covers reports whether a hostname, possibly a wildcard or empty, covers a
// host.
func Covers(hostname string, authority []byte) bool {
	return len(MakeHosts([]string{hostname}, []struct{}{{}}).Lookup(authority)) > 0
}
