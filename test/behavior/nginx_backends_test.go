package behavior

// nginxMessages are annotations that change requests and answers, or copy them.
func nginxMessages() map[string]nginxCase {
	return map[string]nginxCase{
		"enable-cors with its defaults": {
			annotations: "enable-cors: true",
			script: `get -X OPTIONS -H 'Origin: https://a.example' -H 'Access-Control-Request-Method: PUT' http://t.example/ 204
				header Access-Control-Allow-Origin *
				header Access-Control-Max-Age 1728000
				header Access-Control-Allow-Methods 'GET, PUT, POST, DELETE, PATCH, OPTIONS'`,
		},
		"cors-* say who may ask what": {
			annotations: `enable-cors: true
				cors-allow-origin: https://a.example
				cors-allow-methods: GET, PUT
				cors-allow-headers: X-One
				cors-expose-headers: X-Two
				cors-allow-credentials: true
				cors-max-age: 60`,
			script: `get -X OPTIONS -H 'Origin: https://a.example' -H 'Access-Control-Request-Method: PUT' http://t.example/ 204
				header Access-Control-Allow-Origin https://a.example
				header Access-Control-Allow-Methods 'GET, PUT'
				header Access-Control-Allow-Headers X-One
				header Access-Control-Max-Age 60
				get -H 'Origin: https://a.example' http://t.example/ 200
				header Access-Control-Expose-Headers X-Two
				header Access-Control-Allow-Credentials true
				get -H 'Origin: https://b.example' http://t.example/ 200
				! header Access-Control-Allow-Origin`,
		},
		"custom-headers are those of a ConfigMap": {
			annotations: "custom-headers: default/headers",
			more:        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: headers}\ndata: {X-Frame-Options: DENY}",
			script: `get http://t.example/ 200 web
				header X-Frame-Options DENY`,
		},
		"mirror-target gets a copy": {
			annotations: "mirror-target: http://mirror.internal.example:9090$request_uri",
			setup:       "backend -bare -http1 -port 9090 shadow\ndns mirror.internal.example 127.0.0.1",
			script: `get 'http://t.example/x?y' 200 web
				seen shadow 1
				last shadow
				json path /x?y`,
		},
		"proxy-body-size answers 413": {
			annotations: "proxy-body-size: 8",
			script: `get -X POST -d 12345678 http://t.example/ 200 web
				get -X POST -d 123456789 http://t.example/ 413
				header Fsm-Reason body_too_large`,
		},
		"proxy-body-size has the units of nginx": {
			annotations: "proxy-body-size: 1k",
			script:      `get -X POST -d 123456789 http://t.example/ 200 web`,
		},
		"proxy-body-size of one Ingress among several": {
			annotations: "proxy-body-size: 8",
			more:        ingressOf("plain", "", "Prefix /plain other"),
			script: `get -X POST -d 123456789 http://t.example/ 413
				get -X POST -d 123456789 http://t.example/plain 200 other`,
			lost:     "a Gateway limits bodies for all its routes or for none",
			migrated: `get -X POST -d 123456789 http://t.example/plain 200 other`,
		},
	}
}

// secureBackend starts a backend with TLS, and makes a Secret with its authority.
const secureBackend = `cert -dns backend.example backend
	backend -tls backend -http1 secure
	secret -trust ca trusted`

// strictBackend is one that wants to know whom it talks to.
const strictBackend = `cert -dns backend.example backend
	ca clients
	cert -ca clients proxy
	backend -tls backend -client-ca clients -http1 strict
	secret -trust ca own proxy`

// nginxUpstreams are annotations about how backends are talked to.
func nginxUpstreams() map[string]nginxCase {
	return map[string]nginxCase{
		"proxy-read-timeout bounds the wait for an answer": {
			annotations: "proxy-read-timeout: 1",
			setup:       "backend -delay 10s slow",
			paths:       "Prefix / slow",
			script: `get http://t.example/ 504
				header Fsm-Reason upstream_timeout`,
		},
		"proxy-connect-timeout bounds the making of a connection": {
			annotations: "backend-protocol: HTTPS\nproxy-connect-timeout: 1",
			setup:       "silent mute",
			paths:       "Prefix / mute",
			// Without it this would take 5 s.
			script: `$ curl --max-time 4 -o /dev/null -w '%{http_code}' -H 'Host: t.example' http://$GATEWAY_IP:8000/
				stdout 503`,
			lost: "proxy-connect-timeout",
		},
		"proxy-next-upstream tries again upon a status": {
			annotations: "proxy-next-upstream: error http_503\nproxy-next-upstream-tries: 2",
			setup:       "backend -status 503 -fail 1 flaky",
			paths:       "Prefix / flaky",
			script: `get http://t.example/ 200 flaky
				seen flaky 2`,
		},
		"proxy-next-upstream-tries counts the first one": {
			annotations: "proxy-next-upstream: error http_503\nproxy-next-upstream-tries: 1",
			setup:       "backend -status 503 -fail 1 flaky",
			paths:       "Prefix / flaky",
			script: `get http://t.example/ 503 flaky
				seen flaky 1`,
		},
		"backend-protocol: GRPC speaks HTTP/2": {
			annotations: "backend-protocol: GRPC",
			setup:       "grpc-backend calls",
			paths:       "Prefix / calls",
			script:      `grpc http://t.example/shop.Orders/List OK calls`,
		},
		"backend-protocol: GRPC by service": {
			annotations: "backend-protocol: GRPC",
			setup:       "grpc-backend calls\ngrpc-backend users",
			paths:       "Prefix /shop.Orders calls, Prefix /shop.Users users",
			script: `grpc http://t.example/shop.Orders/List OK calls
				grpc http://t.example/shop.Users/List OK users`,
		},
	}
}

