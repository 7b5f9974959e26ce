package behavior

// nginxRedirects are annotations that answer in place of a backend.
func nginxRedirects() map[string]nginxCase {
	return map[string]nginxCase{
		"permanent-redirect is 301 to one URL, whatever the path": {
			annotations: "permanent-redirect: https://www.example.org/new",
			script: `get http://t.example/a/b 301
				header Location https://www.example.org/new`,
		},
		"permanent-redirect-code changes the code": {
			annotations: "permanent-redirect: https://www.example.org/new\npermanent-redirect-code: 308",
			script: `get http://t.example/a 308
				header Location https://www.example.org/new`,
		},
		"temporal-redirect is 302, and beaten by a permanent one": {
			annotations: "temporal-redirect: https://www.example.org$request_uri",
			script: `get 'http://t.example/a?b' 302
				header Location 'https://www.example.org/a?b'`,
		},
		"temporal-redirect-code changes the code": {
			annotations: "temporal-redirect: https://www.example.org/new\ntemporal-redirect-code: 307",
			script:      `get http://t.example/ 307`,
		},
		"permanent beats temporal": {
			annotations: "temporal-redirect: https://www.example.org/b\npermanent-redirect: https://www.example.org/a",
			script: `get http://t.example/ 301
				header Location https://www.example.org/a`,
		},
		"app-root redirects the root alone with 302": {
			annotations: "app-root: /app",
			script: `get http://t.example/ 302
				[ingress] header Location http://t.example/app
				[gateway] header Location http://t.example:8000/app
				get http://t.example/other 200 web`,
		},
		"from-to-www-redirect adds the other name": {
			annotations: "from-to-www-redirect: true",
			script: `get http://www.t.example/x 308
				[ingress] header Location http://t.example/x
				[gateway] header Location http://t.example:8000/x
				get http://t.example/x 200 web`,
		},
		"ssl-redirect is on by default where the host has TLS": {
			annotations: "preserve-trailing-slash: false",
			tls:         true,
			script: `get 'http://t.example/x/?y' 308
				header Location 'https://t.example/x/?y'
				get -ca ca https://t.example:8443/x 200 web`,
		},
		"ssl-redirect: false serves both": {
			annotations: "ssl-redirect: false",
			tls:         true,
			script: `get http://t.example/ 200 web
				get -ca ca https://t.example:8443/ 200 web`,
		},
		"ssl-redirect does nothing where the host has no TLS": {
			annotations: "ssl-redirect: true",
			script:      `get http://t.example/ 200 web`,
		},
		"force-ssl-redirect redirects even where the host has no TLS": {
			annotations: "force-ssl-redirect: true",
			script: `get http://t.example/x 308
				header Location https://t.example/x`,
		},
	}
}

// nginxPaths are rows of use-regex.
func nginxPaths() map[string]nginxCase {
	return map[string]nginxCase{
		"use-regex makes expressions of paths, without regard to case, at their beginning": {
			annotations: "use-regex: true",
			paths:       `ImplementationSpecific /v[0-9]+/users web, ImplementationSpecific /files/.*\.jpg other`,
			script: `get http://t.example/v12/users 200 web
				get http://t.example/V12/USERS 200 web
				get http://t.example/v12/users-and-more 200 web
				get http://t.example/v/users 404
				get http://t.example/files/a/b.jpg 200 other`,
		},
		"use-regex makes Exact and Prefix paths expressions too": {
			annotations: "use-regex: true",
			paths:       "Exact /exact web, Prefix /prefix web",
			script: `get http://t.example/exact/and/more 200 web
				get http://t.example/PREFIXED 200 web`,
		},
		"use-regex is not for other Ingresses of the host": { // of ingress-nginx it is
			annotations: "use-regex: true",
			paths:       "ImplementationSpecific /regex/[a-z]+ web",
			more:        ingressOf("plain", "", "Prefix /plain other"),
			script: `get http://t.example/REGEX/x 200 web
				get http://t.example/plain/x 200 other
				get http://t.example/PLAIN 404`,
		},
		"a path that lacks the slash at its end is served, and not redirected with 301": {
			annotations: "proxy-buffering: off",
			paths:       "Prefix /dir/ web",
			script: `get http://t.example/dir 200 web
				get http://t.example/dir/x 200 web`,
		},
		"paths are compared as they came": { // ingress-nginx makes one slash of two, and goes up for dots
			annotations: "proxy-buffering: off",
			paths:       "Prefix /a/b web",
			script: `get http://t.example/a//b 404
				get http://t.example/x/../a/b 400`,
		},
		"a longer expression comes before a shorter one": {
			annotations: "use-regex: true",
			paths:       "ImplementationSpecific /a web, ImplementationSpecific /a/b other",
			script: `get http://t.example/a/b 200 other
				get http://t.example/a/c 200 web`,
		},
	}
}

