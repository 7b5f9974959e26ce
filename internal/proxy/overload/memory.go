package overload

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
)

// Shares of the limit at which each step begins. A step that began ends a
// little below, so that it does not come and go.
const (
	tightAt = 0.95
	fullAt  = 0.98
	// lostAt is for memory that was taken from the system, garbage included: past
	// the limit the collector does not keep up.
	lostAt   = 1.03
	relaxing = 0.05
)

// Memory watches the memory that the process uses. The zero Memory has no limit.
type Memory struct {
	// Limit in bytes; 0 for none.
	Limit int64
	// Shrink is called when memory becomes tight; nil for nothing to do.
	Shrink func()

	samples     [len(watched)]metrics.Sample
	tight, full atomic.Bool
}

// watched are the figures that Look reads: first those that no garbage
// collection makes smaller, then what tells how much was taken from the system.
var watched = [...]string{
	"/gc/heap/live:bytes",
	"/memory/classes/heap/stacks:bytes",
	"/memory/classes/os-stacks:bytes",
	"/memory/classes/metadata/mspan/inuse:bytes",
	"/memory/classes/metadata/other:bytes",
	"/memory/classes/total:bytes",
	"/memory/classes/heap/released:bytes",
}

// needed is how many of the watched figures add up to what is needed.
const needed = len(watched) - 2

// Look measures. One goroutine calls it, a few times a second.
func (m *Memory) Look() {
	if m.Limit <= 0 {
		return
	}
	for i, name := range watched {
		m.samples[i].Name = name
	}
	metrics.Read(m.samples[:])
	var need uint64
	for _, s := range m.samples[:needed] {
		need += s.Value.Uint64()
	}
	taken := m.samples[needed].Value.Uint64() - m.samples[needed+1].Value.Uint64()
	m.judge(float64(need)/float64(m.Limit), float64(taken)/float64(m.Limit))
}

// judge sets the steps by the shares of the limit that are needed and taken.
func (m *Memory) judge(need, taken float64) {
	wasTight := m.tight.Load()
	m.full.Store(beyond(m.full.Load(), need, fullAt) || beyond(m.full.Load(), taken, lostAt))
	m.tight.Store(m.full.Load() || beyond(wasTight, need, tightAt))
	if !wasTight && m.tight.Load() && m.Shrink != nil {
		m.Shrink()
	}
}

func beyond(already bool, share, bound float64) bool {
	if already {
		bound -= relaxing
	}
	return share > bound
}

// Tight reports that nothing should be kept for later.
func (m *Memory) Tight() bool { return m.tight.Load() }

// Full reports that no new work should be begun.
func (m *Memory) Full() bool { return m.full.Load() }

// ProcessLimit makes the garbage collector respect the container's memory limit:
// GOMEMLIMIT where it is set, else nine tenths of the control group's limit, the
// rest being for the kernel's part. It returns the limit in bytes, or 0 when
// there is none.
func ProcessLimit() int64 {
	if os.Getenv("GOMEMLIMIT") != "" {
		if n := debug.SetMemoryLimit(-1); n != math.MaxInt64 {
			return n
		}
		return 0
	}
	n := groupLimit()
	if n == 0 {
		return 0
	}
	n = n / 10 * 9
	debug.SetMemoryLimit(n)
	return n
}

// groupLimit is the memory limit of the control group, version 2 or 1; 0 when
// there is none.
func groupLimit() int64 {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err == nil && n > 0 && n < 1<<50 {
			return n
		}
	}
	return 0
}
