package filter_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/filter"
	"fsm/internal/proxy/message"
)

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range list {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestAccessControl(t *testing.T) {
	allow := ir.AddressRule{Allow: prefixes("10.0.0.0/8", "2001:db8::/32")}
	deny := ir.AddressRule{Deny: prefixes("192.168.0.0/24")}
	for _, test := range []struct {
		name      string
		rule      ir.AddressRule
		xff       bool
		client    string
		forwarded string
		want      bool
	}{
		{"allowed", allow, false, "10.1.2.3", "", true},
		{"allowed IPv6", allow, false, "2001:db8::7", "", true},
		{"IPv4 in IPv6", allow, false, "::ffff:10.1.2.3", "", true},
		{"not allowed", allow, false, "11.0.0.1", "", false},
		{"denied", deny, false, "192.168.0.9", "", false},
		{"not denied", deny, false, "192.168.1.9", "", true},
		{"header does not count", allow, false, "11.0.0.1", "10.0.0.1", false},
		{"header counts", allow, true, "11.0.0.1", "10.0.0.1", true},
		{"header alone counts", allow, true, "10.0.0.1", "11.0.0.1", false},
		{"all of the header", allow, true, "10.0.0.1", "10.0.0.1, 11.0.0.1", false},
		{"several", allow, true, "11.0.0.1", "10.0.0.1,10.0.0.2 , 2001:db8::1", true},
		{"with ports", allow, true, "11.0.0.1", "10.0.0.1:4711, [2001:db8::1]:80", true},
		{"no address", deny, true, "10.0.0.1", "unknown", false},
		{"empty header", deny, true, "10.0.0.1", "", true},
		{"no header", allow, true, "10.0.0.1", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			list := compile(t, nil, &ir.AccessControl{AddressRule: test.rule, ForwardedFor: test.xff, Status: 403, Body: "Forbidden"})
			x := exchange("GET example.com/")
			x.Client = netip.MustParseAddr(test.client)
			if test.forwarded != "" {
				x.ForwardedFor = []byte(test.forwarded)
			}
			status, _ := answer(t, list, x)
			if (status == 200) != test.want {
				t.Errorf("status %d, want admitted: %v", status, test.want)
			}
		})
	}
}

// A policy that cannot be put to work admits nobody.
func TestAccessControlFails(t *testing.T) {
	list := compile(t, nil, &ir.AccessControl{Failure: &ir.Respond{Status: 500, Reason: "policy_invalid"}})
	if status, _ := answer(t, list, exchange("GET example.com/")); status != 500 {
		t.Errorf("status %d", status)
	}
}

func TestAccessControlAllocatesNothing(t *testing.T) {
	list := compile(t, nil, &ir.AccessControl{AddressRule: ir.AddressRule{Allow: prefixes("10.0.0.0/8")}, ForwardedFor: true, Status: 403})
	x := exchange("GET example.com/")
	x.ForwardedFor = []byte("10.0.0.1, 10.0.0.2, 11.0.0.1")
	if n := testing.AllocsPerRun(1000, func() { _ = list[0].Request(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// noDownstream is a client that stays.
type noDownstream struct{ message.Downstream }

func (noDownstream) Gone() bool { return false }

// leaver is a client that has gone.
type leaver struct{ message.Downstream }

func (leaver) Gone() bool { return true }

// sequence draws 0, 1, 2 and so on, and begins again.
func sequence() *filter.Env {
	next := uint32(0)
	return &filter.Env{Random: func(n uint32) uint32 { next++; return (next - 1) % n }}
}

func TestFaultPercent(t *testing.T) {
	for _, percent := range []uint32{0, 1, 50, 99, 100} {
		list := compile(t, sequence(), &ir.Fault{Numerator: percent, Denominator: 100, Abort: &ir.FaultAbort{Status: 404}})
		aborted := uint32(0)
		for range 100 {
			if status, _ := answer(t, list, exchange("GET example.com/")); status == 404 {
				aborted++
			}
		}
		if aborted != percent {
			t.Errorf("%d of 100 aborted, want %d", aborted, percent)
		}
	}
}

func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			name        string
			fault       ir.Fault
			draw        float64
			downstream  message.Downstream
			want        time.Duration
			wantStopped bool
		}{
			{"fixed", ir.Fault{Numerator: 1, Denominator: 1, MinDelay: ir.Duration(3 * time.Second), MaxDelay: ir.Duration(3 * time.Second)}, 0.3, noDownstream{}, 3 * time.Second, false},
			{"shortest", ir.Fault{Numerator: 1, Denominator: 1, MinDelay: ir.Duration(time.Second), MaxDelay: ir.Duration(2 * time.Second)}, 0, noDownstream{}, time.Second, false},
			{"longest", ir.Fault{Numerator: 1, Denominator: 1, MinDelay: ir.Duration(time.Second), MaxDelay: ir.Duration(2 * time.Second)}, 1, noDownstream{}, 2 * time.Second, false},
			{"days", ir.Fault{Numerator: 1, Denominator: 1, MaxDelay: ir.Duration(30 * 24 * time.Hour)}, 0.5, noDownstream{}, 15 * 24 * time.Hour, false},
			{"client leaves", ir.Fault{Numerator: 1, Denominator: 1, MinDelay: ir.Duration(time.Hour), MaxDelay: ir.Duration(time.Hour)}, 0, leaver{}, time.Second, true},
		} {
			env := &filter.Env{Random: func(n uint32) uint32 { return uint32(test.draw * float64(n-1)) }}
			x := exchange("GET example.com/")
			x.Downstream = test.downstream
			begun := time.Now()
			err := compile(t, env, &test.fault)[0].Request(x)
			if took := time.Since(begun).Round(time.Millisecond); took != test.want && took.Round(time.Second) != test.want || (err != nil) != test.wantStopped {
				t.Errorf("%s: %v after %v, want after %v", test.name, err, took, test.want)
			}
		}
	})
}