// nginxSecureUpstreams are annotations about TLS towards backends.
func nginxSecureUpstreams() map[string]nginxCase {
	return map[string]nginxCase{
		"backend-protocol: HTTPS verifies nothing": {
			annotations: "backend-protocol: HTTPS",
			setup:       secureBackend,
			paths:       "Prefix / secure",
			script:      `get http://t.example/ 200 secure`,
			lost:        "its certificate has to verify",
			migrated:    `get http://t.example/ 502`,
		},
		"proxy-ssl-verify wants the authority of proxy-ssl-secret and the name of proxy-ssl-name": {
			annotations: "backend-protocol: HTTPS\nproxy-ssl-secret: default/trusted\nproxy-ssl-verify: on\nproxy-ssl-name: backend.example\nproxy-ssl-server-name: on",
			setup:       secureBackend,
			paths:       "Prefix / secure",
			script: `get http://t.example/ 200 secure
				json serverName backend.example`,
		},
		"proxy-ssl-verify with another name fails": {
			annotations: "backend-protocol: HTTPS\nproxy-ssl-secret: default/trusted\nproxy-ssl-verify: on\nproxy-ssl-name: wrong.example",
			setup:       secureBackend,
			paths:       "Prefix / secure",
			script:      `get http://t.example/ 502`,
		},
		"proxy-ssl-secret has the proxy's own certificate too": {
			annotations: "backend-protocol: HTTPS\nproxy-ssl-secret: default/own\nproxy-ssl-verify: on\nproxy-ssl-name: backend.example",
			setup:       strictBackend,
			paths:       "Prefix / strict",
			script: `get http://t.example/ 200 strict
				json client proxy`,
		},
		"proxy-ssl-verify without proxy-ssl-name takes any name": {
			annotations: "backend-protocol: HTTPS\nproxy-ssl-secret: default/trusted\nproxy-ssl-verify: on",
			setup:       secureBackend,
			paths:       "Prefix / secure",
			script:      `get http://t.example/ 200 secure`,
		},
		"proxy-ssl-verify wants the authority of proxy-ssl-secret": {
			annotations: "backend-protocol: HTTPS\nproxy-ssl-secret: default/trusted\nproxy-ssl-verify: on",
			setup:       "ca strangers\ncert -ca strangers -dns backend.example backend\nbackend -tls backend -http1 secure\nsecret -trust ca trusted",
			paths:       "Prefix / secure",
			script:      `get http://t.example/ 502`,
		},
		"proxy-ssl-secret has the proxy's own certificate for backends of any name": {
			annotations: "backend-protocol: HTTPS\nproxy-ssl-secret: default/own\nproxy-ssl-verify: on",
			setup:       strictBackend,
			paths:       "Prefix / strict",
			script: `get http://t.example/ 200 strict
				json client proxy`,
		},
	}
}

// nginxClients are annotations about TLS with clients.
func nginxClients() map[string]nginxCase {
	const trust = "ca clients\ncert -ca clients alice\nca strangers\ncert -ca strangers mallory\nsecret -trust clients trusted"
	return map[string]nginxCase{
		"auth-tls-verify-client: on lets in whom the authority knows": {
			annotations: "auth-tls-secret: default/trusted\nauth-tls-verify-client: on",
			tls:         true,
			setup:       trust,
			script: `! get -ca ca https://t.example:8443/
				! get -ca ca -cert mallory https://t.example:8443/
				get -ca ca -cert alice https://t.example:8443/ 200 web`,
		},
		"auth-tls-secret alone demands a certificate": {
			annotations: "auth-tls-secret: default/trusted",
			tls:         true,
			setup:       trust,
			script: `! get -ca ca https://t.example:8443/
				get -ca ca -cert alice https://t.example:8443/ 200 web`,
		},
		"auth-tls-verify-client: optional asks and does not demand": {
			annotations: "auth-tls-secret: default/trusted\nauth-tls-verify-client: optional",
			tls:         true,
			setup:       trust,
			script: `get -ca ca https://t.example:8443/ 200 web
				get -ca ca -cert alice https://t.example:8443/ 200 web`,
		},
		"ssl-passthrough leaves TLS to the backend": {
			annotations: "ssl-passthrough: true",
			setup:       "cert -dns t.example backend\nbackend -tls backend -http1 secure",
			paths:       "Prefix / secure",
			script: `get -ca ca https://t.example:8443/ 200 secure
				peer backend
				json serverName t.example
				! get https://nobody.example:8443/`,
		},
	}
}

// nginxRefused are annotations that are not honoured. What protects is never skipped:
// nobody gets in.
func nginxRefused() map[string]nginxCase {
	table := map[string]nginxCase{}
	for name, value := range map[string]string{
		"auth-type": "basic", "auth-url": "http://auth.example/", "auth-tls-match-cn": "CN=alice", "enable-modsecurity": "true", "satisfy": "any",
	} {
		table[name+" is not honoured, and protects"] = nginxCase{
			annotations: name + ": " + value,
			script: `get http://t.example/ 500
				header Fsm-Reason unsupported_value
				[ingress] conditions 'Ingress default/t' Accepted=False/UnsupportedAnnotation`,
			lost:     name + " is not honoured, and protects",
			migrated: `get http://t.example/ 500`,
		}
	}
	for _, name := range []string{"configuration-snippet", "server-snippet", "stream-snippet", "auth-snippet", "modsecurity-snippet"} {
		table[name+" is never honoured"] = nginxCase{
			annotations: name + ": return 403;",
			script: `get http://t.example/ 200 web
				[ingress] conditions 'Ingress default/t' 'warning: annotation nginx.ingress.kubernetes.io/` + name + ` is never honoured'`,
			lost:     name + " is never honoured",
			migrated: `get http://t.example/ 200 web`,
		}
	}
	return table
}
