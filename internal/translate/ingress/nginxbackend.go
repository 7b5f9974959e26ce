package ingress

import (
	"slices"
	"strings"

	"fsm/internal/ir"
)

// nginxBackends are annotations about how backends are talked to.
func nginxBackends() []annotation {
	return []annotation{
		{name: "backend-protocol", read: func(v value) { v.protocol() }, note: "HTTP, HTTPS, GRPC or GRPCS; TLS is not verified unless proxy-ssl-verify says so"},
		{name: "proxy-connect-timeout", read: func(v value) { v.upstream.ConnectTimeout = v.seconds() }},
		{name: "proxy-read-timeout", read: func(v value) { v.readTimeout = v.seconds() }, note: "for WebSockets too, in which a byte of either side counts"},
		{name: "proxy-send-timeout", effect: ignored, note: "a backend that does not read is given up after the default time"},
		{name: "proxy-next-upstream", read: func(v value) { v.retryOn() }, note: "http_500 to http_504, http_403, http_404, http_429, off; connections that fail are retried anyway"},
		{name: "proxy-next-upstream-tries", read: func(v value) {
			if n, ok := v.number(0, 100); ok && n > 0 {
				v.attempts(uint32(n - 1))
			}
		}, note: "counts the first one"},
		{name: "proxy-next-upstream-timeout", effect: ignored, note: "the number of tries bounds retries"},
		{name: "proxy-body-size", read: func(v value) {
			if n, ok := v.size(); ok {
				v.bodyLimit = n
			}
		}, note: "413; without it there is no limit, where ingress-nginx has 1m"},
		{name: "proxy-ssl-secret", read: func(v value) { v.upstreamSecret = v.text }, note: "counts where backend-protocol is HTTPS or GRPCS"},
		{name: "proxy-ssl-verify", read: func(v value) { v.requireVerify = v.text == "on" }},
		{name: "proxy-ssl-name", read: func(v value) { v.upstream.ServerName = v.text }},
		{name: "proxy-ssl-server-name", read: func(v value) {
			if v.text == "off" && v.upstream.ServerName != "" {
				v.warn("%s: the name of proxy-ssl-name is sent", ignored)
			}
		}},
		{name: "proxy-ssl-verify-depth", read: func(v value) { v.depth() }, effect: ignored, note: "chains may have any length"},
		{name: "proxy-ssl-protocols", effect: ignored, note: "TLS 1.2 and 1.3 are spoken"},
		{name: "proxy-ssl-ciphers", effect: ignored, note: "Go's choice is used"},
		{name: "service-upstream", effect: ignored, note: "endpoints are balanced here, and not by the Service's address"},
		{name: "proxy-http-version", effect: unneeded, note: "backends are spoken to in HTTP/1.1 or HTTP/2"},
		{name: "proxy-buffering", effect: unneeded, note: "bodies are streamed"},
		{name: "proxy-buffer-size", effect: unneeded},
		{name: "proxy-buffers-number", effect: unneeded},
		{name: "proxy-busy-buffers-size", effect: unneeded},
		{name: "proxy-max-temp-file-size", effect: unneeded},
		{name: "proxy-request-buffering", effect: unneeded, note: "bodies are streamed"},
		{name: "client-body-buffer-size", effect: unneeded},
		{name: "proxy-cookie-domain", effect: ignored, note: "cookies are passed on as the backend sets them"},
		{name: "proxy-cookie-path", effect: ignored, note: "cookies are passed on as the backend sets them"},
		{name: "proxy-redirect-from", effect: ignored, note: "Location is passed on as the backend sets it"},
		{name: "proxy-redirect-to", effect: ignored, note: "Location is passed on as the backend sets it"},
		{name: "connection-proxy-header", effect: ignored},
		{name: "disable-proxy-intercept-errors", effect: unneeded},
	}
}

// protocol reads what backends speak.
func (v value) protocol() {
	switch strings.ToUpper(v.text) {
	case "", "HTTP", "AUTO_HTTP":
	case "HTTPS":
		v.upstream.TLS = true
	case "GRPC":
		v.grpc = true
	case "GRPCS":
		v.grpc, v.upstream.TLS = true, true
	default:
		v.breaks("%q cannot be spoken: want HTTP, HTTPS, GRPC or GRPCS", v.text)
	}
}

// attempts sets how often is retried.
func (v value) attempts(n uint32) {
	if v.retry == nil {
		v.retry = &ir.Retry{}
	}
	v.retry.Attempts = n
}

// nginxTries is how often ingress-nginx tries by default, retries alone.
const nginxTries = 2

// retryOn reads the conditions of nginx for another try.
func (v value) retryOn() {
	words := strings.Fields(v.text)
	if slices.Contains(words, "off") {
		v.attempts(0)
		return
	}
	retry := &ir.Retry{Attempts: nginxTries}
	for _, word := range words {
		code, ok := retryCodes[word]
		switch {
		case ok:
			retry.Codes = append(retry.Codes, code)
		case word == "error", word == "timeout", word == "invalid_header":
			// What can be retried without a status is retried.
		case word == "non_idempotent":
			v.warn("%q is not honoured", word)
		default:
			v.warn("%q is not known", word)
		}
	}
	v.retry = retry
}

var retryCodes = map[string]uint16{
	"http_500": 500, "http_502": 502, "http_503": 503, "http_504": 504, "http_403": 403, "http_404": 404, "http_429": 429,
}
