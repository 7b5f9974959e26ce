package procfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is CPU time.
type Usage struct {
	// Run is time on a CPU as the scheduler counts it.
	Run time.Duration `json:"run"`
	// User and System are Run, split in the proportion that clock ticks saw.
	User   time.Duration `json:"user"`
	System time.Duration `json:"system"`
	// Wait is time in which there was something to do but no CPU to do it on,
	// because others had it.
	Wait time.Duration `json:"wait"`
}

// Reading is what the threads of some processes have used so far.
type Reading map[int]thread

// thread is the state of one thread's counters.
type thread struct {
	run, wait    time.Duration
	user, system uint64 // in clock ticks
}

// Read reads the counters of all threads of the processes.
func Read(pids []int) (Reading, error) {
	r := Reading{}
	for _, pid := range pids {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		if err != nil {
			return nil, err
		}
		if len(tasks) == 0 {
			return nil, fmt.Errorf("read CPU time: process %d has ended", pid)
		}
		for _, dir := range tasks {
			tid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil {
				return nil, fmt.Errorf("read CPU time: %w", err)
			}
			t, err := readThread(dir)
			if os.IsNotExist(err) {
				continue // ended between the two steps
			}
			if err != nil {
				return nil, fmt.Errorf("read CPU time of process %d: %w", pid, err)
			}
			r[tid] = t
		}
	}
	return r, nil
}

func readThread(dir string) (thread, error) {
	sched, err := os.ReadFile(filepath.Join(dir, "schedstat"))
	if err != nil {
		return thread{}, err
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return thread{}, err
	}
	var t thread
	if t.run, t.wait, err = parseSchedstat(string(sched)); err != nil {
		return thread{}, err
	}
	t.user, t.system, err = parseStat(string(stat))
	return t, err
}

// parseSchedstat reads time on the CPU and time waiting for it, the first two of
// three figures (Documentation/scheduler/sched-stats.rst of the kernel).
func parseSchedstat(s string) (run, wait time.Duration, err error) {
	fields := strings.Fields(s)
	if len(fields) != 3 {
		return 0, 0, fmt.Errorf("schedstat %q: want three figures", s)
	}
	var ns [2]int64
	for i := range ns {
		if ns[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return 0, 0, fmt.Errorf("schedstat %q: %w", s, err)
		}
	}
	return time.Duration(ns[0]), time.Duration(ns[1]), nil
}

// parseStat reads utime and stime, fields 14 and 15 of proc_pid_stat(5). The name
// in field 2 may hold spaces and brackets, so fields are counted from its end.
func parseStat(s string) (user, system uint64, err error) {
	const utime, stime = 14 - 3, 15 - 3 // counted from field 3
	fields := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(fields) <= stime {
		return 0, 0, fmt.Errorf("stat %q: want at least 15 fields", s)
	}
	if user, err = strconv.ParseUint(fields[utime], 10, 64); err != nil {
		return 0, 0, fmt.Errorf("stat: utime: %w", err)
	}
	if system, err = strconv.ParseUint(fields[stime], 10, 64); err != nil {
		return 0, 0, fmt.Errorf("stat: stime: %w", err)
	}
	return user, system, nil
}

// Since is what was used between two readings. Threads that are new count from
// zero. What a thread used between the first reading and its end is lost; the
// proxies that are compared here keep their threads.
func (r Reading) Since(before Reading) Usage {
	var run, wait time.Duration
	var user, system uint64
	for tid, now := range r {
		then := before[tid]
		run += now.run - then.run
		wait += now.wait - then.wait
		user += now.user - then.user
		system += now.system - then.system
	}
	u := Usage{Run: run, System: run, Wait: wait}
	if ticks := user + system; ticks > 0 {
		u.User = time.Duration(float64(run) * float64(user) / float64(ticks))
		u.System = run - u.User
	}
	return u
}
