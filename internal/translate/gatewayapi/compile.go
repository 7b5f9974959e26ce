package gatewayapi

import (
	"fmt"
	"slices"
	"strconv"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/policy"
)

// compiler turns the rules of one route into what proxies do.
type compiler struct {
	frontend *Frontend
	recorder *memo.Recorder
	use      policy.Use
	from     core.Referrer
	origin   ir.Origin
	// policies of the route, and the hostname that they are asked about.
	policies *policy.Route
	hostname string
	out      *compiled
}

// rule is a rule of an HTTP-like route, its matches already compiled.
type rule struct {
	index   int
	name    *gatewayv1.SectionName
	matches []ir.Match
	// keys are the matches as policies know them; none for a rule without matches.
	keys []string
	// broken are matches that cannot be compiled.
	broken   []string
	filters  []gatewayv1.HTTPRouteFilter
	backends []gatewayv1.HTTPBackendRef
	timeouts *gatewayv1.HTTPRouteTimeouts
	retry    *gatewayv1.HTTPRouteRetry
	session  *gatewayv1.SessionPersistence
}

// rulePart names a rule in origins: by number, and by name if it has one.
func rulePart(index int, name *gatewayv1.SectionName) string {
	s := "rule " + strconv.Itoa(index)
	if name != nil && *name != "" {
		s += " " + string(*name)
	}
	return s
}

// fault is why a rule is not served.
type fault struct {
	reason gatewayv1.RouteConditionReason
	// reply is the reason of the replies in place of the rule.
	reply   string
	message string
}

func unsupported(format string, args ...any) *fault {
	return &fault{gatewayv1.RouteReasonUnsupportedValue, core.ReasonUnsupportedValue, fmt.Sprintf(format, args...)}
}

// rule compiles one rule. A rule that cannot be served keeps its matches and
// answers with a status, so that its requests do not go to a wider rule.
func (c *compiler) rule(in rule) {
	origin := c.origin
	origin.Part = rulePart(in.index, in.name)
	filters, action, f := c.serve(in)
	if f != nil {
		filters, action = nil, &ir.Respond{Status: c.use.FailureStatus(), Reason: f.reply, Message: f.message}
		if f.reason == gatewayv1.RouteReasonInvalidKind {
			// A reference that leads nowhere does not make the rule invalid.
			c.unresolved(&core.RefError{Reason: f.reason, Reply: f.reply, Message: origin.Part + ": " + f.message})
			f = nil
		}
	}
	switch {
	case f != nil:
		c.out.dropped = append(c.out.dropped, droppedRule{f.reason, fmt.Sprintf("Rule %d: %s", in.index, f.message)})
	case len(in.matches) > 0:
		c.out.rules++
	}
	for _, message := range in.broken {
		c.out.dropped = append(c.out.dropped, droppedRule{gatewayv1.RouteReasonUnsupportedValue, fmt.Sprintf("Rule %d: %s", in.index, message)})
	}
	for i, m := range in.matches {
		c.out.routes = append(c.out.routes, rankedRoute{rankOf(m), &ir.Route{Origin: origin, Match: m, Filters: c.guarded(in.key(i), filters), Action: action}})
	}
}

// key of a match; empty for that of a rule without matches.
func (in *rule) key(match int) string {
	if len(in.keys) == 0 {
		return ""
	}
	return in.keys[match]
}

// guarded puts the filters of policies before those of the rule.
func (c *compiler) guarded(key string, filters ir.Filters) ir.Filters {
	attached := c.policies.Filters(c.hostname, key)
	for _, l := range attached.Limiters {
		if !slices.Contains(c.out.limiters, l) {
			c.out.limiters = append(c.out.limiters, l)
		}
	}
	if len(attached.Filters) == 0 {
		return filters
	}
	return slices.Concat(attached.Filters, filters)
}

