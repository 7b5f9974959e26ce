package behavior

// asOther is a command that prints the status of a request of another client.
const asOther = "$ curl -s -o /dev/null -w '%{http_code}' --interface 127.0.0.2 -H 'Host: t.example' http://$GATEWAY_IP:8000/"

// The bucket of a RateLimitPolicy is one for all, so that the migration has nothing for each
// client.
const lostLimits, unlimited = "nothing is counted for each client", "spread 9 http://t.example/ web=9"

// nginxRates are annotations about how often each client may ask.
func nginxRates() map[string]nginxCase {
	const lost, all = lostLimits, unlimited
	return map[string]nginxCase{
		"limit-rpm lets a burst of five times as many pass, of each client": {
			annotations: "limit-rpm: 1",
			script: `spread 9 http://t.example/ web=6 503=3
				get http://t.example/ 503
				header Fsm-Reason rate_limited
				` + asOther + `
				stdout 200`,
			lost: lost, migrated: all,
		},
		"limit-burst-multiplier says how many times as many": {
			annotations: "limit-rpm: 2\nlimit-burst-multiplier: 3",
			script:      "spread 9 http://t.example/ web=7 503=2",
			lost:        lost, migrated: all,
		},
		"limit-rps soon lets more pass": {
			annotations: "limit-rps: 1\nlimit-burst-multiplier: 1",
			script: `$ for N in 1 2 3 4 5 6 7 8 9; do curl -s -o /dev/null -w '%{http_code}\n' -H 'Host: t.example' http://$GATEWAY_IP:8000/; done
				stdout 200
				stdout 503
				` + asOther + `
				stdout 200
				eventually http://t.example/ 200 web`,
			lost: lost, migrated: all,
		},
		"limit-rps and limit-rpm both hold": {
			annotations: "limit-rps: 1000\nlimit-rpm: 1\nlimit-burst-multiplier: 1",
			script:      "spread 9 http://t.example/ web=2 503=7",
			lost:        lost, migrated: all,
		},
		"limit-rpm counts all paths of the Ingress together, and no others": {
			annotations: "limit-rpm: 1\nlimit-burst-multiplier: 1",
			paths:       "Prefix / web, Prefix /other other",
			more:        ingressOf("plain", "", "Prefix /plain other"),
			script: `get http://t.example/ 200 web
				get http://t.example/other 200 other
				get http://t.example/ 503
				get http://t.example/other 503
				get http://t.example/plain 200 other`,
			lost: lost, migrated: "get http://t.example/plain 200 other",
		},
		"limit-rpm does not believe X-Forwarded-For": {
			annotations: "limit-rpm: 1\nlimit-burst-multiplier: 1",
			script: `spread 2 http://t.example/ web=2
				get -H 'X-Forwarded-For: 10.0.0.1' http://t.example/ 503`,
			lost: lost, migrated: all,
		},
		"limit-rpm leaves redirects to everybody": {
			annotations: "limit-rpm: 1\nlimit-burst-multiplier: 1\npermanent-redirect: https://elsewhere.example",
			script:      "spread 9 http://t.example/ 301=9",
		},
	}
}

// nginxLimits are annotations about what else each client may do, and who is meant.
func nginxLimits() map[string]nginxCase {
	const lost, all = lostLimits, unlimited
	return map[string]nginxCase{
		"limit-connections counts what is under way": {
			annotations: "limit-connections: 1",
			setup:       "backend -delay 5s slow",
			paths:       "Prefix / web, Prefix /slow slow",
			script: `$ curl -s -H 'Host: t.example' http://$GATEWAY_IP:8000/slow >/dev/null 2>&1 &
				seen slow 1
				get http://t.example/ 503
				header Fsm-Reason concurrency_limited
				` + asOther + `
				stdout 200
				eventually http://t.example/ 200 web
				spread 9 http://t.example/ web=9`,
			lost: lost, migrated: all,
		},
		"limit-connections counts WebSockets": {
			annotations: "limit-connections: 1",
			script: `websocket chat ws://t.example/
				websocket-send chat hello 'web: hello'
				get http://t.example/ 503
				` + asOther + `
				stdout 200`,
			lost: lost, migrated: all,
		},
		"limit-allowlist names who is not counted": {
			annotations: "limit-rpm: 1\nlimit-connections: 1\nlimit-allowlist: 127.0.0.2/32, 10.0.0.0/8",
			script: `spread 9 http://t.example/ web=6 503=3
				` + asOther + `
				stdout 200
				$ for N in 1 2 3 4 5 6 7 8 9; do curl -s -o /dev/null -w '%{http_code}\n' --interface 127.0.0.2 -H 'Host: t.example' http://$GATEWAY_IP:8000/; done
				! stdout 503`,
			lost: lost, migrated: all,
		},
		"limit-whitelist is its older name": {
			annotations: "limit-rpm: 1\nlimit-whitelist: 127.0.0.0/8", script: all, lost: lost, migrated: all,
		},
		"limit-allowlist beats limit-whitelist": {
			annotations: "limit-rpm: 1\nlimit-whitelist: 127.0.0.0/8\nlimit-allowlist: 10.0.0.0/8",
			script:      "spread 9 http://t.example/ web=6 503=3", lost: lost, migrated: all,
		},
		"limit-rate slows responses down": {
			annotations: "limit-rate: 1",
			script:      slowly + "\nstdout '^[2-9]'",
			lost:        "responses are not slowed down", migrated: all,
		},
		"limit-rate-after leaves the first bytes alone": {
			annotations: "limit-rate: 1\nlimit-rate-after: 100",
			script:      slowly + "\nstdout '^[01][.]'",
			lost:        "responses are not slowed down", migrated: all,
		},
		"limit-rps: 0 is no limit": {
			annotations: "limit-rps: 0\nlimit-rpm: 0\nlimit-connections: 0\nlimit-rate: 0", script: all,
		},
		"limits without sense are warnings": {
			annotations: "limit-rps: many\nlimit-rpm: -1\nlimit-connections: 1.5\nlimit-burst-multiplier: 0\nlimit-rate: 1m",
			script: all + `
				[ingress] conditions
				[ingress] stdout 'limit-rps: "many" is ignored: want a number from 0 to 1000000'
				[ingress] stdout 'limit-rpm: "-1" is ignored'
				[ingress] stdout 'limit-connections: "1.5" is ignored'
				[ingress] stdout 'limit-burst-multiplier: "0" is ignored: want a number from 1 to 1000'
				[ingress] stdout 'limit-rate: "1m" is ignored'`,
			lost: "is ignored", migrated: all,
		},
	}
}

// slowly prints how long a response of more than 2 KiB takes.
const slowly = "$ head -c 2048 /dev/zero | tr '\\0' x | " +
	`curl -s -o /dev/null -w '%{time_total}' -H 'Host: t.example' --data-binary @- http://$GATEWAY_IP:8000/`
