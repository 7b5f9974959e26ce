package overload

import (
	"testing"
	"testing/synctest"
)

// TestRest: memory is given back when enough connections came to rest, not while
// more do, and not too often.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		freed := 0
		r := Rest{Free: func() { freed++ }}
		now, rested := int64(0), uint64(0)
		ticks := func(n int, each uint64, want int) {
			t.Helper()
			for range n {
				now += int64(250e6)
				rested += each
				r.Look(rested, now)
			}
			synctest.Wait()
			if freed != want {
				t.Errorf("after %d connections at %d s: freed %d times, want %d", rested, now/1e9, freed, want)
			}
		}
		ticks(10, 20, 0)  // 200, not worth it
		ticks(20, 0, 0)   //
		ticks(20, 10, 0)  // enough, and more come
		ticks(3, 0, 0)    // not yet quiet
		ticks(20, 0, 1)   //
		ticks(10, 100, 1) // enough again, too early
		ticks(20, 0, 1)
		ticks(120, 0, 2)
		ticks(1000, 0, 2) // nothing new
	})
}
