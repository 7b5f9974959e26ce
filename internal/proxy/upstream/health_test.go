package upstream

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/message"
	"fsm/internal/proxy/socket"
)

// TestProbe: an endpoint is out after as many failures in a row as allowed, stays out
// for the hold-off, and is back with the first good answer after it.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bad atomic.Bool
		var asked atomic.Int64
		changes := make(chan bool, 10)
		p := &probe{
			config: &ir.HealthCheck{Interval: ir.Duration(10 * time.Second), Failures: 3, Holdoff: ir.Duration(time.Minute)},
			ask: func() error {
				asked.Add(1)
				if bad.Load() {
					return errors.New("no")
				}
				return nil
			},
			report: func(healthy bool) { changes <- healthy },
			stop:   make(chan struct{}),
		}
		go p.run(true)
		time.Sleep(100 * time.Second)
		if n := asked.Load(); n < 9 || n > 12 {
			t.Errorf("asked %d times in 100 s, every 10 s", n)
		}
		bad.Store(true)
		begun := time.Now()
		if <-changes {
			t.Fatal("healthy, and was so before")
		}
		if took := time.Since(begun); took < 18*time.Second || took > 36*time.Second {
			t.Errorf("three failures took %v", took)
		}
		bad.Store(false)
		begun = time.Now()
		if !<-changes {
			t.Fatal("unhealthy, and was so before")
		}
		if took := time.Since(begun); took < time.Minute || took > 72*time.Second {
			t.Errorf("was out for %v, with a hold-off of a minute", took)
		}
		for range 4 { // two failures in a row at most
			bad.Store(true)
			n := asked.Load()
			for asked.Load() < n+2 {
				time.Sleep(time.Second)
			}
			bad.Store(false)
			for n = asked.Load(); asked.Load() < n+1; {
				time.Sleep(time.Second)
			}
		}
		if len(changes) > 0 {
			t.Error("fewer failures in a row than allowed made a difference")
		}
		close(p.stop)
		synctest.Wait()
		n := asked.Load()
		time.Sleep(time.Minute)
		if asked.Load() != n {
			t.Error("was asked after the end")
		}
	})
}

func TestJudge(t *testing.T) {
	answer := func(status int) *message.Response {
		r := &message.Response{Status: status}
		r.Header.Reset(nil)
		name := message.MakeName("X-State")
		r.Header.Add(&name, []byte("ready"))
		return r
	}
	codes := ir.HealthMatch{Codes: []uint16{200, 201}}
	for name, c := range map[string]struct {
		matches []ir.HealthMatch
		status  int
		body    string
		good    bool
	}{
		"no matches, 200":       {nil, 200, "", true},
		"no matches, 399":       {nil, 399, "", true},
		"no matches, 400":       {nil, 400, "", false},
		"one of the codes":      {[]ir.HealthMatch{codes}, 201, "", true},
		"another code":          {[]ir.HealthMatch{codes}, 204, "", false},
		"body":                  {[]ir.HealthMatch{{Body: "ok"}}, 500, "ok", true},
		"another body":          {[]ir.HealthMatch{{Body: "ok"}}, 200, "ok\n", false},
		"header":                {[]ir.HealthMatch{{Headers: []ir.HeaderField{{Name: "x-state", Value: "ready"}}}}, 200, "", true},
		"another value":         {[]ir.HealthMatch{{Headers: []ir.HeaderField{{Name: "x-state", Value: "no"}}}}, 200, "", false},
		"no such header":        {[]ir.HealthMatch{{Headers: []ir.HeaderField{{Name: "x-none", Value: "ready"}}}}, 200, "", false},
		"all of a match":        {[]ir.HealthMatch{{Codes: []uint16{200}, Body: "ok"}}, 200, "ok", true},
		"one of two of a match": {[]ir.HealthMatch{{Codes: []uint16{200}, Body: "ok"}}, 200, "no", false},
		"one of the matches":    {[]ir.HealthMatch{codes, {Body: "ok"}}, 503, "ok", true},
	} {
		if err := judge(c.matches, answer(c.status), []byte(c.body)); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// listening is an address that accepts connections and closes them, until it is
// closed itself.
func listening(t *testing.T) (net.Listener, ir.Endpoint) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	at := ln.Addr().(*net.TCPAddr)
	return ln, ir.Endpoint{Address: "127.0.0.1", Port: uint16(at.Port)}
}

// TestHealthConnect: without a path a check is a connection. An endpoint that cannot
// be connected to leaves the rotation; without any there is a reason for it.
func TestHealthConnect(t *testing.T) {
	config := ir.Backend{Health: &ir.HealthCheck{Interval: ir.Duration(20 * time.Millisecond), Failures: 2}}
	first, a := listening(t)
	second, b := listening(t)
	backend := apply(t, registry(t), config, a, b)
	until := func(out ...bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			all := backend.All()
			if all[0].Out() == out[0] && all[1].Out() == out[1] {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("endpoints are out: %v %v, want %v", all[0].Out(), all[1].Out(), out)
			}
		}
	}
	_ = first.Close()
	until(true, false)
	for range 4 {
		if at := pick(t, backend, Choice{}); at != second.Addr().String() {
			t.Errorf("%s was picked", at)
		}
	}
	_ = second.Close()
	until(true, true)
	if _, err := backend.Pick(Choice{}); err == nil || err.(*message.Reply).Reason != "no_healthy_endpoints" {
		t.Errorf("got %v", err)
	}
}

