package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fsm/test/bench/internal/procfs"
)

// process is a running program with all the processes it starts.
type process struct {
	name   string
	cmd    *exec.Cmd
	output string // file with what it says
	reaps  bool   // see command
	ended  chan struct{}
}

// start starts a program on some CPUs. What it says goes to a file in the directory,
// its standard output to the other file, if there is one.
func (l *Lab) start(c command, cpus ...int) (*process, error) {
	p := &process{name: c.name, output: filepath.Join(c.dir, "output"), reaps: c.reaps, ended: make(chan struct{})}
	out, err := os.Create(p.output)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	defer out.Close() // the child has its own
	p.cmd = exec.Command(c.path, c.args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = c.dir, out, out
	if c.stdout != "" {
		f, err := os.OpenFile(c.stdout, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", c.name, err)
		}
		defer f.Close()
		p.cmd.Stdout = f
	}
	if err := l.starter.Start(p.cmd, cpus...); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // what it said tells more than its exit status
		close(p.ended)
	}()
	return p, nil
}

// PIDs are the processes of the program.
func (p *process) PIDs() []int { return procfs.Group(p.cmd.Process.Pid) }

// Stop ends the program and everything it started, at once.
func (p *process) Stop() {
	pid := p.cmd.Process.Pid
	if p.reaps {
		_ = syscall.Kill(pid, syscall.SIGTERM) // fails if it has ended
		select {
		case <-p.ended:
		case <-time.After(2 * time.Second):
		}
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL) // fails if all have ended
	<-p.ended
}

// Err says that the program has ended, if it has.
func (p *process) Err() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended: %s%s", p.name, p.cmd.ProcessState, p.said())
	default:
		return nil
	}
}

// said is the end of what the program said.
func (p *process) said() string {
	const enough = 2000
	data, err := os.ReadFile(p.output)
	if err != nil || len(data) == 0 {
		return ""
	}
	return "; it said:\n" + strings.TrimSpace(string(data[max(0, len(data)-enough):]))
}

// startTime is how long a program may take to begin serving.
const startTime = 20 * time.Second

// await waits until the probe succeeds.
func (p *process) await(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.Err()
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s does not serve: %w%s", p.name, err, p.said()), context.Cause(ctx))
		case <-tick.C:
		}
	}
}
