package overload

import "testing"

// TestSteps: each step begins at its share and ends a little below.
func TestSteps(t *testing.T) {
	shrunk := 0
	m := Memory{Shrink: func() { shrunk++ }}
	for i, step := range []struct {
		need, taken float64
		tight, full bool
		shrunk      int
	}{
		{0.50, 0.99, false, false, 0}, // garbage is no need
		{0.94, 1.00, false, false, 0},
		{0.96, 1.00, true, false, 1},
		{0.99, 1.00, true, true, 1},
		{0.96, 1.00, true, true, 1}, // not yet below
		{0.92, 0.95, true, false, 1},
		{0.80, 0.95, false, false, 1},
		{0.80, 1.04, true, true, 2}, // the collector does not keep up
		{0.80, 0.90, false, false, 2},
	} {
		m.judge(step.need, step.taken)
		if m.Tight() != step.tight || m.Full() != step.full || shrunk != step.shrunk {
			t.Errorf("step %d: tight %v, full %v, shrunk %d times; want %+v", i, m.Tight(), m.Full(), shrunk, step)
		}
	}
}

// TestLook: the figures exist, and a process needs more than a byte.
func TestLook(t *testing.T) {
	m := Memory{Limit: 1}
	m.Look()
	if !m.Full() {
		t.Error("a byte is enough")
	}
	m = Memory{Limit: 1 << 50}
	m.Look()
	if m.Tight() {
		t.Error("a petabyte is not enough")
	}
	m = Memory{}
	m.Look()
	if m.Tight() {
		t.Error("memory is tight without a limit")
	}
}