// TestHealthKept: what checks found outlives changes of other things, and goes when
// nobody checks any more.
func TestHealthKept(t *testing.T) {
	r := registry(t)
	config := ir.Backend{Health: &ir.HealthCheck{Interval: ir.Duration(time.Hour), Failures: 1}}
	b := apply(t, r, config, endpoints(2)...)
	e := b.All()[0]
	probe := e.probe
	b.healthChanged(e.vitals, probe, false)
	b = apply(t, r, config, endpoints(3)...)
	if e = b.All()[0]; !e.Out() || e.probe != probe {
		t.Error("another endpoint made the checks begin anew")
	}
	changed := config
	changed.Health = &ir.HealthCheck{Interval: ir.Duration(2 * time.Hour), Failures: 1}
	b = apply(t, r, changed, endpoints(3)...)
	if e = b.All()[0]; !e.Out() || e.probe == probe {
		t.Error("other settings: the endpoint stays out, and is checked anew")
	}
	if b = apply(t, r, ir.Backend{}, endpoints(3)...); b.All()[0].Out() || b.All()[0].probe != nil {
		t.Error("out without checks")
	}
}

// TestOutliers: an endpoint that requests fail at is left out for a while, longer
// each time, and never more than half of them.
func TestOutliers(t *testing.T) {
	b := apply(t, registry(t), ir.Backend{Outliers: &ir.Outliers{Failures: 3, Ejection: ir.Duration(50 * time.Millisecond)}}, endpoints(3)...)
	all := b.All()
	b.Failed(all[0])
	b.Failed(all[0])
	b.Fine(all[0])
	b.Failed(all[0])
	b.Failed(all[0])
	if all[0].Out() {
		t.Fatal("out without three failures in a row")
	}
	b.Failed(all[0])
	if !all[0].Out() {
		t.Fatal("in after three failures in a row")
	}
	for range 3 {
		b.Failed(all[1])
	}
	if all[1].Out() {
		t.Error("two of three are out, more than half")
	}
	begun := socket.Now()
	for all[0].Out() {
		pick(t, b, Choice{})
		if socket.Now()-begun > int64(10*time.Second) {
			t.Fatal("never came back")
		}
	}
	b.Failed(all[0])
	if first, second := int64(50*time.Millisecond), all[0].ejectedUntil-socket.Now(); second <= first {
		t.Errorf("the second ejection takes %v, not longer than the first", time.Duration(second))
	}
	if off := apply(t, registry(t), ir.Backend{Outliers: &ir.Outliers{Off: true}}, endpoints(3)...); true {
		for range 20 {
			off.Failed(off.All()[0])
		}
		if off.All()[0].Out() {
			t.Error("out, although it is switched off")
		}
	}
}

func TestRetries(t *testing.T) {
	r := NewRetries(&ir.Retry{Attempts: 5, Codes: []uint16{409, 503}, Classes: []uint16{5}, Backoff: ir.Duration(time.Millisecond), Spread: ir.Duration(time.Second)})
	for status, want := range map[int]bool{0: false, 200: false, 409: true, 404: false, 499: false, 500: true, 503: true, 599: true, 600: false, 999: false, 5000: false} {
		if r.On(status) != want {
			t.Errorf("On(%d) = %v", status, !want)
		}
	}
	for n, most := range map[int]time.Duration{1: time.Second, 2: 3 * time.Second, 3: 7 * time.Second, 4: 10 * time.Second, 40: 10 * time.Second} {
		var longest time.Duration
		for range 2000 {
			wait := r.Wait(n)
			if wait < time.Millisecond || wait > most+time.Millisecond {
				t.Fatalf("retry %d waits %v", n, wait)
			}
			longest = max(longest, wait)
		}
		if longest < most*9/10 {
			t.Errorf("retry %d never waits longer than %v of %v", n, longest, most)
		}
	}
	if NewRetries(nil) != nil {
		t.Error("nil is a policy")
	}
}