// bucket lets so many through.
type bucket int

func (b *bucket) Take(filter.Waiter) bool { *b--; return *b >= 0 }

func TestRateLimit(t *testing.T) {
	left := bucket(1)
	env := &filter.Env{Limiter: func(name ir.LimiterName) filter.Limiter {
		if name != "l" {
			return nil
		}
		return &left
	}}
	list := compile(t, env, &ir.RateLimit{Limiter: "l", Status: 429, Headers: []ir.HeaderField{{Name: "RateLimit-Limit", Value: "1"}}})
	if status, _ := answer(t, list, exchange("GET example.com/")); status != 200 {
		t.Errorf("first request: status %d", status)
	}
	status, header := answer(t, list, exchange("GET example.com/"))
	if status != 429 || len(header) != 1 || header[0] != "RateLimit-Limit: 1" {
		t.Errorf("second request: status %d, header %q", status, header)
	}
	if _, err := filter.New(ir.Filters{&ir.RateLimit{Limiter: "other"}}, env); err == nil {
		t.Error("a limiter that is missing is no error")
	}
}

// counting lets so many requests of each client be under way.
type counting struct {
	underway map[netip.Addr]int
	most     int
}

// Enter implements filter.ClientLimiter.
func (c *counting) Enter(client netip.Addr) (held message.Held, fast, crowded bool) {
	switch {
	case client.IsLoopback():
		return nil, false, false
	case client.IsPrivate():
		return nil, true, false
	case c.underway[client] == c.most:
		return nil, false, true
	}
	c.underway[client]++
	return &underway{c, client}, false, false
}

type underway struct {
	*counting
	client netip.Addr
}

// Release implements message.Held.
func (u *underway) Release() { u.counting.underway[u.client]-- }

// A client limit refuses who asks too fast and who has too much under way, and leaves to the
// exchange what it holds.
func TestClientLimit(t *testing.T) {
	clients := &counting{underway: map[netip.Addr]int{}, most: 1}
	env := &filter.Env{Clients: func(name ir.LimiterName) filter.ClientLimiter {
		if name == "l" {
			return clients
		}
		return nil
	}}
	list := compile(t, env, &ir.ClientLimit{Limiter: "l", Status: 503})
	ask := func(client string) (x *message.Exchange, status int, reason string) {
		x = exchange("GET example.com/")
		x.Client = netip.MustParseAddr(client)
		if reply, refused := errors.AsType[*message.Reply](list[0].Request(x)); refused {
			return x, reply.Status, reply.Reason
		}
		return x, 200, ""
	}
	first, status, _ := ask("192.0.2.1")
	if status != 200 || !first.Holds() {
		t.Fatalf("the first request: status %d, holds %v", status, first.Holds())
	}
	for _, test := range []struct {
		client string
		status int
		reason string
		holds  bool
	}{
		{"192.0.2.1", 503, "concurrency_limited", false},
		{"192.0.2.2", 200, "", true},
		{"10.0.0.1", 503, "rate_limited", false},
		{"127.0.0.1", 200, "", false},
	} {
		if x, status, reason := ask(test.client); status != test.status || reason != test.reason || x.Holds() != test.holds {
			t.Errorf("%s: status %d, reason %q, holds %v, want %+v", test.client, status, reason, x.Holds(), test)
		}
	}
	if first.Release(); first.Holds() {
		t.Error("what is released is still held")
	}
	first.Release() // gives nothing back twice
	if x, status, _ := ask("192.0.2.1"); status != 200 || !x.Holds() || clients.underway[x.Client] != 1 {
		t.Errorf("after the first request was over: status %d, %v under way", status, clients.underway)
	}
	if _, err := filter.New(ir.Filters{&ir.ClientLimit{Limiter: "other"}}, env); err == nil {
		t.Error("a limiter that is missing is no error")
	}
}

// ledger is a throttle that writes down what waited.
type ledger []int

func (*ledger) Piece() int   { return 3 }
func (l *ledger) Wait(n int) { *l = append(*l, n) }

// What follows the first bytes of a response waits, in pieces.
func TestResponseRate(t *testing.T) {
	var waited ledger
	made := 0 // one for each response
	env := &filter.Env{Throttle: func(bytesPerSecond uint64) filter.Throttle {
		if made++; bytesPerSecond != 60 {
			t.Errorf("rate %d", bytesPerSecond)
		}
		return &waited
	}}
	list := compile(t, env, &ir.ResponseRate{BytesPerSecond: 60, After: 4})
	x := exchange("GET example.com/")
	x.Response.Body = &message.BytesBody{Content: []byte("0123456789")}
	list[0].Response(x)
	var pieces []string
	for b := x.Response.Body; ; {
		if ready := b.Ready(); ready != (len(pieces) == 0) {
			t.Errorf("after %q: ready %v", pieces, ready)
		}
		piece, err := b.Next()
		if err != nil {
			break
		}
		pieces = append(pieces, string(piece))
	}
	if !slices.Equal(pieces, []string{"0123", "456", "789"}) || !slices.Equal(waited, []int{3, 3}) {
		t.Errorf("got %q, of which %v waited", pieces, waited)
	}
	upgraded := exchange("GET example.com/")
	body := &message.BytesBody{}
	upgraded.Response.Body, upgraded.Response.Upgraded = body, true
	if list[0].Response(upgraded); upgraded.Response.Body != message.Body(body) {
		t.Error("an upgraded connection is slowed down")
	}
	another := exchange("GET example.com/")
	another.Response.Body = body
	if list[0].Response(another); made != 2 {
		t.Errorf("two responses have %d throttles", made)
	}
}
