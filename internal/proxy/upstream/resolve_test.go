package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// directory answers as it is told.
type directory struct {
	mu    sync.Mutex
	addrs []string
	err   error
	asked int
}

func (d *directory) set(err error, addrs ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.addrs = err, addrs
}

func (d *directory) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *directory) lookup(context.Context, string) ([]netip.Addr, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	var addrs []netip.Addr
	for _, a := range d.addrs {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	return addrs, d.err
}

// TestResolver: a name is followed when it moves, keeps its addresses while the
// name server fails, and is forgotten when nobody wants it.
func TestResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &directory{addrs: []string{"2001:db8::1", "192.0.2.2", "192.0.2.1"}}
		var changes atomic.Int32
		r := newResolver(d.lookup, func(string) { changes.Add(1) }, slog.New(slog.DiscardHandler))
		defer r.close()
		expect := func(when string, wantChanges int32, want ...string) {
			t.Helper()
			synctest.Wait()
			a := r.lookup("a.example")
			if a.pending != nil {
				t.Errorf("%s: still waits", when)
			}
			if got := fmt.Sprint(a.addrs); got != fmt.Sprint(want) || changes.Load() != wantChanges {
				t.Errorf("%s: %s after %d changes, want %s after %d", when, got, changes.Load(), want, wantChanges)
			}
		}
		if a := r.lookup("a.example"); a.pending != nil {
			t.Error("a name that nobody wants is waited for")
		}
		names := map[string]bool{"a.example": true}
		r.want(names)
		expect("at first", 1, "192.0.2.1", "192.0.2.2") // IPv4 before IPv6, and sorted
		d.set(nil, "192.0.2.1", "192.0.2.2", "2001:db8::1")
		time.Sleep(resolveEvery + time.Second)
		expect("in another order", 1, "192.0.2.1", "192.0.2.2")
		d.set(nil, "192.0.2.3")
		time.Sleep(resolveEvery)
		expect("after a move", 2, "192.0.2.3")
		d.set(errors.New("no answer"))
		time.Sleep(resolveEvery)
		expect("without name server", 2, "192.0.2.3")
		d.set(nil, "192.0.2.4")
		time.Sleep(resolveRetry + time.Second)
		expect("soon after it is back", 3, "192.0.2.4")
		r.want(nil)
		asked := d.count()
		time.Sleep(10 * resolveEvery)
		if d.count() != asked {
			t.Errorf("was asked %d times more for nobody", d.count()-asked)
		}
	})
}

// TestResolverFirst: whoever needs a name that was never resolved can wait for
// the first answer, and the answer is there when the wait ends.
func TestResolverFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(context.Context, string) ([]netip.Addr, error) {
			time.Sleep(time.Second)
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
		}
		r := newResolver(slow, func(string) {}, slog.New(slog.DiscardHandler))
		r.want(map[string]bool{"a.example": true})
		pending := r.lookup("a.example").pending
		if pending == nil {
			t.Fatal("nothing to wait for")
		}
		<-pending
		if a := r.lookup("a.example"); len(a.addrs) != 1 {
			t.Errorf("got %v", a.addrs)
		}
		time.Sleep(time.Minute)
		r.close()
	})
}
