package policy

import (
	"math"
	"slices"
	"strings"
	"time"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
)

// servicePolicies are the kinds that are attached to ports of Services.
type servicePolicies struct {
	balancing *family[*v1alpha1.LoadBalancerPolicy, *ir.Balancing]
	session   *family[*v1alpha1.SessionStickyPolicy, *ir.Session]
	health    *family[*v1alpha1.HealthCheckPolicy, *ir.HealthCheck]
	breaker   *family[*v1alpha1.CircuitBreakingPolicy, *ir.Breaker]
	retry     *family[*v1alpha1.RetryPolicy, *ir.Retry]
	tls       *family[*v1alpha1.UpstreamTLSPolicy, *v1alpha1.UpstreamTLSConfig]
}

func newServicePolicies(src *core.Source) servicePolicies {
	return servicePolicies{
		balancing: newFamily(src, "LoadBalancerPolicy", readBalancing, serviceKind, importKind),
		session:   newFamily(src, "SessionStickyPolicy", readSession, serviceKind, importKind),
		health:    newFamily(src, "HealthCheckPolicy", readHealth, serviceKind, importKind),
		breaker:   newFamily(src, "CircuitBreakingPolicy", readBreaker, serviceKind, importKind),
		retry:     newFamily(src, "RetryPolicy", readRetry, serviceKind, importKind),
		tls:       newFamily(src, upstreamTLSKind, readUpstreamTLS, serviceKind, importKind),
	}
}

// settle adds to the backend what the policies of its Service port say, and returns
// the secrets for that.
func (x *Index) settle(r *memo.Recorder, b *ir.Backend, service resource.Key, port place) (secrets []*ir.Secret) {
	s := &x.services
	b.Policies = slices.Concat(
		s.balancing.settle(r, service, port, &b.Balancing), s.session.settle(r, service, port, &b.Session), s.health.settle(r, service, port, &b.Health),
		s.breaker.settle(r, service, port, &b.Breaker), s.retry.settle(r, service, port, &b.Retry),
	)
	if b.Session != nil && x.sessionKey != nil {
		session := *b.Session
		session.Key, b.Session = x.sessionKey.Name, &session
		secrets = append(secrets, x.sessionKey)
	}
	return secrets
}

// settle sets what the policy of a port says, and returns that policy.
func (f *family[P, S]) settle(r *memo.Recorder, service resource.Key, port place, setting *S) []ir.Origin {
	p, s, ok := f.winner(r, service, port)
	if !ok {
		return nil
	}
	*setting = s.setting
	return []ir.Origin{origin(f.kind, p, whole)}
}

func seconds[N int32 | float64](n N) ir.Duration {
	return ir.Duration(math.Min(float64(n)*float64(time.Second), math.MaxInt64/2))
}

func readBalancing(p *v1alpha1.LoadBalancerPolicy, rd *reading[*ir.Balancing]) {
	var es entries[v1alpha1.PortLoadBalancer]
	for i, e := range p.Spec.Ports {
		es.port(i, e.Port, &e)
	}
	fill(rd, &es, func(e entry[v1alpha1.PortLoadBalancer], at spot) *ir.Balancing {
		kind, kindAt := inherit(e.config.Type, p.Spec.Type, at.under("type"))
		header, headerAt := inherit(e.config.HashHeader, p.Spec.HashHeader, at.under("hashHeader"))
		balancing := &ir.Balancing{Header: string(valueOr(header, ""))}
		switch valueOr(kind, v1alpha1.RoundRobinLoadBalancer) {
		case v1alpha1.HashingLoadBalancer:
			balancing.Kind = ir.BalanceHash
			return balancing
		case v1alpha1.LeastConnectionLoadBalancer:
			balancing.Kind = ir.BalanceLeast
		case v1alpha1.RoundRobinLoadBalancer:
			balancing = nil
		default:
			kindAt.wrong(": %q is not known; use %s, %s or %s", *kind,
				v1alpha1.RoundRobinLoadBalancer, v1alpha1.HashingLoadBalancer, v1alpha1.LeastConnectionLoadBalancer)
		}
		if header != nil {
			headerAt.wrong(" is for type %s only; set that type, or remove it", v1alpha1.HashingLoadBalancer)
		}
		return balancing
	})
}

