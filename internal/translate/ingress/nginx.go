package ingress

import (
	"net/url"
	"strconv"
	"strings"

	"fsm/internal/ir"
)

// nginxPrefix is that of ingress-nginx, whose documentation says what each means:
// https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/
const nginxPrefix = "nginx.ingress.kubernetes.io/"

// nginxRouting are annotations about which request goes where.
func nginxRouting() []annotation {
	return []annotation{
		{name: "use-regex", read: func(v value) { v.regex = v.boolean() },
			note: "paths of all types become expressions without regard to case that must fit the beginning of the path; RE2, and only those of the same Ingress"},
		{name: "rewrite-target", read: func(v value) { v.rewriteTarget = v.text },
			note: "replaces the whole path, and makes expressions of the Ingress's paths as use-regex does"},
		{name: "app-root", read: func(v value) {
			if !strings.HasPrefix(v.text, "/") {
				v.invalid("a path")
				return
			}
			v.appRoot = v.text
		}},
		{name: "ssl-redirect", read: func(v value) {
			v.plain = plainServed
			if v.boolean() {
				v.plain = plainRedirected
			}
		}, note: "308, for hosts under spec.tls; without the annotation they answer 403 without TLS, or with class nginx as if it were true"},
		{name: "force-ssl-redirect", read: func(v value) {
			if v.boolean() {
				v.plain, v.force = plainRedirected, true
			}
		}, note: "looks at the connection and not at X-Forwarded-Proto: behind something that ends TLS it redirects for ever"},
		{name: "preserve-trailing-slash", effect: unneeded, note: "redirects keep the path as it came"},
		{name: "permanent-redirect", read: func(v value) { v.redirectTo(301) },
			note: "the query of the request is kept; of the variables of nginx only $request_uri at the end is known"},
		{name: "permanent-redirect-code", read: func(v value) { v.redirectCode() }, note: "301, 302, 303, 307 or 308"},
		{name: "temporal-redirect", read: func(v value) { v.redirectTo(302) }, note: "as permanent-redirect, which beats it"},
		{name: "temporal-redirect-code", read: func(v value) { v.redirectCode() }, note: "301, 302, 303, 307 or 308"},
		{name: "from-to-www-redirect", read: func(v value) { v.www = v.boolean() }, note: "308, unless the other name has rules of its own"},
		{name: "server-alias", read: func(v value) { v.alias() }, note: "no expressions; a name with rules of its own keeps those"},
		{name: "canary", read: func(v value) { v.canary.on = v.boolean() }},
		{name: "canary-weight", read: func(v value) { v.canary.weight, _ = v.number(0, 1<<20) }, note: "exact, not left to chance"},
		{name: "canary-weight-total", read: func(v value) { v.canary.total, _ = v.number(1, 1<<20) }},
		{name: "canary-by-header", read: func(v value) { v.canary.header = v.text }},
		{name: "canary-by-header-value", read: func(v value) { v.canary.value = v.text }},
		{name: "canary-by-header-pattern", read: func(v value) { v.canary.pattern = v.text }, note: "RE2; it may fit any part of the value"},
		{name: "canary-by-cookie", read: func(v value) { v.canary.cookie = v.text }},
		{name: "upstream-vhost", read: func(v value) { v.host = v.text }},
		{name: "x-forwarded-prefix", read: func(v value) {
			v.requestHeaders = append(v.requestHeaders, ir.HeaderField{Name: "X-Forwarded-Prefix", Value: v.text})
		}, note: "always the given value"},
		{name: "custom-headers", read: func(v value) { v.responseHeaders = v.text }, note: "names a ConfigMap, NAMESPACE/NAME, with headers of responses"},
		{name: "mirror-target", read: func(v value) { v.mirror = v.text },
			note: "an http URL with $request_uri at the end; the host is looked up by DNS and does not become the Host header"},
		{name: "mirror-request-body", read: func(v value) {
			if v.text == "off" {
				v.warn("%s: bodies are mirrored", ignored)
			}
		}, effect: ignored, note: "bodies are mirrored, up to the limit of mirrors"},
		{name: "mirror-host", effect: ignored, note: "mirrored requests have the Host that the client sent"},
		{name: "enable-cors", read: func(v value) { v.corsEnabled = v.boolean() }},
		{name: "cors-allow-origin", read: func(v value) { v.cors.AllowOrigins = v.list() }},
		{name: "cors-allow-methods", read: func(v value) { v.cors.AllowMethods = v.list() }},
		{name: "cors-allow-headers", read: func(v value) { v.cors.AllowHeaders = v.list() }},
		{name: "cors-expose-headers", read: func(v value) { v.cors.ExposeHeaders = v.list() }},
		{name: "cors-allow-credentials", read: func(v value) { v.cors.AllowCredentials = v.boolean() }},
		{name: "cors-max-age", read: func(v value) {
			if n, ok := v.number(0, 1<<30); ok {
				v.cors.MaxAge = uint32(n)
			}
		}},
		{name: "default-backend", effect: ignored, note: "a Service without endpoints is answered with 503"},
		{name: "custom-http-errors", effect: ignored, note: "errors of backends are passed on"},
		{name: "satisfy", effect: protecting},
	}
}

// alias reads further names of the Ingress's hosts.
func (v value) alias() {
	for _, name := range v.list() {
		if strings.ContainsAny(name, "~^$()|") {
			v.warn("%q is ignored: want a DNS name, expressions are not supported", name)
			continue
		}
		v.aliases = append(v.aliases, strings.ToLower(name))
	}
}

// requestURI is the variable of nginx for path and query as they came.
const requestURI = "$request_uri"

// redirectTo reads the target of a redirect, unless another annotation has given
// one.
func (v value) redirectTo(status uint16) {
	if v.redirect != nil {
		return
	}
	target, keep := strings.CutSuffix(v.text, requestURI)
	u, err := url.Parse(target)
	if err != nil || strings.Contains(target, "$") || target == "" || u.RawQuery != "" || u.Fragment != "" {
		v.breaks("%q is no redirect that is supported: want a URL without query, fragment and variables", v.text)
		return
	}
	r := &ir.Redirect{Scheme: u.Scheme, Hostname: u.Hostname(), Status: status}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		r.Port = uint16(port)
	}
	if !keep {
		r.Path = &ir.PathRewrite{Kind: ir.ReplaceFullPath, Value: u.EscapedPath()}
	}
	v.redirect = r
}

func (v value) redirectCode() {
	n, ok := v.number(300, 399)
	switch {
	case !ok:
	case n != 301 && n != 302 && n != 303 && n != 307 && n != 308:
		v.invalid("301, 302, 303, 307 or 308")
	case v.redirect != nil:
		v.redirect.Status = uint16(n)
	}
}
