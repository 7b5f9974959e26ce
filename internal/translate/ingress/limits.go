package ingress

import (
	"cmp"
	"net/netip"

	"fsm/internal/ir"
	"fsm/internal/translate/policy"
)

// nginxLimits are annotations about how much each client may ask for.
func nginxLimits() []annotation {
	return []annotation{
		{name: "limit-rps", read: func(v value) { v.limits.perSecond = v.limit() },
			note: "requests of a client per second, for all paths of the Ingress together, and by each proxy for itself"},
		{name: "limit-rpm", read: func(v value) { v.limits.perMinute = v.limit() }, note: "the same per minute; with both, both hold"},
		{name: "limit-connections", read: func(v value) { v.limits.concurrent = v.limit() },
			note: "requests of a client under way, as nginx counts them; those of one HTTP/2 connection count each, and a WebSocket until it is closed"},
		{name: "limit-burst-multiplier", read: func(v value) {
			const most = 1000
			if n, ok := v.number(1, most); ok {
				v.limits.burst = uint32(n)
			}
		}, note: "5 if missing"},
		{name: "limit-rate", read: func(v value) { v.limits.rate = v.kilobytes() },
			note: "KiB per second of each response, WebSockets excepted; holds for exempt clients too"},
		{name: "limit-rate-after", read: func(v value) { v.limits.after = v.kilobytes() }, note: "KiB of each response"},
		{name: "limit-whitelist", read: func(v value) { v.limits.exempt = v.exempt() }, note: "as limit-allowlist, which beats it"},
		{name: "limit-allowlist", read: func(v value) {
			if exempt := v.exempt(); len(exempt) > 0 {
				v.limits.exempt = exempt
			}
		}, note: "clients that are not counted"},
	}
}

// clientLimits are what the annotations say about each client.
type clientLimits struct {
	perSecond, perMinute, concurrent uint32 // 0 for no limit
	burst                            uint32 // times the rate; 0 for the default
	exempt                           []netip.Prefix
	rate, after                      uint64 // bytes of responses
}

// counts tells whether requests are counted.
func (l *clientLimits) counts() bool { return l.perSecond+l.perMinute+l.concurrent > 0 }

// limit reads a number of requests; as in ingress-nginx, 0 is no limit.
func (v value) limit() uint32 {
	const most = 1_000_000
	n, _ := v.number(0, most)
	return uint32(n)
}

// kilobytes are those of nginx.
func (v value) kilobytes() uint64 {
	n, _ := v.number(0, 1<<30)
	return uint64(n) << 10
}

// exempt reads addresses of clients. What is none exempts nobody, which lets nobody in
// who ought to stay outside.
func (v value) exempt() []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range v.list() {
		prefix, err := policy.ParsePrefix(text)
		if err != nil {
			v.warn("%v, and is ignored", err)
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}

// concludeLimits looks at annotations that say nothing without another.
func (s *settings) concludeLimits() {
	l := &s.limits
	alone := func(name, others string) {
		s.warnings = append(s.warnings, "annotation "+nginxPrefix+name+" has no effect without "+others)
	}
	if l.burst > 0 && l.perSecond+l.perMinute == 0 {
		alone("limit-burst-multiplier", "limit-rps or limit-rpm")
	}
	if len(l.exempt) > 0 && !l.counts() {
		alone("limit-allowlist (or limit-whitelist)", "limit-rps, limit-rpm or limit-connections")
	}
	if l.after > 0 && l.rate == 0 {
		alone("limit-rate-after", "limit-rate")
	}
}

// limit adds what holds for each client. Who is not let in is not counted.
func (c *compiler) limit() {
	l := &c.settings.limits
	if (l.counts() || l.rate > 0) && c.passthrough() {
		c.warn("TLS is left to the backends, where no limit of clients or responses holds")
	}
	if l.counts() {
		const status, multiplier = 503, 5 // defaults of ingress-nginx
		rate := func(requests uint32) ir.ClientRate {
			return ir.ClientRate{Requests: requests, Burst: requests * cmp.Or(l.burst, multiplier)}
		}
		origin := c.origin("limits of clients")
		c.out.limiter = &ir.Limiter{Name: ir.LimiterName(origin.String()), Origin: origin, Clients: &ir.ClientLimits{
			PerSecond: rate(l.perSecond), PerMinute: rate(l.perMinute), Concurrent: l.concurrent, Exempt: l.exempt,
		}}
		c.headers = append(c.headers, &ir.ClientLimit{Policy: origin, Limiter: c.out.limiter.Name, Status: status})
	}
	if l.rate > 0 {
		c.headers = append(c.headers, &ir.ResponseRate{Policy: c.origin("limit-rate"), BytesPerSecond: l.rate, After: l.after})
	}
}