// inherit is a value of an entry, or else that of the policy, and where it stands.
func inherit[T any](own, all *T, at spot) (*T, spot) {
	if own == nil && all != nil {
		return all, spot{at.flaw, at.name[strings.LastIndexByte(at.name, '.')+1:]}
	}
	return own, at
}

// defaultCookie and defaultExpiry are those of the custom resource definition.
const (
	defaultCookie = "_srv_id"
	defaultExpiry = 3600
)

// notToken are characters that the name of a cookie may not have (RFC 6265, section
// 4.1.1, and RFC 9110, section 5.6.2).
const notToken = "()<>@,;:\\\"/[]?={} \t"

func readSession(p *v1alpha1.SessionStickyPolicy, rd *reading[*ir.Session]) {
	es := entries[v1alpha1.SessionStickyConfig]{name: "config", fallback: p.Spec.Config}
	if es.fallback == nil {
		es.fallback = &v1alpha1.SessionStickyConfig{} // it has defaults
	}
	for i, e := range p.Spec.Ports {
		es.port(i, e.Port, e.Config)
	}
	fill(rd, &es, func(e entry[v1alpha1.SessionStickyConfig], at spot) *ir.Session {
		name := valueOr(e.config.CookieName, defaultCookie)
		bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(notToken, r) }
		if name == "" || strings.ContainsFunc(name, bad) {
			at.wrong(".cookieName: %q is not a name of a cookie; use letters, digits, \"-\" and \"_\"", name)
		}
		return &ir.Session{Cookie: name, Lifetime: seconds(valueOr(e.config.Expires, defaultExpiry))}
	})
}

func readHealth(p *v1alpha1.HealthCheckPolicy, rd *reading[*ir.HealthCheck]) {
	es := entries[v1alpha1.HealthCheckConfig]{name: "config", fallback: p.Spec.Config}
	for i, e := range p.Spec.Ports {
		es.port(i, e.Port, e.Config)
	}
	fill(rd, &es, readHealthEntry)
}

func checkHealth(c *v1alpha1.HealthCheckConfig, at spot) {
	path := valueOr(c.Path, "")
	switch {
	case path == "" && len(c.Matches) > 0:
		at.wrong(".path is required beside matches")
	case path != "" && len(c.Matches) == 0:
		at.wrong(".matches is required beside path; for example [{statusCodes: [200]}]")
	case path != "" && path[0] != '/' || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		at.wrong(".path: %q is not a path; it begins with \"/\" and is percent-encoded", path)
	}
	for i, m := range c.Matches {
		if len(m.StatusCodes) == 0 && valueOr(m.Body, "") == "" && len(m.Headers) == 0 {
			at.wrong(".matches[%d] needs one of statusCodes, body and headers", i)
		}
		for _, code := range m.StatusCodes {
			if code < 100 || code > 999 {
				at.wrong(".matches[%d].statusCodes: %d is not a status code", i, code)
			}
		}
	}
}

func readHealthEntry(e entry[v1alpha1.HealthCheckConfig], at spot) *ir.HealthCheck {
	c := e.config
	checkHealth(c, at)
	h := &ir.HealthCheck{
		Path: valueOr(c.Path, ""), Interval: seconds(c.Interval),
		Failures: uint32(max(c.MaxFails, 1)), Holdoff: seconds(valueOr(c.FailTimeout, 0)),
	}
	for _, m := range c.Matches {
		match := ir.HealthMatch{Body: valueOr(m.Body, "")}
		for _, code := range m.StatusCodes {
			match.Codes = append(match.Codes, uint16(code))
		}
		for _, header := range m.Headers {
			match.Headers = append(match.Headers, ir.HeaderField{Name: string(header.Name), Value: header.Value})
		}
		h.Matches = append(h.Matches, match)
	}
	return h
}

