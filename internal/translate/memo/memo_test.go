package memo

import "testing"

// sheet is a small spreadsheet: numbers by name, and a sum over two of them.
type sheet struct {
	clock   Clock
	numbers map[string]int
	inputs  *Inputs[string, int]
	double  *Table[string, int]
	sum     *Table[string, int]
	made    map[string]int
}

func newSheet() *sheet {
	s := &sheet{numbers: map[string]int{}, made: map[string]int{}}
	s.inputs = NewInputs(&s.clock, func(name string) int { return s.numbers[name] })
	s.double = NewTable(&s.clock, func(r *Recorder, name string) int {
		s.made["double "+name]++
		return 2 * s.inputs.Read(r, name)
	})
	s.sum = NewTable(&s.clock, func(r *Recorder, _ string) int {
		s.made["sum"]++
		a := s.double.Read(r, "a")
		if a > 10 {
			return a
		}
		return a + s.double.Read(r, "b")
	})
	return s
}

func (s *sheet) run(changes map[string]int) int {
	s.clock.Tick()
	for name, v := range changes {
		s.numbers[name] = v
		s.inputs.Refresh(name)
	}
	return s.sum.Read(nil, "")
}

func TestValuesAreReusedWhileWhatTheyReadIsTheSame(t *testing.T) {
	s := newSheet()
	steps := []struct {
		name       string
		changes    map[string]int
		want, made int
	}{
		{"first", map[string]int{"a": 1, "b": 2}, 6, 1},
		{"nothing changed", nil, 6, 1},
		{"something else changed", map[string]int{"c": 9}, 6, 1},
		{"second part changed", map[string]int{"b": 4}, 10, 2},
		{"set to what it was, so the part is equal", map[string]int{"b": 4}, 10, 2},
		{"first part changed and the second is no longer read", map[string]int{"a": 6}, 12, 3},
		{"what is no longer read does not matter", map[string]int{"b": 7}, 12, 3},
		{"time passes", nil, 12, 3},
		{"read again, with the change that was missed", map[string]int{"a": 1}, 16, 4},
	}
	for _, step := range steps {
		if got := s.run(step.changes); got != step.want || s.made["sum"] != step.made {
			t.Fatalf("%s: got %d after making it %d times, want %d after %d", step.name, got, s.made["sum"], step.want, step.made)
		}
	}
}

func TestValueIsMadeOnceInARun(t *testing.T) {
	s := newSheet()
	s.run(map[string]int{"a": 1})
	s.run(map[string]int{"a": 2})
	s.sum.Read(nil, "")
	s.double.Read(nil, "a")
	if s.made["double a"] != 2 {
		t.Errorf("made %d times in two runs, want 2", s.made["double a"])
	}
}

func TestTickDropsWhatTheRunBeforeDidNotNeed(t *testing.T) {
	s := newSheet()
	s.run(map[string]int{"a": 1, "b": 1})
	held := s.double.At("b")
	for range runsPerSweep {
		s.run(map[string]int{"a": 6}) // b is no longer read
	}
	if s.double.values["b"] != nil || s.inputs.inputs["b"] != nil {
		t.Error("b is still there")
	}
	if s.double.values["a"] == nil || s.inputs.inputs["a"] == nil {
		t.Error("a is gone")
	}
	s.numbers["b"] = 5 // nobody looks at b, so there is nothing to refresh
	if got := s.run(map[string]int{"a": 1}); got != 12 {
		t.Errorf("got %d, want 12", got)
	}
	if got := held.Read(nil); got != 10 {
		t.Errorf("a value that was dropped says %d, want 10", got)
	}
}
