package istio

import (
	"fmt"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/ir"
)

// abortBody is what clients of Istio find in answers that a fault gives.
const abortBody = "fault filter abort"

// faults are the delay and the abort of a rule. Each has a share of the requests of
// its own, so that one request may get both, the delay first.
func (c *compiler) faults(rule ir.Origin, fault *istiov1.HTTPFaultInjection) ir.Filters {
	if fault == nil {
		return nil
	}
	var out ir.Filters
	if d := fault.Delay; d != nil {
		f := &ir.Fault{Policy: rule}
		f.MinDelay = c.duration("fault.delay.fixedDelay", d.FixedDelay)
		f.MaxDelay = f.MinDelay
		switch {
		case d.ExponentialDelay != "":
			c.refuse("fault.delay.exponentialDelay: is not supported")
		case f.MinDelay == 0:
			c.refuse("fault.delay: fixedDelay is required")
		}
		if f.Numerator, f.Denominator = c.faultShare("fault.delay", d.Percentage, d.Percent); f.Numerator > 0 {
			out = append(out, f)
		}
	}
	if a := fault.Abort; a != nil {
		f := &ir.Fault{Policy: rule, Abort: &ir.FaultAbort{Body: abortBody}}
		if err := readAbort(f.Abort, a); err != nil {
			c.refuse("fault.abort%v", err)
		}
		if f.Numerator, f.Denominator = c.faultShare("fault.abort", a.Percentage, a.Percent); f.Numerator > 0 {
			out = append(out, f)
		}
	}
	return out
}

// readAbort reads the answer.
func readAbort(out *ir.FaultAbort, a *istiov1.HTTPAbort) error {
	code, known := ir.GRPCCode(a.GRPCStatus)
	switch {
	case a.HTTP2Error != "":
		return fmt.Errorf(".http2Error: is not supported")
	case (a.HTTPStatus == 0) == (a.GRPCStatus == ""):
		return fmt.Errorf(": wants one of httpStatus and grpcStatus")
	case a.GRPCStatus != "" && !known:
		return fmt.Errorf(".grpcStatus: %q is no name of a status, such as UNAVAILABLE", a.GRPCStatus)
	case a.GRPCStatus == "" && (a.HTTPStatus < 200 || a.HTTPStatus > 599):
		return fmt.Errorf(".httpStatus: %d cannot be answered; use 200 to 599", a.HTTPStatus)
	}
	out.Status, out.GRPCStatus = uint16(a.HTTPStatus), code
	return nil
}

// faultShare is the share of the requests; none, where nothing says it.
func (c *compiler) faultShare(path string, percentage *istiov1.Percent, percent int32) (numerator, denominator uint32) {
	if percentage == nil {
		percentage = &istiov1.Percent{Value: float64(percent)}
		if percent == 0 {
			c.warn("%s: happens to no request, because percentage is missing", path)
		}
	}
	if v := percentage.Value; v < 0 || v > 100 {
		c.refuse("%s.percentage: %v is not in the range 0-100", path, v)
	}
	return share(percentage)
}
