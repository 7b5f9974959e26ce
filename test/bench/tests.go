package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"fsm/test/bench/internal/load"
	"fsm/test/bench/internal/peer"
)

// routes is how many routes every peer has.
const routes = 100

// test is one thing to measure, and what is promised about it.
type test struct {
	name, about string
	promises    []promise
	run         func(context.Context, *session) (*outcome, error)
}

// Promises that several tests share: to cost no more than the peers do.
var (
	noMoreThanNginx   = noMoreThan(1, "nginx")
	noMoreThanHAProxy = noMoreThan(1, "haproxy")
)

// tests are all tests, in the order they run in.
func tests() []test {
	return append([]test{{
		"http/128B-64", "HTTP/1.1, 128-byte bodies, 64 connections, closed loop",
		[]promise{noMoreThanNginx, noMoreThanHAProxy},
		closedHTTP(peer.HTTP, load.Small, 64).run,
	}, {
		"http/128B-256", "HTTP/1.1, 128-byte bodies, 256 connections, closed loop",
		[]promise{noMoreThanNginx, noMoreThanHAProxy},
		closedHTTP(peer.HTTP, load.Small, 256).run,
	}, {
		"http/10KiB-64", "HTTP/1.1, 10 KiB bodies, 64 connections, closed loop",
		nil,
		closedHTTP(peer.HTTP, load.Large, 64).run,
	}, {
		"log/128B-64", "HTTP/1.1, 128-byte bodies, 64 connections, closed loop, everybody with an access log",
		[]promise{noMoreThan(1.15, oursWithoutLog), noMoreThanNginx, noMoreThanHAProxy},
		withAccessLog().run,
	}, {
		"policies/128B-64", "HTTP/1.1, 128-byte bodies, 64 connections, closed loop, with access control, a rate limit and a session cookie",
		[]promise{noMoreThan(1.15, oursWithoutPolicies)},
		withPolicies().run,
	}, {
		"tls/128B-64", "TLS 1.3 kept alive, 128-byte bodies, 64 connections, closed loop",
		[]promise{noMoreThanNginx},
		closedHTTP(peer.TLS, load.Small, 64).run,
	}, {
		"tls/10KiB-64", "TLS 1.3 kept alive, 10 KiB bodies, 64 connections, closed loop",
		[]promise{noMoreThanNginx},
		closedHTTP(peer.TLS, load.Large, 64).run,
	}, {
		"tls/handshake", "TLS 1.3, a full handshake (ECDSA P-256) for each request",
		nil,
		handshakes().run,
	}, {
		"tcp/bulk", "TCP relay, 4 downloads",
		[]promise{noMoreThanHAProxy},
		downloads().run,
	}, {
		"tcp/message", "TCP relay, 128-byte messages there and back, 64 connections",
		[]promise{noMoreThan(1.15, "haproxy")},
		messages(64, false).run,
	}, {
		"tcp/connect", "TCP relay, a new connection for each 128-byte message there and back",
		[]promise{noMoreThan(1.25, "haproxy")},
		messages(16, true).run,
	}, {
		"open/10000", "HTTP/1.1, 128-byte bodies, 10,000 requests/s over 64 connections, open loop",
		nil,
		fixedRate(10_000).run,
	}, {
		"open/20000", "HTTP/1.1, 128-byte bodies, 20,000 requests/s over 64 connections, open loop",
		nil,
		fixedRate(20_000).run,
	}, {
		"memory/plain", "resident memory, idle and with 5,000 idle HTTP/1.1 connections",
		[]promise{atMost(20, "MiB", idleMemory), atMost(4, "KiB", connectionMemory)},
		memory(peer.HTTP),
	}, {
		"memory/tls", "resident memory, idle and with 5,000 idle TLS connections",
		[]promise{atMost(12, "KiB", connectionMemory)},
		memory(peer.TLS),
	}, {
		"config/5000", "5,000 routes, each to a Service of its own",
		[]promise{atMost(150, "MiB", configMemory), atMost(600, "", configSeries)},
		manyRoutes,
	}}, multiplexedTests()...)
}

// choose picks tests by name.
func choose(expression *regexp.Regexp) []test {
	return slices.DeleteFunc(tests(), func(t test) bool { return !expression.MatchString(t.name) })
}

// closedHTTP is a closed loop over HTTP.
func closedHTTP(protocol peer.Protocol, body load.Body, clients int) comparison {
	return comparison{
		unit: "request", entrants: allPeers, site: peer.Site{Protocol: protocol, Routes: routes},
		load: func(ctx context.Context, s *session, t turn) (load.Result, error) {
			return askInTurn(ctx, s, t, body, clients)
		},
	}
}

