package filter

import (
	"fmt"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// ReasonRateLimited marks answers to requests that a rate limit refuses.
const ReasonRateLimited = "rate_limited"

// Limiter is what a rate limit takes from.
type Limiter interface {
	// Take takes a request out, or has it wait for its turn. It reports false when the
	// request is refused.
	Take(w Waiter) bool
}

// Waiter is an exchange, to a limiter.
type Waiter = interface {
	// AwaitTurn waits until the channel delivers, and reports false when it no longer
	// wants to.
	AwaitTurn(turn <-chan struct{}) bool
}

type rateLimit struct {
	limiter Limiter
	refused *message.Reply
}

func newRateLimit(f *ir.RateLimit, env *Env) (*rateLimit, error) {
	r := &rateLimit{limiter: env.Limiter(f.Limiter)}
	if r.limiter == nil {
		return nil, fmt.Errorf("limiter %q is missing", f.Limiter)
	}
	r.refused = &message.Reply{
		Status: int(f.Status), Reason: ReasonRateLimited,
		Cause: fmt.Errorf("%s has nothing left in this window", f.Policy),
	}
	for _, h := range f.Headers {
		name := message.MakeName(h.Name)
		r.refused.Header = append(r.refused.Header, message.Field{Name: name.Text, Value: []byte(h.Value), ID: name.ID})
	}
	return r, nil
}

// Request implements Filter.
func (f *rateLimit) Request(x *message.Exchange) error {
	if !f.limiter.Take(x) {
		return f.refused
	}
	return nil
}

// Response implements Filter.
func (f *rateLimit) Response(*message.Exchange) {}
