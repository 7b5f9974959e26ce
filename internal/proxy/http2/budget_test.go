package http2

import (
	"testing"
	"time"
)

// TestBudget: a burst is allowed, then so much per second, and what is earned
// never makes more than a burst.
func TestBudget(t *testing.T) {
	const second = int64(time.Second)
	b := newBudget(10, 5)
	spend := func(n int, now int64, want bool) {
		t.Helper()
		if got := b.spend(n, now); got != want {
			t.Errorf("spend %d at %v: got %t", n, time.Duration(now), got)
		}
	}
	spend(10, second, true)
	spend(1, second, false)
	spend(4, 2*second, true)
	spend(1, 2*second, false)
	for range 100 {
		b.earn(1)
	}
	spend(10, 2*second, true)
	spend(1, 2*second, false)
	if !b.overdrawn() {
		t.Error("an overdrawn budget does not say so")
	}
	spend(9, 1000*second, true) // time refills a burst and no more, less what was overdrawn
	spend(1, 1000*second, false)
	// Ticks that are shorter than one unit add up.
	b = newBudget(10, 5)
	spend(10, second, true)
	for i := range int64(10) {
		spend(0, second+i*second/10, true)
	}
	spend(4, 2*second, true)
}

// TestFrames: a frame header is read as it was written, and padding has to fit.
func TestFrames(t *testing.T) {
	for _, f := range []frame{{0, frameData, 0, 0}, {1<<24 - 1, frameContinuation, 0xff, maxID}, {16384, frameHeaders, flagEndHeaders, 1}} {
		b := appendFrame(nil, f)
		if got := parseFrame(b); got != f {
			t.Errorf("got %+v, want %+v", got, f)
		}
		setLength(b, 70000)
		if got := parseFrame(b); got.length != 70000 || got.kind != f.kind {
			t.Errorf("got %+v with another length", got)
		}
	}
	for _, c := range []struct {
		payload, want string
		err           error
	}{
		{"\x00hello", "hello", nil}, {"\x02hello\x00\x00", "hello", nil}, {"\x00", "", nil}, {"\x01\x00", "", nil},
		{"", "", errFrameSize}, {"\x01", "", errPadding}, {"\x05hell", "", errPadding}, {"\xff", "", errPadding},
	} {
		f := frame{kind: frameData, flags: flagPadded}
		if got, err := f.unpad([]byte(c.payload)); string(got) != c.want || err != c.err {
			t.Errorf("%q: got %q, %v", c.payload, got, err)
		}
	}
}
