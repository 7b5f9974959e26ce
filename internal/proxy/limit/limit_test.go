package limit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fsm/internal/ir"
	"fsm/internal/proxy/limit"
)

func settings(requests, burst, backlog uint32) *ir.Limiter {
	return &ir.Limiter{Name: "l", Requests: requests, Burst: burst, Backlog: backlog, Window: ir.Duration(time.Minute)}
}

// patient waits as long as it takes.
type patient struct{}

func (patient) AwaitTurn(turn <-chan struct{}) bool { <-turn; return true }

// hasty leaves after a time.
type hasty time.Duration

func (h hasty) AwaitTurn(turn <-chan struct{}) bool {
	select {
	case <-turn:
		return true
	case <-time.After(time.Duration(h)):
		return false
	}
}

// take asks so many times, one after the other, without anybody who waits.
func take(b *limit.Bucket, n int) (passed int) {
	for range n {
		if b.Take(hasty(0)) {
			passed++
		}
	}
	return passed
}

// The bucket holds burst at first, and each window puts requests into it in one step.
func TestBucketRefillsInSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := limit.NewBucket(settings(10, 25, 1))
		for _, step := range []struct {
			after time.Duration
			want  int
		}{
			{0, 25}, {59 * time.Second, 0}, {time.Second, 10}, {59 * time.Second, 0}, {time.Second, 10},
			{2 * time.Minute, 20}, {time.Hour, 25},
			// The full bucket's window began with the request, not with some earlier one.
			{59 * time.Second, 0}, {time.Second, 10},
		} {
			time.Sleep(step.after)
			if got := take(b, 100); got != step.want {
				t.Errorf("%v later: %d passed, want %d", step.after, got, step.want)
			}
		}
	})
}

// A bucket never holds more than burst, though windows put in more.
func TestBucketSmallerThanRefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := limit.NewBucket(settings(10, 4, 1))
		for _, after := range []time.Duration{0, time.Minute, time.Hour} {
			time.Sleep(after)
			if got := take(b, 100); got != 4 {
				t.Errorf("%v later: %d passed, want 4", after, got)
			}
		}
	})
}

// The backlog waits in order for the refill; who comes after it is refused at once.
func TestBacklogWaitsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := limit.NewBucket(settings(2, 2, 3))
		begun := time.Now()
		var mu sync.Mutex
		var order []int
		var at []time.Duration
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				if !b.Take(patient{}) {
					t.Errorf("request %d was refused", i)
				}
				mu.Lock()
				defer mu.Unlock()
				order, at = append(order, i), append(at, time.Since(begun))
			})
			synctest.Wait()
		}
		if b.Take(patient{}) || time.Since(begun) != 0 {
			t.Errorf("the sixth request was not refused at once")
		}
		wg.Wait()
		for i, want := range []time.Duration{0, 0, time.Minute, time.Minute, 2 * time.Minute} {
			if at[i] != want || (i < 2 || i > 3) && order[i] != i {
				t.Errorf("turn %d: request %d after %v, want after %v", i, order[i], at[i], want)
			}
		}
	})
}

// Who leaves the queue takes nothing, and has the place until its turn would have come.
func TestLeavingTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := limit.NewBucket(settings(1, 1, 2))
		if !b.Take(patient{}) || b.Take(hasty(time.Second)) {
			t.Fatal("want one request to pass and one to leave")
		}
		begun := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if !b.Take(patient{}) || time.Since(begun) != 59*time.Second {
				t.Errorf("who came after it waited for %v, want until the end of the window", time.Since(begun))
			}
		})
		synctest.Wait()
		if b.Take(patient{}) {
			t.Error("the place of the one who left was given away")
		}
		wg.Wait()
	})
}

// New settings leave in the bucket what is there.
func TestSettingsInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := limit.NewBucket(settings(10, 10, 1))
		b.Set(settings(20, 20, 1))
		if got := take(b, 5); got != 5 {
			t.Fatalf("%d passed, want 5", got)
		}
		b.Set(settings(10, 10, 1))
		if got := take(b, 100); got != 10 {
			t.Errorf("after less was allowed %d passed, want 10", got)
		}
		b.Set(settings(30, 30, 1))
		if got := take(b, 100); got != 0 {
			t.Errorf("after more was allowed %d passed in the same window, want none", got)
		}
		shorter := settings(30, 30, 1)
		shorter.Window = ir.Duration(time.Second)
		b.Set(shorter)
		time.Sleep(time.Second)
		if got := take(b, 100); got != 30 {
			t.Errorf("in the shorter window %d passed, want 30", got)
		}
	})
}

// However many ask at once, precisely as many get through.
func TestExactUnderContention(t *testing.T) {
	b := limit.NewBucket(settings(1000, 1000, 1))
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() { passed.Add(int64(take(b, 100))) })
	}
	wg.Wait()
	if got := passed.Load(); got != 1000 {
		t.Errorf("%d of 6400 passed, want 1000", got)
	}
}

func TestRegistryKeepsBuckets(t *testing.T) {
	r := limit.NewRegistry()
	with := &ir.Snapshot{Limiters: map[ir.LimiterName]*ir.Limiter{"l": settings(5, 5, 1)}}
	r.Update(with)
	b := r.Bucket("l")
	take(b, 5)
	r.Update(with)
	if r.Bucket("l") != b || take(b, 1) != 0 {
		t.Error("the next snapshot has a bucket of its own")
	}
	r.Update(&ir.Snapshot{})
	if r.Bucket("l") != nil {
		t.Error("the bucket is there after its limiter is gone")
	}
}

// All who share a throttle get its rate together.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p limit.Port
		if p.In.Wait(1 << 20); p.In.Piece() != 0 {
			t.Error("there is a limit before one was set")
		}
		p.Set(&ir.PortRate{BytesPerSecond: 2048})
		begun := time.Now()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for moved := 0; moved < 2048; {
					n := min(p.In.Piece(), 2048-moved)
					p.In.Wait(n)
					moved += n
				}
			})
		}
		p.Out.Wait(1024)
		if took := time.Since(begun).Round(time.Millisecond); took != 500*time.Millisecond {
			t.Errorf("1 KiB out took %v, want 500ms whatever comes in", took)
		}
		wg.Wait()
		if took := time.Since(begun).Round(time.Millisecond); took != 4*time.Second {
			t.Errorf("8 KiB in took %v, want 4s", took)
		}
	})
}

func TestTakeAllocatesNothing(t *testing.T) {
	b := limit.NewBucket(settings(1<<20, 1<<20, 1))
	if n := testing.AllocsPerRun(1000, func() { b.Take(patient{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
