package explain

import (
	"fmt"
	"net/netip"

	"fsm/internal/ir"
	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/message"
)

// full lets everybody through, as a limiter does that has something left.
type full struct{}

// Take implements filter.Limiter.
func (full) Take(filter.Waiter) bool { return true }

// Enter implements filter.ClientLimiter.
func (full) Enter(netip.Addr) (held message.Held, fast, crowded bool) { return nil, false, false }

// rehearse says what cannot be seen by running a filter once: what is left to chance,
// takes time, or depends on what came before. The filter that it returns does the
// rest.
func (w *walk) rehearse(f ir.Filter, x *message.Exchange) (ir.Filter, []string) {
	switch f := f.(type) {
	case *ir.AccessControl:
		if f.ForwardedFor && x.ForwardedFor != nil {
			return f, []string{"looks at X-Forwarded-For: " + string(x.ForwardedFor)}
		}
		return f, []string{"looks at the client's address " + x.Client.String()}
	case *ir.RateLimit:
		if l := w.snapshot.Limiters[f.Limiter]; l != nil {
			return f, []string{fmt.Sprintf("takes one out of the bucket %s; an empty one would answer %d", l, f.Status)}
		}
	case *ir.ClientLimit:
		if l := w.snapshot.Limiters[f.Limiter]; l != nil && l.Clients.Exempts(x.Client) {
			return f, []string{fmt.Sprintf("does not count the client's address %s", x.Client)}
		} else if l != nil {
			return f, []string{fmt.Sprintf("counts the client's address %s: %s; what goes beyond would be answered with %d", x.Client, l.Clients, f.Status)}
		}
	case *ir.Fault:
		return rehearseFault(f)
	}
	return f, nil
}

// rehearseFault leaves the wait out, and what happens to some requests only.
func rehearseFault(f *ir.Fault) (ir.Filter, []string) {
	run, said := *f, []string(nil)
	who := fmt.Sprintf("%d of %d requests", f.Numerator, f.Denominator)
	if f.Numerator >= f.Denominator {
		who = "all requests"
	}
	if f.MaxDelay > 0 {
		wait := f.MaxDelay.String()
		if f.MinDelay != f.MaxDelay {
			wait = f.MinDelay.String() + " to " + wait
		}
		said = append(said, fmt.Sprintf("%s wait for %s", who, wait))
	}
	if a := f.Abort; a != nil && f.Numerator < f.Denominator {
		said = append(said, who+" are answered in place of the backend")
		run.Numerator = 0
	}
	run.MinDelay, run.MaxDelay = 0, 0
	return &run, said
}

// policyOf is the user's object behind a filter that a policy made.
func policyOf(f ir.Filter) ir.Origin {
	switch f := f.(type) {
	case *ir.AccessControl:
		return f.Policy
	case *ir.RateLimit:
		return f.Policy
	case *ir.ClientLimit:
		return f.Policy
	case *ir.ResponseRate:
		return f.Policy
	case *ir.Fault:
		return f.Policy
	}
	return ir.Origin{}
}
