package procfs

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseSchedstat(t *testing.T) {
	tests := []struct {
		in        string
		run, wait time.Duration
		ok        bool
	}{
		{"1234567890 42 7\n", 1234567890, 42, true},
		{"0 0 0", 0, 0, true},
		{"", 0, 0, false},
		{"12 34", 0, 0, false},
		{"x 0 0", 0, 0, false},
		{"0 x 0", 0, 0, false},
	}
	for _, tt := range tests {
		run, wait, err := parseSchedstat(tt.in)
		if run != tt.run || wait != tt.wait || (err == nil) != tt.ok {
			t.Errorf("parseSchedstat(%q) = %v, %v, %v", tt.in, run, wait, err)
		}
	}
}

func TestParseStat(t *testing.T) {
	tests := []struct {
		name, in     string
		user, system uint64
		ok           bool
	}{
		{"plain", "7 (nginx) S 1 5 5 0 -1 4194560 1 2 3 4 11 22 0 0 20 0 1 0", 11, 22, true},
		{"name with spaces and brackets", "7 (a (b) c) S 1 5 5 0 -1 4194560 1 2 3 4 11 22 0 0 20 0 1 0", 11, 22, true},
		{"cut", "7 (nginx) S 1 5", 0, 0, false},
		{"empty", "", 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			user, system, err := parseStat(tt.in)
			if user != tt.user || system != tt.system || (err == nil) != tt.ok {
				t.Errorf("got %d, %d, %v", user, system, err)
			}
		})
	}
}

func TestGroupOf(t *testing.T) {
	tests := []struct {
		name, in string
		want     int
	}{
		{"running", "7 (a b) S 1 5 5 0", 5},
		{"ended, not waited for", "7 (a b) Z 1 5 5 0", 0},
		{"cut", "7 (a b) S", 0},
	}
	for _, tt := range tests {
		if got := groupOf(tt.in); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestSince(t *testing.T) {
	before := Reading{1: {run: 100, wait: 7, user: 10, system: 10}, 2: {run: 50, user: 5, system: 5}}
	after := Reading{
		1: {run: 400, wait: 10, user: 11, system: 12},
		3: {run: 100, user: 0, system: 1}, // new; and thread 2 has ended
	}
	want := Usage{Run: 400, User: 100, System: 300, Wait: 3}
	if diff := cmp.Diff(want, after.Since(before)); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}

func TestSinceWithoutTicksIsAllSystem(t *testing.T) {
	want := Usage{Run: 300, System: 300}
	if diff := cmp.Diff(want, Reading{1: {run: 400}}.Since(Reading{1: {run: 100}})); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}

func TestParseResident(t *testing.T) {
	got, err := parseResident("Name:\tx\nVmHWM:\t  999 kB\nVmRSS:\t   12 kB\nThreads:\t1\n")
	if err != nil || got != 12<<10 {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := parseResident("Name:\tx\nState:\tZ (zombie)\n"); err == nil {
		t.Error("a process without memory has a figure")
	}
}

// The own process is one whose numbers are known to grow.
func TestOwnProcess(t *testing.T) {
	pid := os.Getpid()
	before, err := Read([]int{pid})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for x := 0; time.Since(begun) < 30*time.Millisecond; x++ {
		_ = x * x
	}
	after, err := Read([]int{pid})
	if err != nil {
		t.Fatal(err)
	}
	if used := after.Since(before).Run; used <= 0 {
		t.Errorf("a busy loop used %v", used)
	}
	if n, err := Resident([]int{pid}); err != nil || n < 1<<20 {
		t.Errorf("Resident = %d, %v", n, err)
	}
	if !slices.Contains(Group(syscall.Getpgrp()), pid) {
		t.Error("Group does not list the own process")
	}
}

func TestReadOfAProcessThatEnded(t *testing.T) {
	const nobody = 1 << 30 // more than the kernel's largest process id
	if _, err := Read([]int{nobody}); err == nil {
		t.Error("there is a reading")
	}
}
