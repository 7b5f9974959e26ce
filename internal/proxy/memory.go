package proxy

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
)

// memoryWatch tells when the memory in use comes near the limit, so that new
// work is refused before the kernel kills the process.
type memoryWatch struct {
	limit    int64
	sample   [2]metrics.Sample
	exceeded atomic.Bool
}

// The share of the limit at which requests are refused, and at which they are
// served again.
const (
	refuseAt = 0.98
	serveAt  = 0.90
)

// look measures; it is called a few times a second, by one goroutine.
func (m *memoryWatch) look() {
	if m.limit <= 0 {
		return
	}
	m.sample[0].Name = "/memory/classes/total:bytes"
	m.sample[1].Name = "/memory/classes/heap/released:bytes"
	metrics.Read(m.sample[:])
	used := float64(m.sample[0].Value.Uint64() - m.sample[1].Value.Uint64())
	switch {
	case used > refuseAt*float64(m.limit):
		m.exceeded.Store(true)
	case used < serveAt*float64(m.limit):
		m.exceeded.Store(false)
	}
}

// Exceeded reports whether new work should be refused.
func (m *memoryWatch) Exceeded() bool { return m.exceeded.Load() }

// LimitMemory makes the garbage collector respect the container's memory limit:
// GOMEMLIMIT where it is set, else nine tenths of the control group's limit. It
// returns the limit in bytes, or 0 when there is none.
func LimitMemory() int64 {
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
