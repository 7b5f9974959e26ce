package scale

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fsm/test/scale/load"
)

// requests is how many there are at least during each change of what serves them, half
// over kept connections and half with one each.
const requests = 60_000

// Each kind of client sends so many requests a second. It is far from what a proxy
// can do, because what is looked for are errors, and the machine is shared.
const (
	rate    = 250
	clients = 10
)

// traffic is a load of both kinds of clients.
type traffic struct {
	s           *stage
	kept, fresh *load.Load
}

// drive begins a load for a host, which is served already.
func (s *stage) drive(ctx context.Context, host string) *traffic {
	o := load.Options{Address: s.address, Host: host, Rate: rate, Clients: clients}
	f := o
	f.Fresh = true
	return &traffic{s, load.Start(ctx, o), load.Start(ctx, f)}
}

// reach waits until a number of requests have ended.
func (d *traffic) reach(ctx context.Context, t *testing.T, requests int) {
	t.Helper()
	for _, l := range []*load.Load{d.kept, d.fresh} {
		if err := l.Reach(ctx, (requests+1)/2); err != nil {
			t.Fatal(err)
		}
	}
}

// end ends the load. No request may have failed during what happened.
func (d *traffic) end(t *testing.T, during string) (kept, fresh load.Result) {
	t.Helper()
	kept, fresh = d.kept.Stop(), d.fresh.Stop()
	f := d.s.figures
	for _, one := range []struct {
		name string
		load.Result
	}{{"over kept connections", kept}, {"over new connections", fresh}} {
		f.number(t, fmt.Sprintf("Errors of %d requests %s, %s", one.Requests, one.name, during), one.Failed, 0)
		if one.Failed > 0 {
			t.Logf("%d requests %s failed, %d of them because of time:\n%s", one.Failed, one.name, one.TimedOut, strings.Join(one.Failures, "\n"))
		}
	}
	f.tell(t, "The slowest answer; requests sent again because a kept connection had ended",
		fmt.Sprintf("%s; %d", rounded(max(kept.Slowest, fresh.Slowest)), kept.Repeated))
	return kept, fresh
}

// serve makes the route of the stage that gets traffic, and waits until it serves.
func (s *stage) serve(ctx context.Context, t *testing.T) (served string) {
	t.Helper()
	if err := s.create(ctx, 0); err != nil {
		t.Fatal("make route:", err)
	}
	s.served(ctx, t, host(0))
	return host(0)
}

// scaled is a share of a time.
func scaled(d time.Duration) time.Duration {
	return max(2*time.Second, time.Duration(float64(d)*min(*share, 1)))
}
