package policy

import (
	"fmt"
	"math"
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
	balancing *portKind[*v1alpha1.LoadBalancerPolicy, v1alpha1.PortLoadBalancer]
	session   *portKind[*v1alpha1.SessionStickyPolicy, v1alpha1.SessionStickyConfig]
	health    *portKind[*v1alpha1.HealthCheckPolicy, v1alpha1.HealthCheckConfig]
	breaker   *portKind[*v1alpha1.CircuitBreakingPolicy, v1alpha1.CircuitBreakingConfig]
	retry     *portKind[*v1alpha1.RetryPolicy, v1alpha1.RetryConfig]
	tls       *portKind[*v1alpha1.UpstreamTLSPolicy, v1alpha1.UpstreamTLSConfig]
}

func newServicePolicies(src *core.Source) servicePolicies {
	return servicePolicies{
		balancing: newPortKind(src, portKind[*v1alpha1.LoadBalancerPolicy, v1alpha1.PortLoadBalancer]{
			name: "LoadBalancerPolicy", targets: serviceTargets, ports: balancerPorts, check: checkBalancer,
		}),
		session: newPortKind(src, portKind[*v1alpha1.SessionStickyPolicy, v1alpha1.SessionStickyConfig]{
			name: "SessionStickyPolicy", targets: serviceTargets, ports: sessionPorts, check: checkSession,
		}),
		health: newPortKind(src, portKind[*v1alpha1.HealthCheckPolicy, v1alpha1.HealthCheckConfig]{
			name: "HealthCheckPolicy", targets: serviceTargets, check: checkHealth,
			ports: func(p *v1alpha1.HealthCheckPolicy) []portConfig[v1alpha1.HealthCheckConfig] {
				return portsOf(p.Spec.Ports, p.Spec.Config, func(e v1alpha1.PortHealthCheck) (v1alpha1.Port, *v1alpha1.HealthCheckConfig) { return e.Port, e.Config })
			},
		}),
		breaker: newPortKind(src, portKind[*v1alpha1.CircuitBreakingPolicy, v1alpha1.CircuitBreakingConfig]{
			name: "CircuitBreakingPolicy", targets: serviceTargets, check: checkBreaker,
			ports: func(p *v1alpha1.CircuitBreakingPolicy) []portConfig[v1alpha1.CircuitBreakingConfig] {
				return portsOf(p.Spec.Ports, p.Spec.Config, func(e v1alpha1.PortCircuitBreaking) (v1alpha1.Port, *v1alpha1.CircuitBreakingConfig) {
					return e.Port, e.Config
				})
			},
		}),
		retry: newPortKind(src, portKind[*v1alpha1.RetryPolicy, v1alpha1.RetryConfig]{
			name: "RetryPolicy", targets: serviceTargets, check: checkRetry,
			ports: func(p *v1alpha1.RetryPolicy) []portConfig[v1alpha1.RetryConfig] {
				return portsOf(p.Spec.Ports, p.Spec.Config, func(e v1alpha1.PortRetry) (v1alpha1.Port, *v1alpha1.RetryConfig) { return e.Port, e.Config })
			},
		}),
		tls: newPortKind(src, portKind[*v1alpha1.UpstreamTLSPolicy, v1alpha1.UpstreamTLSConfig]{
			name: "UpstreamTLSPolicy", targets: serviceTargets,
			ports: func(p *v1alpha1.UpstreamTLSPolicy) []portConfig[v1alpha1.UpstreamTLSConfig] {
				return portsOf(p.Spec.Ports, p.Spec.Config, func(e v1alpha1.PortUpstreamTLS) (v1alpha1.Port, *v1alpha1.UpstreamTLSConfig) { return e.Port, e.Config })
			},
		}),
	}
}

// portsOf pairs ports with their own config, or else with that of the policy.
func portsOf[E, C any](entries []E, all *C, split func(E) (v1alpha1.Port, *C)) []portConfig[C] {
	ports := make([]portConfig[C], len(entries))
	for i, e := range entries {
		port, own := split(e)
		ports[i] = portConfig[C]{int32(port), own}
		if own == nil {
			ports[i].config = all
		}
	}
	return ports
}