// serve compiles everything but the matches. References are resolved even for
// rules that cannot be served, so that the user hears of all that is wrong.
func (c *compiler) serve(in rule) (ir.Filters, ir.Action, *fault) {
	filters, f := c.filters(in.filters, in.matches)
	used := len(c.out.backends)
	action, destinationFault := c.forward(in)
	if f == nil {
		f = destinationFault
	}
	if redirects(filters) {
		// No request gets past a redirect.
		action, c.out.backends = &ir.Respond{Status: c.use.FailureStatus(), Reason: core.ReasonNoBackends}, c.out.backends[:used]
	}
	if f == nil && in.session != nil {
		f = unsupported("sessionPersistence is not supported")
	}
	return filters, action, f
}

func redirects(filters ir.Filters) bool {
	return slices.ContainsFunc(filters, func(f ir.Filter) bool {
		_, ok := f.(*ir.Redirect)
		return ok
	})
}

// forward is what happens to a request that the filters let through.
func (c *compiler) forward(in rule) (ir.Action, *fault) {
	var destinations []ir.Destination
	var failure *fault
	for i, ref := range in.backends {
		d := c.destination(ref.BackendRef)
		filters, f := c.filters(ref.Filters, in.matches)
		if f != nil && failure == nil {
			failure = &fault{f.reason, f.reply, fmt.Sprintf("backendRefs[%d]: %s", i, f.message)}
		}
		d.Filters = filters
		if d.Weight > 0 {
			destinations = append(destinations, d)
		}
	}
	if failure != nil {
		return nil, failure
	}
	if len(destinations) == 0 {
		return &ir.Respond{Status: c.use.FailureStatus(), Reason: core.ReasonNoBackends}, nil
	}
	forward := &ir.Forward{Destinations: destinations}
	if t := in.timeouts; t != nil {
		var f *fault
		if forward.Timeout, f = timeout("timeouts.request", t.Request); f != nil {
			return nil, f
		}
		if forward.AttemptTimeout, f = timeout("timeouts.backendRequest", t.BackendRequest); f != nil {
			return nil, f
		}
	}
	var f *fault
	forward.Retry, f = retry(in.retry)
	return forward, f
}

// destination resolves one backendRef. One that does not resolve keeps its
// weight: its share of the requests fails, and no other backend gets more than
// its own.
func (c *compiler) destination(ref gatewayv1.BackendRef) ir.Destination {
	d := ir.Destination{Weight: 1}
	if ref.Weight != nil {
		d.Weight = uint32(max(*ref.Weight, 0))
	}
	name, err := c.backend(ref.BackendObjectReference)
	if err != nil {
		d.Failure = &ir.Respond{Status: c.use.FailureStatus(), Reason: err.Reply, Message: err.Message}
		return d
	}
	d.Backend = name
	return d
}

// backend resolves a reference and notes the backend as used.
func (c *compiler) backend(ref gatewayv1.BackendObjectReference) (ir.BackendName, *core.RefError) {
	f := c.frontend
	d, err := f.src.Resolve(c.recorder, c.reference(ref))
	if err != nil {
		c.unresolved(err)
		return "", err
	}
	slot, state := f.policies.ForBackend(c.recorder, d, c.use)
	if state.Failed {
		c.unresolved(&state.Err)
	}
	if used := (backendUse{slot, d.Service}); !slices.Contains(c.out.backends, used) {
		c.out.backends = append(c.out.backends, used)
	}
	return state.Name, nil
}

func (c *compiler) unresolved(err *core.RefError) {
	c.out.unresolved = append(c.out.unresolved, err)
}

// reference fills in the defaults of a reference to a backend.
func (c *compiler) reference(ref gatewayv1.BackendObjectReference) core.Reference {
	out := core.Reference{
		From: c.from, Kind: "Service", Namespace: c.from.Namespace, Name: string(ref.Name),
		UDP: c.from.Kind == "UDPRoute",
	}
	if ref.Group != nil {
		out.Group = string(*ref.Group)
	}
	if ref.Kind != nil {
		out.Kind = string(*ref.Kind)
	}
	if ref.Namespace != nil {
		out.Namespace = string(*ref.Namespace)
	}
	if ref.Port != nil {
		out.Port = *ref.Port
	}
	return out
}
