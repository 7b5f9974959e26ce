package affinity

import (
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

// Any is the CPU that stands for all of them.
const Any = -1

// Layout says which CPU is whose.
type Layout struct {
	// Proxy is the CPU of the proxy under test.
	Proxy int
	// Load is the CPU of load generators and backends.
	Load int
}

// String is "proxy on CPU 0, load and backend on CPU 1".
func (l Layout) String() string {
	if l.Proxy == Any {
		return "not pinned"
	}
	return fmt.Sprintf("proxy on CPU %d, load and backend on CPU %d", l.Proxy, l.Load)
}

// Plan picks the first two CPUs that this process may use, and tries them. The
// layout is usable even with an error, which says why nothing is pinned.
func Plan() (Layout, error) {
	free := Layout{Any, Any}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := get(0)
	if err != nil {
		return free, fmt.Errorf("look up usable CPUs: %w", err)
	}
	cpus := before.list()
	if len(cpus) < 2 {
		return free, errors.New("only one CPU may be used, two are needed")
	}
	defer func() { _ = set(0, before) }() // to where it was
	for _, cpu := range cpus[:2] {
		if err := set(0, only(cpu)); err != nil {
			return free, fmt.Errorf("move to CPU %d: %w", cpu, err)
		}
		if now, err := get(0); err != nil || now != only(cpu) {
			return free, fmt.Errorf("move to CPU %d: it had no effect", cpu)
		}
	}
	return Layout{Proxy: cpus[0], Load: cpus[1]}, nil
}

// Confine puts every thread of this process on one CPU, and makes Go run as many
// goroutines at a time as that can. Threads that start later inherit it.
func Confine(cpu int) error {
	if cpu == Any {
		return nil
	}
	done := map[int]bool{}
	for {
		dirs, err := filepath.Glob("/proc/self/task/*")
		if err != nil {
			return err
		}
		before := len(done)
		for _, dir := range dirs {
			tid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil || done[tid] {
				continue
			}
			if err := set(tid, only(cpu)); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("move thread %d to CPU %d: %w", tid, cpu, err)
			}
			done[tid] = true
		}
		if len(done) == before { // nobody started a thread from one not yet moved
			runtime.GOMAXPROCS(1)
			return nil
		}
	}
}

// mask is the kernel's cpu_set_t, for 1,024 CPUs.
type mask [1024 / 64]uint64

func only(cpus ...int) mask {
	var m mask
	for _, cpu := range cpus {
		m[cpu/64] |= 1 << (cpu % 64)
	}
	return m
}

func (m mask) list() []int {
	var cpus []int
	for i, word := range m {
		for ; word != 0; word &= word - 1 {
			cpus = append(cpus, i*64+bits.TrailingZeros64(word))
		}
	}
	return cpus
}

// get and set are for a thread; 0 is the one that calls.
func get(tid int) (mask, error) {
	var m mask
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, uintptr(tid), unsafe.Sizeof(m), uintptr(unsafe.Pointer(&m)))
	if errno != 0 {
		return m, errno
	}
	return m, nil
}

func set(tid int, m mask) error {
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(tid), unsafe.Sizeof(m), uintptr(unsafe.Pointer(&m)))
	if errno != 0 {
		return errno
	}
	return nil
}