// balancerPorts completes each port from the policy as a whole.
func balancerPorts(p *v1alpha1.LoadBalancerPolicy) []portConfig[v1alpha1.PortLoadBalancer] {
	ports := make([]portConfig[v1alpha1.PortLoadBalancer], len(p.Spec.Ports))
	for i, e := range p.Spec.Ports {
		if e.Type == nil {
			e.Type = p.Spec.Type
		}
		if e.HashHeader == nil {
			e.HashHeader = p.Spec.HashHeader
		}
		ports[i] = portConfig[v1alpha1.PortLoadBalancer]{int32(e.Port), &e}
	}
	return ports
}

// sessionPorts are complete without any config, because it has defaults.
func sessionPorts(p *v1alpha1.SessionStickyPolicy) []portConfig[v1alpha1.SessionStickyConfig] {
	all := p.Spec.Config
	if all == nil {
		all = &v1alpha1.SessionStickyConfig{}
	}
	return portsOf(p.Spec.Ports, all, func(e v1alpha1.PortSessionSticky) (v1alpha1.Port, *v1alpha1.SessionStickyConfig) {
		return e.Port, e.Config
	})
}

// settle adds to the backend what the policies of its Service port say, and returns
// the secrets for that.
func (x *Index) settle(r *memo.Recorder, b *ir.Backend, key resource.Key, port int32) (secrets []*ir.Secret) {
	s := &x.services
	if p, c := s.balancing.winner(r, key, port); c != nil {
		b.Balancing = balancingOf(c)
		b.Policies = append(b.Policies, s.balancing.origin(p))
	}
	if p, c := s.session.winner(r, key, port); c != nil {
		b.Session = sessionOf(c)
		b.Policies = append(b.Policies, s.session.origin(p))
	}
	if b.Session != nil && x.sessionKey != nil {
		b.Session.Key = x.sessionKey.Name
		secrets = append(secrets, x.sessionKey)
	}
	if p, c := s.health.winner(r, key, port); c != nil {
		b.Health = healthOf(c)
		b.Policies = append(b.Policies, s.health.origin(p))
	}
	if p, c := s.breaker.winner(r, key, port); c != nil {
		b.Breaker = breakerOf(c)
		b.Policies = append(b.Policies, s.breaker.origin(p))
	}
	if p, c := s.retry.winner(r, key, port); c != nil {
		b.Retry = retryOf(c)
		b.Policies = append(b.Policies, s.retry.origin(p))
	}
	return secrets
}

func seconds[N int32 | float64](n N) ir.Duration {
	return ir.Duration(math.Min(float64(n)*float64(time.Second), math.MaxInt64/2))
}

func checkBalancer(c *v1alpha1.PortLoadBalancer) string {
	if c.HashHeader != nil && valueOr(c.Type, "") != v1alpha1.HashingLoadBalancer {
		return fmt.Sprintf("hashHeader is for type %s only", v1alpha1.HashingLoadBalancer)
	}
	switch valueOr(c.Type, v1alpha1.RoundRobinLoadBalancer) {
	case v1alpha1.RoundRobinLoadBalancer, v1alpha1.HashingLoadBalancer, v1alpha1.LeastConnectionLoadBalancer:
		return ""
	}
	return fmt.Sprintf("type: %q is not known; use %s, %s or %s", *c.Type,
		v1alpha1.RoundRobinLoadBalancer, v1alpha1.HashingLoadBalancer, v1alpha1.LeastConnectionLoadBalancer)
}

func balancingOf(c *v1alpha1.PortLoadBalancer) *ir.Balancing {
	switch valueOr(c.Type, v1alpha1.RoundRobinLoadBalancer) {
	case v1alpha1.HashingLoadBalancer:
		return &ir.Balancing{Kind: ir.BalanceHash, Header: string(valueOr(c.HashHeader, ""))}
	case v1alpha1.LeastConnectionLoadBalancer:
		return &ir.Balancing{Kind: ir.BalanceLeast}
	}
	return nil
}

// defaultCookie and defaultExpiry are those of the custom resource definition.
const (
	defaultCookie = "_srv_id"
	defaultExpiry = 3600
)

// notToken are characters that the name of a cookie may not have (RFC 6265, section
// 4.1.1, and RFC 9110, section 5.6.2).
const notToken = "()<>@,;:\\\"/[]?={} \t"