// askInTurn asks for the routes in turn, by wrk where it is installed.
func askInTurn(ctx context.Context, s *session, t turn, body load.Body, clients int) (load.Result, error) {
	if s.lab.Programs.Wrk == "" {
		return load.Closed{
			Target: t.target, Clients: clients, Duration: t.duration, Talk: load.HTTP(load.Requests(routes, body)),
		}.Run(ctx)
	}
	return load.Wrk{
		Path: s.lab.Programs.Wrk, Dir: s.lab.Dir, Start: s.lab.StartLoad, URL: t.target.URL(),
		Clients: clients, Duration: t.duration, Routes: routes, Body: body,
	}.Run(ctx)
}

// withAccessLog compares with the log on, and with our own proxy without one.
func withAccessLog() comparison {
	c := closedHTTP(peer.HTTP, load.Small, 64)
	c.entrants = []entrant{
		{label: ours, kind: peer.FSM, accessLog: true},
		{label: oursWithoutLog, kind: peer.FSM},
		{label: "nginx", kind: peer.Nginx, accessLog: true},
		{label: "haproxy", kind: peer.HAProxy, accessLog: true},
	}
	return c
}

// withPolicies compares with our own proxy without policies. Both get the cookie, which
// clients send once they have it.
func withPolicies() comparison {
	return comparison{
		unit: "request", site: peer.Site{Protocol: peer.HTTP, Routes: routes},
		entrants: []entrant{{label: ours, kind: peer.FSM, policies: true}, {label: oursWithoutPolicies, kind: peer.FSM}},
		load: func(ctx context.Context, _ *session, t turn) (load.Result, error) {
			cookie, err := sessionCookie(ctx, t.target)
			if err != nil {
				return load.Result{}, err
			}
			return load.Closed{
				Target: t.target, Clients: 64, Duration: t.duration, Talk: load.HTTP(load.Requests(routes, load.Small, "Cookie: "+cookie)),
			}.Run(ctx)
		},
	}
}

// sessionCookie asks for a cookie. From a peer that sets none it is one that means
// nothing.
func sessionCookie(ctx context.Context, target load.Target) (string, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, target.URL()+load.Path(0, load.Small), nil)
	if err != nil {
		return "", fmt.Errorf("ask for a session cookie: %w", err)
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", fmt.Errorf("ask for a session cookie: %w", err)
	}
	defer res.Body.Close()
	for _, c := range res.Cookies() {
		if c.Name == peer.SessionCookie {
			return c.Name + "=" + c.Value, nil
		}
	}
	return peer.SessionCookie + "=12345678901234567890", nil
}

// handshakes makes a connection for each request, and resumes none.
func handshakes() comparison {
	return comparison{
		unit: "request", entrants: allPeers, site: peer.Site{Protocol: peer.TLS, Routes: routes},
		load: func(ctx context.Context, _ *session, t turn) (load.Result, error) {
			return load.Closed{
				Target: t.target, Clients: 16, Duration: t.duration, Fresh: true,
				Talk: load.HTTP(load.Requests(routes, load.Small)),
			}.Run(ctx)
		},
	}
}

// downloads relays as many bytes as it can.
func downloads() comparison {
	return comparison{
		unit: "MB", origin: source, entrants: allPeers, site: peer.Site{Protocol: peer.TCP},
		load: func(ctx context.Context, _ *session, t turn) (load.Result, error) {
			return load.Bulk{Target: t.target, Clients: 4, Duration: t.duration}.Run(ctx)
		},
	}
}

// messages relays small messages, on connections that are kept or on fresh ones.
func messages(clients int, fresh bool) comparison {
	const size = 128
	unit := "message"
	if fresh {
		unit = "connection"
	}
	return comparison{
		unit: unit, origin: echo, entrants: allPeers, site: peer.Site{Protocol: peer.TCP},
		load: func(ctx context.Context, _ *session, t turn) (load.Result, error) {
			return load.Closed{
				Target: t.target, Clients: clients, Duration: t.duration, Fresh: fresh, Talk: load.Messages(size),
			}.Run(ctx)
		},
	}
}

// fixedRate asks whether or not there were answers. The peers of a round get the
// same schedule.
func fixedRate(rate float64) comparison {
	return comparison{
		unit: "request", entrants: allPeers, site: peer.Site{Protocol: peer.HTTP, Routes: routes},
		load: func(ctx context.Context, _ *session, t turn) (load.Result, error) {
			return load.Open{
				Addr: t.target.Addr, Rate: rate, Conns: 64, Duration: t.duration,
				Requests: load.Requests(routes, load.Small), Seed: uint64(t.round),
			}.Run(ctx)
		},
	}
}
