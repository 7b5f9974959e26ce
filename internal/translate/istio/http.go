package istio

import (
	"slices"
	"strconv"
	"strings"
	"time"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/policy"
)

// http compiles an HTTP rule. One that cannot be served keeps its matches and
// answers 500, so that its requests do not go to a wider rule.
func (c *compiler) http(index int, r *istiov1.HTTPRoute) {
	origin := originOf(c.out.key, ruleName("http", index, r.Name))
	c.refused = nil
	unsupportedRule(c, r)
	filters := c.filters(origin, r)
	action := c.action(r)
	matches := c.matches(r.Match)
	switch {
	case len(c.refused) > 0:
		filters = ruleFilters{}
		action = &ir.Respond{Status: 500, Reason: core.ReasonUnsupportedValue, Message: strings.Join(c.refused, "; ")}
		for _, message := range c.refused {
			c.drop(message)
		}
	case len(matches) > 0:
		c.out.rules++
	}
	for _, m := range matches {
		c.out.http = append(c.out.http, httpEntry{m.scope, &ir.Route{
			Origin: origin, Match: m.match, Filters: filters.forMatch(m.match), Action: action,
		}})
	}
}

// ruleName is the part of an origin that names a rule.
func ruleName(kind string, index int, name string) string {
	s := kind + " " + strconv.Itoa(index)
	if name != "" {
		s += " " + name
	}
	return s
}

// action is what happens to a request that the filters let through.
func (c *compiler) action(r *istiov1.HTTPRoute) ir.Action {
	noBackends := &ir.Respond{Status: 500, Reason: core.ReasonNoBackends}
	if r.Redirect != nil {
		if len(r.Route) > 0 {
			c.warn("route: is not used beside a redirect")
		}
		return noBackends
	}
	forward := &ir.Forward{
		Destinations: c.httpDestinations(r.Route),
		Timeout:      c.duration("timeout", r.Timeout),
	}
	if retries := r.Retries; retries != nil {
		forward.Retry = c.retry(retries)
		forward.AttemptTimeout = c.duration("retries.perTryTimeout", retries.PerTryTimeout)
	}
	if len(forward.Destinations) == 0 {
		if r.DirectResponse == nil && r.Delegate == nil {
			c.refuse("route: has no destination")
		}
		return noBackends
	}
	return forward
}

func (c *compiler) httpDestinations(list []istiov1.HTTPRouteDestination) []ir.Destination {
	var destinations []ir.Destination
	for i, d := range list {
		out := c.destination(d.Destination, policy.HTTP)
		out.Filters = c.headers("route["+strconv.Itoa(i)+"].headers", d.Headers)
		out.Weight = weight(d.Weight, len(list))
		if out.Weight > 0 {
			destinations = append(destinations, out)
		}
	}
	return destinations
}

// weight of a destination. A single one gets everything, whatever its weight.
func weight(given int32, destinations int) uint32 {
	if destinations == 1 {
		return 1
	}
	return uint32(max(given, 0))
}

// duration reads a duration; the empty one is zero.
func (c *compiler) duration(path, text string) ir.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		c.refuse("%s: %q is not a duration", path, text)
		return 0
	}
	return ir.Duration(d)
}

// retriedAnyway are conditions under which no request reached a backend, or a
// connection broke. They are retried whether one asks for it or not.
var retriedAnyway = []string{"connect-failure", "refused-stream", "reset", "reset-before-request", "retriable-status-codes"}

// retry reads the retry policy. Without retryOn Istio retries what could not be
// sent, and 503.
func (c *compiler) retry(r *istiov1.HTTPRetry) *ir.Retry {
	out := &ir.Retry{Attempts: uint32(max(r.Attempts, 0)), Backoff: c.duration("retries.backoff", r.Backoff)}
	if r.RetryOn == "" {
		out.Codes = []uint16{503}
		return out
	}
	for word := range strings.SplitSeq(r.RetryOn, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		code, err := strconv.Atoi(word)
		switch {
		case word == "" || slices.Contains(retriedAnyway, word):
		case word == "5xx":
			out.Classes = append(out.Classes, 5)
		case word == "gateway-error":
			out.Codes = append(out.Codes, 502, 503, 504)
		case word == "retriable-4xx":
			out.Codes = append(out.Codes, 409)
		case err == nil && code >= 400 && code <= 599:
			out.Codes = append(out.Codes, uint16(code))
		default:
			c.warn("retries.retryOn: %q is not retried on", word)
		}
	}
	slices.Sort(out.Codes)
	out.Codes = slices.Compact(out.Codes)
	return out
}
