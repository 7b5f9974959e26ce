package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a program that runs.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	// ended is closed when the process has ended; err says how.
	ended chan struct{}
	err   error
}

// command is what to run, and where it logs.
type command struct {
	binary string
	log    string
	args   []string
}

// start runs a program until it is stopped, or until this process ends.
func (c command) start() (*process, error) {
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer out.Close()
	p := &process{name: filepath.Base(c.binary), log: c.log, cmd: exec.Command(c.binary, c.args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// patience is how long a process may take to end by itself.
const patience = 5 * time.Second

// stop ends the process and waits for that.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return
	case <-time.After(patience):
	}
	p.kill()
}

// kill ends the process without letting it tidy up.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// failure describes an end that nobody asked for, with the last lines of the log.
func (p *process) failure() error {
	text, _ := os.ReadFile(p.log)
	const most = 2000
	text = bytes.TrimSpace(text[max(0, len(text)-most):])
	return fmt.Errorf("%s ended: %w; its log ends with:\n%s", p.name, p.err, text)
}
