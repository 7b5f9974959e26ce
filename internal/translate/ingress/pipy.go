package ingress

import (
	"strings"

	"fsm/internal/ir"
)

const pipyPrefix = "pipy.ingress.kubernetes.io/"

// pipyAnnotations are FSM's own, with the defaults of FSM 1.2.
func pipyAnnotations() []annotation {
	return []annotation{
		{name: "rewrite-target-from", read: func(v value) { v.rewriteFrom = v.text },
			note: "an RE2 expression; there is no look-around and no back-reference"},
		{name: "rewrite-target-to", read: func(v value) { v.rewriteTo = v.text }},
		{name: "lb-type", read: func(v value) { v.balance() },
			note: "round-robin, hashing of the client's address, or least-work: the endpoint with the fewest requests under way"},
		{name: "session-sticky", read: func(v value) {
			if v.word() {
				v.upstream.Balancing = ir.Balancing{Kind: ir.BalanceHash}
			}
		}, note: "by the address of the client, whatever lb-type says"},
		{name: "upstream-ssl-name", read: func(v value) { v.upstream.ServerName = v.text }},
		{name: "upstream-ssl-secret", read: func(v value) { v.upstreamSecret, v.upstream.TLS = v.text, true }},
		{name: "upstream-ssl-verify", read: func(v value) { v.requireVerify = v.word() },
			note: "without it the backend may show any certificate"},
		{name: "tls-verify-client", read: func(v value) { v.clients.wanted, v.clients.asked = v.word(), true }},
		{name: "tls-verify-depth", read: func(v value) { v.depth() }, effect: ignored,
			note: "chains may have any length"},
		{name: "tls-trusted-ca-secret", read: func(v value) { v.clients.secret = v.text },
			note: "demands client certificates unless tls-verify-client says no"},
		{name: "upstream-protocol", read: func(v value) {
			switch strings.ToUpper(v.text) {
			case "GRPC":
				v.grpc = true
			case "HTTP", "":
			default:
				v.invalid("HTTP or GRPC")
			}
		}},
	}
}

// depth of a chain of certificates. Only the default is what happens anyway.
func (v value) depth() {
	if n, ok := v.number(0, 100); ok && n != 1 {
		v.warn("%s: chains of any length are accepted", ignored)
	}
}
