package ingress

// nginxTLS are annotations about TLS with clients.
func nginxTLS() []annotation {
	return []annotation{
		{name: "ssl-passthrough", read: func(v value) { v.passthrough = v.boolean() },
			note: "connections go to the backend of the host's first path"},
		{name: "auth-tls-secret", read: func(v value) { v.clients.secret = v.text }, note: "NAMESPACE/NAME with ca.crt"},
		{name: "auth-tls-verify-client", read: func(v value) { v.verifyClient() },
			note: "on, off or optional; with optional a certificate that does not verify is let in as if there were none"},
		{name: "auth-tls-verify-depth", read: func(v value) { v.depth() }, effect: ignored, note: "chains may have any length"},
		{name: "auth-tls-pass-certificate-to-upstream", effect: ignored, note: "the backend does not see the client's certificate"},
		{name: "auth-tls-error-page", effect: ignored, note: "the handshake fails, which no page can follow"},
		{name: "auth-tls-match-cn", effect: protecting},
		{name: "ssl-ciphers", effect: ignored, note: "Go's choice is used"},
		{name: "ssl-prefer-server-ciphers", effect: unneeded},
		{name: "http2-push-preload", effect: unneeded, note: "clients have given up server push"},
	}
}

func (v value) verifyClient() {
	v.clients.asked = true
	switch v.text {
	case "on":
		v.clients.wanted = true
	case "optional", "optional_no_ca":
		v.clients.wanted, v.clients.optional = true, true
	case "off":
	default:
		v.clients.wanted = true
		v.invalid("on, off or optional; certificates are demanded")
	}
}

// nginxOthers are annotations that this build does not read.
func nginxOthers() []annotation {
	return []annotation{
		// They name who gets in.
		{name: "whitelist-source-range", read: func(v value) { v.allow = v.ranges() }, note: "as allowlist-source-range, which beats it"},
		{name: "allowlist-source-range", read: func(v value) {
			if ranges := v.ranges(); len(ranges) > 0 {
				v.allow = ranges
			}
		}, note: "403 for others; the address is that of the connection, or of the PROXY protocol. Redirects are for everybody"},
		{name: "denylist-source-range", read: func(v value) { v.deny = v.ranges() }, note: "403, even for what the others allow"},
		{name: "auth-type", effect: protecting},
		{name: "auth-secret", effect: protecting},
		{name: "auth-url", effect: protecting},
		{name: "auth-secret-type", effect: ignored},
		{name: "auth-realm", effect: ignored},
		{name: "auth-signin", effect: ignored},
		{name: "auth-signin-redirect-param", effect: ignored},
		{name: "auth-method", effect: ignored},
		{name: "auth-response-headers", effect: ignored},
		{name: "auth-request-redirect", effect: ignored},
		{name: "auth-proxy-set-headers", effect: ignored},
		{name: "auth-cache-key", effect: ignored},
		{name: "auth-cache-duration", effect: ignored},
		{name: "auth-keepalive", effect: ignored},
		{name: "auth-always-set-cookie", effect: ignored},
		{name: "enable-global-auth", effect: unneeded},
		{name: "enable-modsecurity", effect: protecting},
		{name: "enable-owasp-core-rules", effect: protecting},
		{name: "modsecurity-transaction-id", effect: ignored},

		{name: "global-rate-limit", effect: ignored},
		{name: "global-rate-limit-window", effect: ignored},
		{name: "global-rate-limit-key", effect: ignored},
		{name: "global-rate-limit-ignored-cidrs", effect: ignored},

		{name: "configuration-snippet", effect: never},
		{name: "server-snippet", effect: never},
		{name: "stream-snippet", effect: never},
		{name: "auth-snippet", effect: never},
		{name: "modsecurity-snippet", effect: never},

		{name: "enable-access-log", effect: ignored, note: "the access log is a matter of the listener"},
		{name: "enable-rewrite-log", effect: unneeded},
		{name: "enable-opentelemetry", effect: ignored, note: "tracing is a matter of the mesh configuration"},
		{name: "opentelemetry-trust-incoming-span", effect: ignored},
		{name: "opentelemetry-operation-name", effect: ignored},
	}
}
