package gatewayapi

import (
	"regexp"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/translate/policy"
)

func httpRoute(o *gatewayv1.HTTPRoute) routeInput {
	return routeInput{
		object: o, common: &o.Spec.CommonRouteSpec, hostnames: o.Spec.Hostnames,
		compile: func(c *compiler) { c.httpRules(o) },
	}
}

func (c *compiler) httpRules(o *gatewayv1.HTTPRoute) {
	rules := o.Spec.Rules
	if len(rules) == 0 {
		rules = []gatewayv1.HTTPRouteRule{{}} // the default of the CRD
	}
	for i, r := range rules {
		in := rule{
			index: i, name: r.Name, filters: r.Filters, backends: r.BackendRefs,
			//lint:ignore SA1019 whoever still writes sessionPersistence has to be told
			timeouts: r.Timeouts, retry: r.Retry, session: r.SessionPersistence,
		}
		if len(r.Matches) == 0 {
			in.matches = []ir.Match{everything}
		}
		for j, m := range r.Matches {
			compiled, err := httpMatch(m)
			in.add(j, compiled, err)
			if c.policies != nil && err == nil {
				in.keys = append(in.keys, policy.HTTPMatchKey(m))
			}
		}
		c.rule(in)
	}
}

// gatewayDuration is the syntax of durations in the Gateway API (GEP-2257), of
// which Go's is a superset.
var gatewayDuration = regexp.MustCompile(`^([0-9]{1,5}(h|m|s|ms)){1,4}$`)

// timeout reads a duration. Zero switches the timeout off, as does none.
func timeout(field string, d *gatewayv1.Duration) (ir.Duration, *fault) {
	if d == nil {
		return 0, nil
	}
	v, err := time.ParseDuration(string(*d))
	if err != nil || !gatewayDuration.MatchString(string(*d)) {
		return 0, unsupported("%s: %q is not a duration", field, *d)
	}
	return ir.Duration(v), nil
}

// retry reads the retry stanza. Without one only connections that could not be
// made are repeated, which is the proxy's own business.
func retry(r *gatewayv1.HTTPRouteRetry) (*ir.Retry, *fault) {
	if r == nil {
		return nil, nil
	}
	out := &ir.Retry{Attempts: 1}
	if r.Attempts != nil {
		if *r.Attempts < 0 {
			return nil, unsupported("retry.attempts: %d is less than 0", *r.Attempts)
		}
		const most = 1000 // more would be an attack on the backend
		out.Attempts = uint32(min(*r.Attempts, most))
	}
	for _, code := range r.Codes {
		if code < 400 || code > 599 {
			return nil, unsupported("retry.codes: %d is not in the range 400-599", code)
		}
		out.Codes = append(out.Codes, uint16(code))
	}
	var f *fault
	out.Backoff, f = timeout("retry.backoff", r.Backoff)
	return out, f
}
