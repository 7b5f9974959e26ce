package behavior

// several are three endpoints of one Service.
const several = "backend -service web second\nbackend -service web third"

// answering is a command that prints, for each of the numbers that stand for N in a
// request, which backend answered; in what order does not matter.
func answering(options, numbers string) string {
	return "$ for N in " + numbers + "; do curl -s -H 'Host: t.example' " + options +
		` http://$GATEWAY_IP:8000/; echo; done | sed 's/.*"backend":"\([^"]*\)".*/\1/' | sort | uniq -c | sed 's/  *//'`
}

// nginxEndpoints are annotations about which endpoint of a Service gets a request.
func nginxEndpoints() map[string]nginxCase {
	const ten, fifty = "1 2 3 4 5 6 7 8 9 10", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30"
	const turns = "spread 9 http://t.example/ web=3 second=3 third=3"
	return map[string]nginxCase{
		"load-balance: round_robin takes turns": {
			annotations: "load-balance: round_robin", setup: several, script: turns,
		},
		"load-balance: ewma avoids who is busy": {
			annotations: "load-balance: ewma", setup: "backend -service web -delay 5s slow",
			// While a request hangs at the slow one, all others go elsewhere.
			script: `$ while curl -s -H 'Host: t.example' http://$GATEWAY_IP:8000/ | grep -q web; do :; done >/dev/null 2>&1 &
				seen slow 1
				` + answering("", ten) + `
				stdout '^10 web$'`,
		},
		"upstream-hash-by a client's address": {
			annotations: "upstream-hash-by: $remote_addr", setup: several,
			script: answering("", ten) + "\nstdout '^10 '",
		},
		"upstream-hash-by a header": {
			annotations: "upstream-hash-by: $http_x_tenant", setup: several,
			script: answering("-H 'X-Tenant: a'", ten) + "\nstdout '^10 '\n" +
				answering(`-H "X-Tenant: $N"`, fifty) + "\nstdout web\nstdout second\nstdout third",
		},
		"affinity: cookie keeps a client where it was first": {
			annotations: "affinity: cookie", setup: several,
			script: `$ curl -s -D head -c jar -H 'Host: t.example' http://$GATEWAY_IP:8000/
				stdout '"backend":"web"'
				[ingress] grep '(?i)^set-cookie: INGRESSCOOKIE=[0-9]+; path=/\r?$' head
				[gateway] grep '(?i)^set-cookie: INGRESSCOOKIE=[0-9]+; path=/; expires=[^;]+ GMT; max-age=86400\r?$' head
				` + answering("-b INGRESSCOOKIE=$(sed -n 's/.*INGRESSCOOKIE\t//p' jar)", ten) + `
				stdout '^10 web$'
				get http://t.example/ 200 second`,
			differs: "the cookie lasts for a day, and not until the browser is closed",
		},
		"session-cookie-* say what the cookie is like": {
			annotations: `affinity: cookie
				session-cookie-name: route
				session-cookie-expires: 60
				session-cookie-max-age: 120
				session-cookie-path: /shop
				session-cookie-domain: t.example
				session-cookie-samesite: None
				session-cookie-secure: true`,
			script: `$ curl -s -D head -H 'Host: t.example' http://$GATEWAY_IP:8000/
				grep '(?i)^set-cookie: route=[0-9]+; path=/shop; domain=t.example; samesite=None; expires=[^;]+ GMT; max-age=120; secure' head`,
			lost: "session-cookie-path, session-cookie-domain, session-cookie-samesite, session-cookie-secure",
			migrated: `$ curl -s -D head -H 'Host: t.example' http://$GATEWAY_IP:8000/
				grep '(?i)^set-cookie: route=[0-9]+; path=/; expires=[^;]+ GMT; max-age=120\r?$' head`,
		},
		"session-cookie-expires without session-cookie-max-age": {
			annotations: "affinity: cookie\nsession-cookie-expires: 60",
			script: `$ curl -s -D head -H 'Host: t.example' http://$GATEWAY_IP:8000/
				grep '(?i)^set-cookie: INGRESSCOOKIE=[0-9]+; path=/; expires=[^;]+ GMT; max-age=60' head`,
		},
		"affinity of one Ingress among several": {
			annotations: "affinity: cookie\nsession-cookie-max-age: 60",
			more:        ingressOf("plain", "", "Prefix /plain web"),
			script: `$ curl -s -D head -H 'Host: t.example' http://$GATEWAY_IP:8000/plain
				[ingress] ! grep '(?i)^set-cookie' head
				[gateway] grep '(?i)^set-cookie: INGRESSCOOKIE' head`,
			differs: "the SessionStickyPolicy that Ingress default/t asks for is for all who use it",
		},
	}
}

