package stack

import (
	"crypto/tls"

	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
	"fsm/internal/proxy/telemetry"
)

// observe counts and logs finished requests.
func observe(env *Env) layer {
	return func(next handler) handler {
		return func(x *exchange) error {
			err := next(x)
			duration := socket.Now() - x.Start
			stats := x.host.stats
			status := x.finalStatus()
			received, sent := x.Downstream.Moved()
			stats.Request(status, duration, received, sent)
			if x.Reason != "" {
				stats.Reply(x.Reason)
			}
			if x.route != nil {
				x.route.stats.Request(status, duration)
			}
			if x.host.log != nil {
				x.host.log.Add(x.record(status, duration, received, sent))
			}
			return err
		}
	}
}

// finalStatus is that of the response; 0 when nothing final could be sent.
func (x *exchange) finalStatus() int {
	if x.Response.Status < 200 && !x.Response.Upgraded {
		return 0
	}
	return x.Response.Status
}

var refererName = message.MakeName("Referer")

// record gathers what the access log may want.
func (x *exchange) record(status int, duration, received, sent int64) *telemetry.Record {
	r := &x.logged
	req := &x.Request
	*r = telemetry.Record{
		Listener: x.host.name, Client: x.Client, Peer: x.Connection.Remote, Protocol: x.Protocol,
		Method: req.Method, Host: req.Authority, Path: req.Path, Query: req.Query,
		Status: status, GRPCStatus: x.grpcStatus, Reason: x.Reason, Cause: x.cause, Attempts: x.attempts,
		Duration: duration, Received: received, Sent: sent,
	}
	r.UserAgent, _ = req.Header.GetID(message.HeaderUserAgent)
	r.Traceparent, _ = req.Header.GetID(message.HeaderTraceparent)
	r.Referer, _ = req.Header.Get(&refererName)
	if x.route != nil {
		r.Route = x.route.name
	}
	if n := len(x.attempts); n > 0 {
		r.Backend, r.Endpoint = x.attempts[n-1].Backend, x.attempts[n-1].Endpoint
	}
	if t := x.Connection.TLS; t != nil {
		r.ServerName, r.TLSVersion = t.ServerName, tls.VersionName(t.Version)
	}
	return r
}
