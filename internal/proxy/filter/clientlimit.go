package filter

import (
	"fmt"
	"net/netip"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// ReasonConcurrencyLimited marks answers to requests of clients that have as many under
// way as they may. Those that come too fast are rate_limited.
const ReasonConcurrencyLimited = "concurrency_limited"

// ClientLimiter counts what each client does.
type ClientLimiter interface {
	// Enter counts a request of a client. It is refused when the client asks too fast,
	// or is crowded: has as many requests under way as it may. What is held, if not nil,
	// is to be released when a request that may pass is over.
	Enter(client netip.Addr) (held message.Held, fast, crowded bool)
}

type clientLimit struct {
	limiter       ClientLimiter
	fast, crowded *message.Reply
}

func newClientLimit(f *ir.ClientLimit, env *Env) (*clientLimit, error) {
	limiter := env.Clients(f.Limiter)
	if limiter == nil {
		return nil, fmt.Errorf("limiter %q is missing", f.Limiter)
	}
	refusal := func(reason, cause string) *message.Reply {
		return &message.Reply{Status: int(f.Status), Reason: reason, Cause: fmt.Errorf("%s: the client %s", f.Policy, cause)}
	}
	return &clientLimit{
		limiter: limiter,
		fast:    refusal(ReasonRateLimited, "asks too often"),
		crowded: refusal(ReasonConcurrencyLimited, "has too many requests under way"),
	}, nil
}

// Request implements Filter.
func (f *clientLimit) Request(x *message.Exchange) error {
	held, fast, crowded := f.limiter.Enter(x.Client)
	switch {
	case fast:
		return f.fast
	case crowded:
		return f.crowded
	case held != nil:
		x.Hold(held)
	}
	return nil
}

// Response implements Filter.
func (f *clientLimit) Response(*message.Exchange) {}
