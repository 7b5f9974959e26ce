package ir

import (
	"cmp"
	"strings"
)

// Hostnames are exact ("a.example.com"), a wildcard that stands for one or more
// labels ("*.example.com"), or empty for any. They are in lower case.

// HostnameCovers tells whether every name that b stands for is one that a stands
// for.
func HostnameCovers(a, b string) bool {
	return a == "" || a == b || isWildcard(a) && strings.HasSuffix(b, a[1:])
}

// IntersectHostnames is the hostname that stands for the names of both; ok is false
// when there are none.
func IntersectHostnames(a, b string) (hostname string, ok bool) {
	switch {
	case HostnameCovers(a, b):
		return b, true
	case HostnameCovers(b, a):
		return a, true
	default:
		return "", false
	}
}

// CompareHostnames sorts hostnames with fewer names first: exact ones, then
// wildcards, the longer before the shorter, then any. Of several hostnames that a
// name matches the first one is the most specific.
func CompareHostnames(a, b string) int {
	if order := cmp.Compare(hostnameWidth(a), hostnameWidth(b)); order != 0 {
		return order
	}
	return cmp.Compare(a, b)
}

func isWildcard(hostname string) bool { return strings.HasPrefix(hostname, "*.") }

func hostnameWidth(hostname string) int {
	const longest = 1 << 16
	switch {
	case hostname == "":
		return longest
	case isWildcard(hostname):
		return longest - len(hostname)
	default:
		return 0
	}
}