// nginxRewrites are rows of rewrite-target.
func nginxRewrites() map[string]nginxCase {
	return map[string]nginxCase{
		"rewrite-target takes groups, and makes expressions of paths": {
			annotations: "rewrite-target: /$2",
			paths:       "ImplementationSpecific /app(/|$)(.*) web",
			script: `get http://t.example/app/x/y 200 web
				json path /x/y
				get http://t.example/app 200 web
				json path /
				get 'http://t.example/app/?q=1' 200 web
				json path '/?q=1'
				get http://t.example/apple 404`,
		},
		"rewrite-target below another path": {
			annotations: "rewrite-target: /v2/$1",
			paths:       "ImplementationSpecific /v1/(.*) web",
			script: `get http://t.example/v1/x/y 200 web
				json path /v2/x/y`,
		},
		"rewrite-target without groups replaces the whole path": {
			annotations: "rewrite-target: /new",
			paths:       "Prefix /old web",
			script: `get http://t.example/old/and/more 200 web
				json path /new`,
		},
		"rewrite-target without effect": {
			annotations: "rewrite-target: /$1",
			paths:       "ImplementationSpecific /(.*) web",
			script: `get http://t.example/x/y 200 web
				json path /x/y`,
		},
		"rewrite-target with several groups": {
			annotations: "rewrite-target: /$2/$1",
			paths:       "ImplementationSpecific /([a-z]+)/([a-z]+) web",
			script: `get http://t.example/x/y 200 web
				json path /y/x`,
			lost:     "cannot rewrite by the groups",
			migrated: `get http://t.example/x/y 500`,
		},
	}
}

// nginxHosts are annotations about names.
func nginxHosts() map[string]nginxCase {
	return map[string]nginxCase{
		"server-alias serves another name": {
			annotations: "server-alias: other.example, third.example",
			script: `get http://t.example/ 200 web
				get http://other.example/ 200 web
				get http://third.example/ 200 web`,
		},
		"server-alias gives way to a host with rules": {
			annotations: "server-alias: other.example",
			more:        ingressFor("other.example", "plain", "", "Prefix /x other"),
			script: `get http://other.example/x 200 other
				get http://other.example/ 404`,
		},
		"upstream-vhost is the Host that the backend sees": {
			annotations: "upstream-vhost: internal.example",
			script: `get http://t.example/ 200 web
				json host internal.example`,
		},
		"x-forwarded-prefix is a header of the request": {
			annotations: "x-forwarded-prefix: /prefix",
			script: `get http://t.example/ 200 web
				json headers.X-Forwarded-Prefix /prefix`,
		},
	}
}

// nginxCanaries are annotations of an Ingress beside another one, main.
func nginxCanaries() map[string]nginxCase {
	main := ingressOf("main", "", "Prefix / other")
	return map[string]nginxCase{
		"canary-weight is a share of a hundred": {
			annotations: "canary: true\ncanary-weight: 20",
			more:        main,
			script:      `spread 10 http://t.example/ other=8 web=2`,
		},
		"canary-weight-total changes the hundred": {
			annotations: "canary: true\ncanary-weight: 1\ncanary-weight-total: 4",
			more:        main,
			script:      `spread 8 http://t.example/ other=6 web=2`,
		},
		"canary-weight 0 takes nothing": {
			annotations: "canary: true\ncanary-weight: 0",
			more:        main,
			script:      `spread 4 http://t.example/ other=4`,
		},
		"canary-by-header: always, never, and else the weight": {
			annotations: "canary: true\ncanary-by-header: X-Canary\ncanary-weight: 0",
			more:        main,
			script: `get -H 'X-Canary: always' http://t.example/ 200 web
				get -H 'X-Canary: never' http://t.example/ 200 other
				get -H 'X-Canary: perhaps' http://t.example/ 200 other
				get http://t.example/ 200 other`,
		},
		"canary-by-header-value is the value in place of always and never": {
			annotations: "canary: true\ncanary-by-header: X-Canary\ncanary-by-header-value: yes-please",
			more:        main,
			script: `get -H 'X-Canary: yes-please' http://t.example/ 200 web
				get -H 'X-Canary: always' http://t.example/ 200 other`,
		},
		"canary-by-header-pattern is an expression for the value": {
			annotations: "canary: true\ncanary-by-header: X-Build\ncanary-by-header-pattern: [0-9]+",
			more:        main,
			script: `get -H 'X-Build: build-123' http://t.example/ 200 web
				get -H 'X-Build: build-x' http://t.example/ 200 other`,
		},
		"canary-by-header-value beats canary-by-header-pattern": {
			annotations: "canary: true\ncanary-by-header: X-Build\ncanary-by-header-pattern: [0-9]+\ncanary-by-header-value: now",
			more:        main,
			script: `get -H 'X-Build: now' http://t.example/ 200 web
				get -H 'X-Build: 1' http://t.example/ 200 other`,
		},
		"canary-by-cookie: always and never": {
			annotations: "canary: true\ncanary-by-cookie: canary",
			more:        main,
			script: `get -H 'Cookie: a=b; canary=always' http://t.example/ 200 web
				get -H 'Cookie: canary=never' http://t.example/ 200 other
				get -H 'Cookie: xcanary=always' http://t.example/ 200 other
				get http://t.example/ 200 other`,
		},
		"canaries are asked by header, then by cookie, then by weight": {
			annotations: "canary: true\ncanary-by-header: X-Canary\ncanary-by-cookie: canary\ncanary-weight: 100",
			more:        main,
			script: `get -H 'X-Canary: never' -H 'Cookie: canary=always' http://t.example/ 200 other
				get -H 'X-Canary: always' -H 'Cookie: canary=never' http://t.example/ 200 web
				get -H 'X-Canary: maybe' -H 'Cookie: canary=never' http://t.example/ 200 other
				get -H 'Cookie: canary=never' http://t.example/ 200 other
				get http://t.example/ 200 web`,
		},
		"a canary takes nothing but the backend from its Ingress": {
			annotations: "canary: true\ncanary-weight: 100\nupstream-vhost: of-the-canary.example",
			more:        main,
			script: `get http://t.example/ 200 web
				json host t.example`,
		},
	}
}