func readBreaker(p *v1alpha1.CircuitBreakingPolicy, rd *reading[*ir.Breaker]) {
	es := entries[v1alpha1.CircuitBreakingConfig]{name: "config", fallback: p.Spec.Config}
	for i, e := range p.Spec.Ports {
		es.port(i, e.Port, e.Config)
	}
	fill(rd, &es, readBreakerEntry)
}

func checkBreaker(c *v1alpha1.CircuitBreakingConfig, at spot) {
	slow := c.SlowAmountThreshold != nil || c.SlowRatioThreshold != nil
	failed := c.ErrorAmountThreshold != nil || c.ErrorRatioThreshold != nil
	switch {
	case !slow && !failed:
		at.wrong(": one of errorAmountThreshold, errorRatioThreshold, slowAmountThreshold and slowRatioThreshold is required")
	case slow && c.SlowTimeThreshold == nil:
		at.wrong(".slowTimeThreshold is required beside slowAmountThreshold and slowRatioThreshold")
	}
	if code := valueOr(c.DegradedStatusCode, 503); code < 200 || code > 599 {
		at.wrong(".degradedStatusCode: %d cannot be answered; use 200 to 599", code)
	}
}

func readBreakerEntry(e entry[v1alpha1.CircuitBreakingConfig], at spot) *ir.Breaker {
	c := e.config
	checkBreaker(c, at)
	return &ir.Breaker{
		Window: seconds(c.StatTimeWindow), MinRequests: uint32(c.MinRequestAmount),
		SlowTime: seconds(valueOr(c.SlowTimeThreshold, 0)),
		Slow:     ir.Threshold{Count: uint32(valueOr(c.SlowAmountThreshold, 0)), Ratio: valueOr(c.SlowRatioThreshold, 0)},
		Errors:   ir.Threshold{Count: uint32(valueOr(c.ErrorAmountThreshold, 0)), Ratio: valueOr(c.ErrorRatioThreshold, 0)},
		Open:     seconds(c.DegradedTimeWindow),
		Status:   uint16(valueOr(c.DegradedStatusCode, 503)), Body: valueOr(c.DegradedResponseContent, ""),
	}
}

// retryStatus reads "503" or "5xx".
func retryStatus(s string) (code, class uint16, ok bool) {
	if len(s) != 3 || s[0] < '1' || s[0] > '9' {
		return 0, 0, false
	}
	class = uint16(s[0] - '0')
	if s[1:] == "xx" {
		return 0, class, true
	}
	if s[1] < '0' || s[1] > '9' || s[2] < '0' || s[2] > '9' {
		return 0, 0, false
	}
	return class*100 + uint16(s[1]-'0')*10 + uint16(s[2]-'0'), 0, true
}

// Defaults of the custom resource definition.
const (
	defaultRetries = 3
	defaultBackoff = 1.0
)

func readRetry(p *v1alpha1.RetryPolicy, rd *reading[*ir.Retry]) {
	es := entries[v1alpha1.RetryConfig]{name: "config", fallback: p.Spec.Config}
	for i, e := range p.Spec.Ports {
		es.port(i, e.Port, e.Config)
	}
	fill(rd, &es, func(e entry[v1alpha1.RetryConfig], at spot) *ir.Retry {
		retry := &ir.Retry{
			Attempts: uint32(max(valueOr(e.config.NumRetries, defaultRetries), 0)),
			Spread:   seconds(valueOr(e.config.BackoffBaseInterval, defaultBackoff)),
		}
		for _, s := range e.config.RetryOn {
			switch code, class, ok := retryStatus(s); {
			case !ok:
				at.wrong(".retryOn: %q is neither a status, as 503, nor a class of them, as 5xx", s)
			case code == 0:
				retry.Classes = append(retry.Classes, class)
			default:
				retry.Codes = append(retry.Codes, code)
			}
		}
		return retry
	})
}
