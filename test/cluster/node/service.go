package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// service is a program of the node that is started again when it ends.
type service struct {
	name string
	args []string
}

// pause between two starts of a service.
const pause = time.Second

// supervise runs the programs of the node until the context ends.
func (c Config) supervise(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer fail(nil)
	start := func(s service) {
		running.Go(func() { fail(c.keep(ctx, s)) })
	}
	start(service{"containerd", []string{"--config", etc + "/containerd.toml", "--log-level", "warn"}})
	if err := connectable(ctx, containerdSocket); err != nil {
		return err
	}
	start(service{"kubelet", []string{
		"--config", etc + "/kubelet.yaml", "--kubeconfig", c.Credentials.Kubeconfig,
		"--hostname-override", c.Name, "--node-ip", c.Address.Addr().String(),
	}})
	start(service{"kube-proxy", []string{"--config", etc + "/kube-proxy.yaml"}})
	<-ctx.Done()
	return context.Cause(ctx)
}

// keep runs a service, again and again.
func (c Config) keep(ctx context.Context, s service) error {
	log, err := os.OpenFile(filepath.Join(c.Logs, c.Name+"-"+s.name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	for {
		cmd := exec.CommandContext(ctx, filepath.Join(c.Programs, s.name), s.args...)
		cmd.Stdout, cmd.Stderr = log, log
		// The shim of containerd is found by this.
		cmd.Env = append(os.Environ(), "PATH="+c.Programs+":"+os.Getenv("PATH"))
		err := cmd.Run()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			return fmt.Errorf("run %s: %w", s.name, err)
		}
		fmt.Fprintf(log, "%s ended: %v\n", s.name, err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// connectable waits until somebody listens on a socket.
func connectable(ctx context.Context, path string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		connection, err := net.Dial("unix", path)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", path, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
