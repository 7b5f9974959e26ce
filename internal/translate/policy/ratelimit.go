package policy

import (
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/report"
)

// rate is what a RateLimitPolicy comes to for a part of its target: a filter with its
// limiter, or the rate of a port.
type rate struct {
	filter  *ir.RateLimit
	limiter *ir.Limiter
	port    *ir.PortRate
}

func newRateFamily(src *core.Source) *family[*v1alpha1.RateLimitPolicy, rate] {
	return newFamily(src, rateLimitKind, readRate, gatewayKind, httpRouteKind, grpcRouteKind)
}

func readRate(p *v1alpha1.RateLimitPolicy, rd *reading[rate]) {
	s := &p.Spec
	if string(s.TargetRef.Kind) == gatewayKind.Kind {
		readPortRates(p, rd)
		return
	}
	if s.BPS != nil {
		rd.invalid("bps is for Gateways; remove it, or let targetRef name a Gateway")
	}
	es := entries[v1alpha1.RateLimitConfig]{name: "config", fallback: s.Config}
	for i, e := range s.Hostnames {
		es.hostname(i, e.Hostname, e.Config)
	}
	for i, e := range s.HTTPRateLimits {
		es.http(i, e.Match, e.Config)
	}
	for i, e := range s.GRPCRateLimits {
		es.grpc(i, e.Match, e.Config)
	}
	fit(&es, rd, s.TargetRef, fields{len(s.Ports), len(s.Hostnames), len(s.HTTPRateLimits), len(s.GRPCRateLimits)})
	fill(rd, &es, func(e entry[v1alpha1.RateLimitConfig], at spot) rate { return readRateEntry(p, e, at) })
}

// readPortRates reads the policy of a Gateway.
func readPortRates(p *v1alpha1.RateLimitPolicy, rd *reading[rate]) {
	s := &p.Spec
	es := entries[int64]{name: "bps", fallback: s.BPS}
	for i, e := range s.Ports {
		es.port(i, e.Port, e.BPS)
	}
	if s.Config != nil {
		rd.invalid("config is for routes; remove it, because a port has bps, or let targetRef name a route")
	}
	fit(&es, rd, s.TargetRef, fields{len(s.Ports), len(s.Hostnames), len(s.HTTPRateLimits), len(s.GRPCRateLimits)})
	fill(rd, &es, func(e entry[int64], at spot) rate {
		if *e.config < 1 {
			at.wrong(": %d is less than 1", *e.config)
		}
		return rate{port: &ir.PortRate{Policy: origin(rateLimitKind, p, e.part), BytesPerSecond: uint64(max(*e.config, 1))}}
	})
}

func readRateEntry(p *v1alpha1.RateLimitPolicy, e entry[v1alpha1.RateLimitConfig], at spot) rate {
	c, by := e.config, origin(rateLimitKind, p, e.part)
	if c.Mode != nil && *c.Mode == v1alpha1.RateLimitGlobal {
		at.refuse(report.PolicyReasonUnsupportedValue, "%s.mode: Global is not supported; with Local each proxy of a Gateway counts for itself", at.name)
	}
	if c.Requests < 1 || c.StatTimeWindow < 1 || valueOr(c.Burst, 1) < 1 || valueOr(c.Backlog, 1) < 1 {
		at.wrong(": requests, statTimeWindow, burst and backlog have to be at least 1")
	}
	if burst := valueOr(c.Burst, c.Requests); burst < c.Requests {
		at.warn(".burst: %d is less than requests, so that no more than %d requests pass in each window, and not %d", burst, burst, c.Requests)
	}
	limiter := &ir.Limiter{
		Name: ir.LimiterName(by.String()), Origin: by,
		Requests: uint32(max(c.Requests, 1)), Burst: uint32(max(valueOr(c.Burst, c.Requests), 1)),
		Window:  ir.Duration(c.StatTimeWindow) * ir.Duration(time.Second),
		Backlog: uint32(max(valueOr(c.Backlog, 10), 1)),
	}
	filter := &ir.RateLimit{
		Policy: by, Limiter: limiter.Name,
		Status: at.under("responseStatusCode").status(c.ResponseStatusCode, 429),
	}
	for _, h := range c.ResponseHeadersToAdd {
		if why := refuseHeader(h); why != "" {
			at.wrong(".responseHeadersToAdd[%s]: %s", h.Name, why)
		}
		filter.Headers = append(filter.Headers, ir.HeaderField{Name: string(h.Name), Value: h.Value})
	}
	return rate{filter: filter, limiter: limiter}
}

// tokenBytes are those of header names in lower case (RFC 9110, section 5.6.2).
const tokenBytes = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"

// refuseHeader says why a line cannot be added to a reply.
func refuseHeader(h gatewayv1.HTTPHeader) string {
	switch name := strings.ToLower(string(h.Name)); {
	case name == "" || strings.Trim(name, tokenBytes) != "":
		return "is not a header name"
	case name == "connection", name == "content-length", name == "transfer-encoding", name == "trailer", name == "upgrade", name == "te", name == "keep-alive":
		return "belongs to the connection; remove it"
	case strings.ContainsFunc(h.Value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
		return "the value contains control characters"
	default:
		return ""
	}
}
