package filter

import (
	"errors"
	"fmt"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
)

// ReasonFaultInjected marks answers that a policy gives in place of the backend.
const ReasonFaultInjected = "fault_injected"

// errLeft ends requests whose clients went away while they waited.
var errLeft = &message.Reply{Reason: "client_closed", Cause: errors.New("client closed while a fault delayed it")}

// fault delays requests, or answers them.
type fault struct {
	config ir.Fault
	env    *Env
	abort  *message.Reply // nil when requests go on
}

func newFault(f *ir.Fault, env *Env) *fault {
	compiled := &fault{config: *f, env: env}
	if a := f.Abort; a != nil {
		compiled.abort = &message.Reply{
			Status: int(a.Status), Reason: ReasonFaultInjected, Body: a.Body, Bare: true, GRPCStatus: int(a.GRPCStatus),
			Cause: fmt.Errorf("injected by %s", f.Policy),
		}
		if a.Status == 0 {
			// Whoever does not speak gRPC sees that the service is not available.
			compiled.abort.Status = 503
		}
	}
	return compiled
}

// Request implements Filter.
func (f *fault) Request(x *message.Exchange) error {
	if some, all := f.config.Numerator, f.config.Denominator; some < all && (some == 0 || f.env.Random(all) >= some) {
		return nil
	}
	if d := f.delay(); d > 0 && !x.Pause(d) {
		return errLeft
	}
	if f.abort != nil {
		return f.abort
	}
	return nil
}

// delay draws a time.
func (f *fault) delay() time.Duration {
	least, width := time.Duration(f.config.MinDelay), time.Duration(f.config.MaxDelay-f.config.MinDelay)
	if width == 0 {
		return least
	}
	const large = 1 << 31
	return least + time.Duration(float64(width)*float64(f.env.Random(large))/(large-1))
}

// Response implements Filter.
func (f *fault) Response(*message.Exchange) {}
