package filter

import (
	"fmt"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// Filter is a compiled filter.
type Filter interface {
	// Request sees the request on its way to the backend. An error ends the way; a
	// *message.Reply is the answer.
	Request(x *message.Exchange) error
	// Response sees the response to a request that Request let through or
	// answered, before any of it is sent.
	Response(x *message.Exchange)
}

// Env is what filters may need from the proxy.
type Env struct {
	// Dispatch sends a copy of the exchange's request to a backend, whatever
	// becomes of the original, and drops the answer.
	Dispatch func(x *message.Exchange, backend ir.BackendName)
	// Random returns a number in [0, n).
	Random func(n uint32) uint32
	// Limiter finds what a rate limit takes from; nil when there is none of that name.
	Limiter func(name ir.LimiterName) Limiter
	// Clients finds what counts for each client; nil when there is none of that name.
	Clients func(name ir.LimiterName) ClientLimiter
	// Throttle makes something that spreads bytes over time.
	Throttle func(bytesPerSecond uint64) Throttle
}

// New compiles filters, in order.
func New(filters ir.Filters, env *Env) ([]Filter, error) {
	compiled := make([]Filter, 0, len(filters))
	for _, f := range filters {
		var err error
		switch f := f.(type) {
		case *ir.RequestHeaders:
			compiled = append(compiled, &requestHeaders{compileChange((*ir.HeaderChange)(f))})
		case *ir.ResponseHeaders:
			compiled = append(compiled, &responseHeaders{compileChange((*ir.HeaderChange)(f))})
		case *ir.Rewrite:
			var made *rewrite
			made, err = newRewrite(f)
			compiled = append(compiled, made)
		case *ir.Redirect:
			var made *redirect
			made, err = newRedirect(f)
			compiled = append(compiled, made)
		case *ir.Mirror:
			compiled = append(compiled, &mirror{config: *f, env: env})
		case *ir.CORS:
			compiled = append(compiled, newCORS(f))
		case *ir.BodyLimit:
			compiled = append(compiled, &bodyLimit{bytes: f.Bytes})
		case *ir.AccessControl:
			compiled = append(compiled, newAccessControl(f))
		case *ir.RateLimit:
			limit, err := newRateLimit(f, env)
			if err != nil {
				return nil, err
			}
			compiled = append(compiled, limit)
		case *ir.ClientLimit:
			limit, err := newClientLimit(f, env)
			if err != nil {
				return nil, err
			}
			compiled = append(compiled, limit)
		case *ir.ResponseRate:
			compiled = append(compiled, &responseRate{config: *f, env: env})
		case *ir.Fault:
			compiled = append(compiled, newFault(f, env))
		default:
			return nil, fmt.Errorf("filter %T has no implementation", f)
		}
		if err != nil {
			return nil, fmt.Errorf("filter %s: %w", ir.FilterKind(f), err)
		}
	}
	return compiled, nil
}
