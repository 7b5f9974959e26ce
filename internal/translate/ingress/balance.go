package ingress

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/policy"
)

// nginxBalancing are annotations about which endpoint a request goes to.
func nginxBalancing() []annotation {
	return []annotation{
		{name: "load-balance", read: func(v value) { v.balance() }, note: "round_robin, or ewma: the endpoint with the fewest requests under way"},
		{name: "upstream-hash-by", read: func(v value) { v.hashBy() },
			note: "$remote_addr, $binary_remote_addr or a header, $http_NAME; a request without the header counts by the client's address"},
		{name: "upstream-hash-by-subset", effect: ignored, note: "what hashes to the same value goes to one endpoint"},
		{name: "upstream-hash-by-subset-size", effect: ignored},
		{name: "affinity", read: func(v value) {
			if v.sticky = v.text == "cookie"; !v.sticky {
				v.invalid("cookie")
			}
		}, note: "cookie"},
		{name: "affinity-mode", effect: unneeded, note: "clients stay where they are, as with persistent, while that endpoint can be used"},
		{name: "affinity-canary-behavior", effect: ignored, note: "a client that has a cookie of the canary stays with it where both Ingresses have affinity"},
		{name: "session-cookie-name", read: func(v value) {
			if !core.IsToken(v.text) {
				v.invalid("a name of a cookie")
				return
			}
			v.session.Cookie = v.text
		}, note: defaultCookie + " if missing; the value is opaque, and cannot be made up"},
		{name: "session-cookie-expires", read: func(v value) { v.lifetime() }, note: "seconds; session-cookie-max-age beats it"},
		{name: "session-cookie-max-age", read: func(v value) { v.lifetime() }, note: "seconds"},
		{name: "session-cookie-path", read: func(v value) {
			if !strings.HasPrefix(v.text, "/") || strings.ContainsFunc(v.text, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ';' }) {
				v.invalid("a path")
				return
			}
			v.session.Path = v.text
		}, note: "/ if missing"},
		{name: "session-cookie-domain", read: func(v value) {
			if len(validation.IsDNS1123Subdomain(strings.ToLower(strings.TrimPrefix(v.text, ".")))) > 0 {
				v.invalid("a DNS name")
				return
			}
			v.session.Domain = v.text
		}},
		{name: "session-cookie-secure", read: func(v value) { v.session.Secure = v.boolean() }, note: "with TLS it always is"},
		{name: "session-cookie-samesite", read: func(v value) {
			if !slices.Contains([]string{"Strict", "Lax", "None"}, v.text) {
				v.invalid("Strict, Lax or None")
				return
			}
			v.session.SameSite = v.text
		}},
		{name: "session-cookie-conditional-samesite-none", effect: ignored, note: "all browsers get the same attributes"},
		{name: "session-cookie-change-on-failure", effect: unneeded, note: "a client whose endpoint fails gets another one, and its cookie"},
	}
}

// defaultCookie is that of ingress-nginx.
const defaultCookie = "INGRESSCOOKIE"

// lifetime of the cookie.
func (v value) lifetime() {
	const decade = 10 * 365 * 24 * 3600
	if n, ok := v.number(0, decade); ok {
		v.session.Lifetime = ir.Duration(time.Duration(n) * time.Second)
	}
}

// balance reads a way to choose endpoints. An unknown one has always meant the
// default.
func (v value) balance() {
	switch v.text {
	case "", "round-robin", "round_robin":
		v.upstream.Balancing = ir.Balancing{}
	case "hashing":
		v.upstream.Balancing = ir.Balancing{Kind: ir.BalanceHash}
	case "least-work", "ewma":
		v.upstream.Balancing = ir.Balancing{Kind: ir.BalanceLeast}
	default:
		v.invalid("round-robin, hashing or least-work")
	}
}

// hashBy reads an expression of nginx, as far as it is a single variable of those that
// say who the client is.
func (v value) hashBy() {
	if v.text == "$remote_addr" || v.text == "$binary_remote_addr" {
		v.upstream.Balancing = ir.Balancing{Kind: ir.BalanceHash}
		return
	}
	header, ok := strings.CutPrefix(v.text, "$http_")
	if header = strings.ReplaceAll(header, "_", "-"); !ok || !core.IsToken(header) || strings.Contains(header, "$") {
		v.invalid("$remote_addr, $binary_remote_addr or $http_NAME")
		return
	}
	v.upstream.Balancing = ir.Balancing{Kind: ir.BalanceHash, Header: header}
}

// ranges reads addresses of clients. What is none of them would let in others than its
// author thinks.
func (v value) ranges() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range v.list() {
		prefix, err := policy.ParsePrefix(text)
		if err != nil {
			v.breaks("%v", err)
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}