// nginxAddresses are annotations about the addresses of clients.
func nginxAddresses() map[string]nginxCase {
	const redirected = "get http://t.example/ 302\nget http://t.example/x 403"
	const denied = "get http://t.example/ 403\nheader Fsm-Reason access_denied"
	return map[string]nginxCase{
		"allowlist-source-range lets nobody else in": {
			annotations: "allowlist-source-range: 10.0.0.0/8,2001:db8::/32", script: denied,
		},
		"allowlist-source-range lets in whom it names": {
			annotations: "allowlist-source-range: 10.0.0.0/8, 127.0.0.0/8", script: "get http://t.example/ 200 web",
		},
		"allowlist-source-range does not believe X-Forwarded-For": {
			annotations: "allowlist-source-range: 10.0.0.0/8", script: "get -H 'X-Forwarded-For: 10.0.0.1' http://t.example/ 403",
		},
		"whitelist-source-range is its older name": {
			annotations: "whitelist-source-range: 10.0.0.0/8", script: denied,
		},
		"allowlist-source-range beats whitelist-source-range": {
			annotations: "whitelist-source-range: 127.0.0.0/8\nallowlist-source-range: 10.0.0.0/8", script: denied,
		},
		"denylist-source-range keeps out whom it names": {
			annotations: "denylist-source-range: 127.0.0.0/8", script: denied,
		},
		"denylist-source-range lets the others in": {
			annotations: "denylist-source-range: 10.0.0.0/8", script: "get http://t.example/ 200 web",
		},
		"denylist-source-range beats allowlist-source-range": {
			annotations: "allowlist-source-range: 127.0.0.0/8\ndenylist-source-range: 127.0.0.0/8", script: denied,
		},
		"denylist-source-range cuts a hole into allowlist-source-range": {
			annotations: "allowlist-source-range: 127.0.0.0/8\ndenylist-source-range: 127.200.0.0/16",
			script: `get http://t.example/ 200 web
				$ curl -s --interface 127.200.0.9 -o /dev/null -w '%{http_code}' -H 'Host: t.example' http://$GATEWAY_IP:8000/
				stdout 403`,
		},
		"allowlist-source-range of one Ingress among several": {
			annotations: "allowlist-source-range: 10.0.0.0/8",
			more:        ingressOf("open", "", "Prefix /open other") + "---\n" + ingressOf("closed", "denylist-source-range: 0.0.0.0/0", "Prefix /open/not other"),
			script: denied + `
				get http://t.example/open 200 other
				get http://t.example/open/not 403`,
		},
		"allowlist-source-range is not for redirects": {
			annotations: "allowlist-source-range: 10.0.0.0/8\napp-root: /x", script: redirected,
		},
		"allowlist-source-range is not for redirects to TLS": {
			annotations: "allowlist-source-range: 10.0.0.0/8", tls: true,
			script: "get http://t.example/ 308\nget -ca ca https://t.example:8443/ 403",
		},
		"allowlist-source-range is not for preflights": {
			annotations: "allowlist-source-range: 10.0.0.0/8\nenable-cors: true",
			script: `[ingress] get -X OPTIONS -H 'Origin: https://a.example' -H 'Access-Control-Request-Method: PUT' http://t.example/ 204
				[gateway] get -X OPTIONS -H 'Origin: https://a.example' -H 'Access-Control-Request-Method: PUT' http://t.example/ 403
				get http://t.example/ 403`,
			differs: "preflights of CORS by clients that are kept out",
		},
		"denylist-source-range of calls": {
			annotations: "backend-protocol: GRPC\ndenylist-source-range: 127.0.0.0/8",
			setup:       "grpc-backend calls",
			paths:       "Prefix / calls",
			script:      "grpc http://t.example/shop.Orders/List PERMISSION_DENIED",
		},
		"allowlist-source-range that cannot be read lets nobody in": {
			annotations: "allowlist-source-range: 127.0.0.0/8 10.0.0.0/8",
			script: `get http://t.example/ 500
				header Fsm-Reason unsupported_value
				[ingress] conditions 'Ingress default/t' Accepted=False/InvalidAnnotation`,
			lost: "10.0.0.0/8", migrated: "get http://t.example/ 500",
		},
		"allowlist-source-range and ssl-passthrough do not go together": {
			annotations: "allowlist-source-range: 10.0.0.0/8\nssl-passthrough: true",
			setup:       "cert -dns t.example backend\nbackend -tls backend -http1 secure",
			paths:       "Prefix / secure",
			script:      "! get -ca ca https://t.example:8443/",
			lost:        "TLS is left to the backends",
			migrated:    "! get -ca ca https://t.example:8443/",
		},
	}
}
