package policy

import (
	"time"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/ir"
	"fsm/internal/translate/core"
)

func newFaultFamily(src *core.Source) *family[*v1alpha1.FaultInjectionPolicy, *ir.Fault] {
	return newFamily(src, faultInjectionKind, readFault, httpRouteKind, grpcRouteKind)
}

func readFault(p *v1alpha1.FaultInjectionPolicy, rd *reading[*ir.Fault]) {
	s := &p.Spec
	es := entries[v1alpha1.FaultInjectionConfig]{name: "config", fallback: s.Config}
	for i, e := range s.Hostnames {
		es.hostname(i, e.Hostname, e.Config)
	}
	for i, e := range s.HTTPFaultInjections {
		es.http(i, e.Match, e.Config)
	}
	for i, e := range s.GRPCFaultInjections {
		es.grpc(i, e.Match, e.Config)
	}
	fit(&es, rd, s.TargetRef, fields{0, len(s.Hostnames), len(s.HTTPFaultInjections), len(s.GRPCFaultInjections)})
	fill(rd, &es, func(e entry[v1alpha1.FaultInjectionConfig], at spot) *ir.Fault { return readFaultEntry(p, e, at) })
}

func readFaultEntry(p *v1alpha1.FaultInjectionPolicy, e entry[v1alpha1.FaultInjectionConfig], at spot) *ir.Fault {
	fault := &ir.Fault{Policy: origin(faultInjectionKind, p, e.part), Denominator: 100}
	switch delay, abort := e.config.Delay, e.config.Abort; {
	case (delay == nil) == (abort == nil):
		at.wrong(": wants one of delay and abort")
	case delay != nil:
		readDelay(fault, delay, valueOr(p.Spec.Unit, "ms"), at.under("delay"))
	default:
		readAbort(fault, abort, string(p.Spec.TargetRef.Kind) == grpcRouteKind.Kind, at.under("abort"))
	}
	return fault
}

// readPercent wants it said: no percentage would be the better guess, of none and of
// all, whatever the user thought of.
func readPercent(percent *int32, at spot) uint32 {
	switch {
	case percent == nil:
		at.wrong(".percent: say which share of the requests, from 0 to 100")
	case *percent < 0 || *percent > 100:
		at.wrong(".percent: %d is not in the range 0-100", *percent)
	default:
		return uint32(*percent)
	}
	return 0
}

// units of delays.
var units = map[v1alpha1.DelayUnit]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// longestDelay is more than any client waits, and far from overflowing.
const longestDelay = 30 * 24 * time.Hour

func readDelay(fault *ir.Fault, d *v1alpha1.FaultInjectionDelay, byDefault v1alpha1.DelayUnit, at spot) {
	fault.Numerator = readPercent(d.Percent, at)
	unit, ok := units[valueOr(d.Unit, byDefault)]
	if !ok {
		at.wrong(".unit: %q is not supported; use ms, s, m, h or d", valueOr(d.Unit, byDefault))
		return
	}
	var from, to int64
	switch {
	case (d.Fixed == nil) == (d.Range == nil):
		at.wrong(": wants one of fixed and range")
	case d.Fixed != nil:
		from, to = *d.Fixed, *d.Fixed
	case d.Range.Min >= d.Range.Max:
		at.wrong(".range: min %d is not less than max %d", d.Range.Min, d.Range.Max)
	default:
		from, to = d.Range.Min, d.Range.Max
	}
	if from < 0 || to > int64(longestDelay/unit) {
		at.wrong(": the delay is not between 0 and 30 days")
		return
	}
	fault.MinDelay, fault.MaxDelay = ir.Duration(time.Duration(from)*unit), ir.Duration(time.Duration(to)*unit)
}

func readAbort(fault *ir.Fault, a *v1alpha1.FaultInjectionAbort, grpc bool, at spot) {
	fault.Numerator = readPercent(a.Percent, at)
	fault.Abort = &ir.FaultAbort{Body: valueOr(a.Message, "")}
	switch {
	case a.StatusCode == nil:
		at.wrong(".statusCode: say what to answer")
	case grpc:
		fault.Abort.GRPCStatus = uint32(*a.StatusCode)
	default:
		fault.Abort.Status = at.under("statusCode").status(a.StatusCode, 0)
	}
}
