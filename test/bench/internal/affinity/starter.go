package affinity

import (
	"os/exec"
	"runtime"
	"slices"
	"syscall"
)

// Starter starts processes on CPUs of choice.
//
// It does so from one operating system thread that lasts as long as the program:
// a child inherits the CPU of the thread that starts it, and the kernel's signal
// for the death of the parent comes when that thread ends.
type Starter struct{ work chan func() }

// NewStarter makes a Starter, for the rest of the program.
func NewStarter() *Starter {
	s := &Starter{work: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for f := range s.work {
			f()
		}
	}()
	return s
}

// Start starts a command on some CPUs, in a process group of its own, so that a
// Ctrl-C in the terminal reaches this program alone. The command gets a SIGTERM
// should this program die without having ended it.
func (s *Starter) Start(cmd *exec.Cmd, cpus ...int) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	result := make(chan error)
	s.work <- func() { result <- startOn(cmd, cpus) }
	return <-result
}

// startOn runs on the Starter's thread.
func startOn(cmd *exec.Cmd, cpus []int) error {
	if slices.Contains(cpus, Any) {
		return cmd.Start()
	}
	before, err := get(0)
	if err != nil {
		return err
	}
	if err := set(0, only(cpus...)); err != nil {
		return err
	}
	defer func() { _ = set(0, before) }() // it was allowed a moment ago
	return cmd.Start()
}