func checkSession(c *v1alpha1.SessionStickyConfig) string {
	name := valueOr(c.CookieName, defaultCookie)
	bad := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(notToken, r) }
	if name == "" || strings.ContainsFunc(name, bad) {
		return fmt.Sprintf("cookieName: %q is not a name of a cookie; use letters, digits, \"-\" and \"_\"", name)
	}
	return ""
}

func sessionOf(c *v1alpha1.SessionStickyConfig) *ir.Session {
	return &ir.Session{
		Cookie: valueOr(c.CookieName, defaultCookie), Lifetime: seconds(valueOr(c.Expires, defaultExpiry)),
	}
}

func checkHealth(c *v1alpha1.HealthCheckConfig) string {
	path := valueOr(c.Path, "")
	switch {
	case path == "" && len(c.Matches) > 0:
		return "path is required beside matches"
	case path != "" && len(c.Matches) == 0:
		return "matches is required beside path; for example [{statusCodes: [200]}]"
	case path != "" && path[0] != '/' || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return fmt.Sprintf("path: %q is not a path; it begins with \"/\" and is percent-encoded", path)
	}
	for i, m := range c.Matches {
		if len(m.StatusCodes) == 0 && valueOr(m.Body, "") == "" && len(m.Headers) == 0 {
			return fmt.Sprintf("matches[%d] needs one of statusCodes, body and headers", i)
		}
		for _, code := range m.StatusCodes {
			if code < 100 || code > 999 {
				return fmt.Sprintf("matches[%d].statusCodes: %d is not a status code", i, code)
			}
		}
	}
	return ""
}

func healthOf(c *v1alpha1.HealthCheckConfig) *ir.HealthCheck {
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

func checkBreaker(c *v1alpha1.CircuitBreakingConfig) string {
	slow := c.SlowAmountThreshold != nil || c.SlowRatioThreshold != nil
	failed := c.ErrorAmountThreshold != nil || c.ErrorRatioThreshold != nil
	switch {
	case !slow && !failed:
		return "errorAmountThreshold, errorRatioThreshold, slowAmountThreshold or slowRatioThreshold is required"
	case slow && c.SlowTimeThreshold == nil:
		return "slowTimeThreshold is required beside slowAmountThreshold and slowRatioThreshold"
	}
	if code := valueOr(c.DegradedStatusCode, 503); code < 200 || code > 599 {
		return fmt.Sprintf("degradedStatusCode: %d cannot be answered; use 200 to 599", code)
	}
	return ""
}

func breakerOf(c *v1alpha1.CircuitBreakingConfig) *ir.Breaker {
	return &ir.Breaker{
		Window: seconds(c.StatTimeWindow), MinRequests: uint32(c.MinRequestAmount),
		SlowTime: seconds(valueOr(c.SlowTimeThreshold, 0)),
		Slow:     ir.Threshold{Count: uint32(valueOr(c.SlowAmountThreshold, 0)), Ratio: valueOr(c.SlowRatioThreshold, 0)},
		Errors:   ir.Threshold{Count: uint32(valueOr(c.ErrorAmountThreshold, 0)), Ratio: valueOr(c.ErrorRatioThreshold, 0)},
		Open:     seconds(c.DegradedTimeWindow),
		Status:   uint16(valueOr(c.DegradedStatusCode, 503)), Body: valueOr(c.DegradedResponseContent, ""),
	}
}

func checkRetry(c *v1alpha1.RetryConfig) string {
	for _, s := range c.RetryOn {
		if _, _, ok := retryStatus(s); !ok {
			return fmt.Sprintf("retryOn: %q is neither a status, as 503, nor a class of them, as 5xx", s)
		}
	}
	return ""
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

func retryOf(c *v1alpha1.RetryConfig) *ir.Retry {
	retry := &ir.Retry{
		Attempts: uint32(max(valueOr(c.NumRetries, defaultRetries), 0)),
		Spread:   seconds(valueOr(c.BackoffBaseInterval, defaultBackoff)),
	}
	for _, s := range c.RetryOn {
		switch code, class, _ := retryStatus(s); {
		case class != 0 && code == 0:
			retry.Classes = append(retry.Classes, class)
		default:
			retry.Codes = append(retry.Codes, code)
		}
	}
	return retry
}
