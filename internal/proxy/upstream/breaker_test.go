package upstream

import (
	"testing"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/socket"
)

// event is a request that a breaker sees at a time.
type event struct {
	at     time.Duration
	status int
	took   time.Duration
	// refused is what is wanted: that the breaker answers.
	refused bool
}

func TestBreaker(t *testing.T) {
	const s = time.Second
	base := ir.Breaker{Window: ir.Duration(10 * s), Open: ir.Duration(5 * s), MinRequests: 4, Status: 503}
	with := func(change func(*ir.Breaker)) *ir.Breaker {
		b := base
		change(&b)
		return &b
	}
	byCount := with(func(b *ir.Breaker) { b.Errors.Count = 3 })
	byRatio := with(func(b *ir.Breaker) { b.Errors.Ratio = 0.5 })
	bySlowCount := with(func(b *ir.Breaker) { b.SlowTime, b.Slow.Count = ir.Duration(s), 2 })
	bySlowRatio := with(func(b *ir.Breaker) { b.SlowTime, b.Slow.Ratio = ir.Duration(s), 0.75 })
	ok := func(at time.Duration) event { return event{at: at, status: 200} }
	bad := func(at time.Duration) event { return event{at: at, status: 500} }
	none := func(at time.Duration) event { return event{at: at} }
	slow := func(at time.Duration) event { return event{at: at, status: 200, took: s} }
	refused := func(at time.Duration) event { return event{at: at, refused: true} }
	for name, c := range map[string]struct {
		settings *ir.Breaker
		events   []event
	}{
		"the third error opens": {byCount, []event{bad(0), ok(1 * s), none(2 * s), bad(3 * s), refused(3 * s), refused(8*s - 1)}},
		"and it closes after its time, and counts anew": {byCount, []event{
			bad(0), bad(0), bad(0), refused(5*s - 1), ok(5 * s), bad(5 * s), bad(5 * s), bad(5 * s), refused(5 * s), refused(10*s - 1), ok(10 * s),
		}},
		"a window forgets the one before":   {byCount, []event{bad(0), bad(9 * s), bad(10 * s), bad(11 * s), ok(12 * s), bad(12 * s), refused(12 * s)}},
		"400 is no error":                   {byCount, []event{{status: 404}, {status: 499}, {status: 429}, ok(0)}},
		"a ratio waits for enough requests": {byRatio, []event{bad(0), bad(0), bad(0), bad(0), refused(0)}},
		"and is reached exactly":            {byRatio, []event{ok(0), ok(0), ok(0), bad(0), bad(0), bad(0), refused(0)}},
		"below the ratio nothing happens":   {byRatio, []event{ok(0), ok(0), ok(0), bad(0), bad(0), ok(0), bad(0), ok(0)}},
		"slow requests count":               {bySlowCount, []event{slow(0), {status: 200, took: s - 1}, slow(0), refused(0)}},
		"slow ratio":                        {bySlowRatio, []event{ok(0), slow(0), slow(0), slow(0), refused(0), ok(5 * s)}},
	} {
		t.Run(name, func(t *testing.T) {
			var b breaker
			settings := newBreakerSettings(c.settings)
			for i, e := range c.events {
				admitted := b.admit(int64(e.at))
				if admitted == e.refused {
					t.Fatalf("request %d at %v: admitted=%v", i, e.at, admitted)
				}
				if admitted {
					b.record(settings, e.status, int64(e.took), int64(e.at))
				}
			}
		})
	}
}

// TestBreakerOfBackend: an open breaker outlives changes of the backend, and goes
// with the policy, or when that changes.
func TestBreakerOfBackend(t *testing.T) {
	r := registry(t)
	config := ir.Backend{Breaker: &ir.Breaker{
		Window: ir.Duration(time.Minute), Open: ir.Duration(time.Hour), Errors: ir.Threshold{Count: 1}, Status: 418, Body: "later",
	}}
	b := apply(t, r, config, endpoints(1)...)
	if b.Admit() != nil {
		t.Fatal("open from the start")
	}
	b.Answered(500, 0, socket.Now())
	reply := b.Admit()
	if reply == nil || reply.Status != 418 || reply.Body != "later" || reply.Reason != "circuit_open" {
		t.Fatalf("got %+v", reply)
	}
	if b = apply(t, r, config, endpoints(2)...); b.Admit() == nil {
		t.Error("a change of endpoints closed the breaker")
	}
	config.Breaker = new(*config.Breaker)
	if b = apply(t, r, config, endpoints(2)...); b.Admit() == nil {
		t.Error("the same settings once more closed the breaker")
	}
	config.Breaker.Errors.Count = 2
	if b = apply(t, r, config, endpoints(2)...); b.Admit() != nil {
		t.Error("the breaker is open by settings that are gone")
	}
	b.Answered(500, 0, socket.Now())
	b.Answered(500, 0, socket.Now())
	if b.Admit() == nil {
		t.Fatal("two failures did not open it")
	}
	if b = apply(t, r, ir.Backend{}, endpoints(2)...); b.Admit() != nil {
		t.Error("the breaker is open without a policy")
	}
	if b = apply(t, r, config, endpoints(2)...); b.Admit() != nil {
		t.Error("the breaker came back open")
	}
}
