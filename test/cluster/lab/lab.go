package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"fsm/test/cluster"
	"fsm/test/cluster/registry"
)

// Lab is a cluster with nodes that runs.
type Lab struct {
	dir        string
	supervisor identity
}

// ErrNotUp says that no lab runs in a directory.
var ErrNotUp = errors.New("the cluster is not up")

// Up starts a lab and waits until pods can run in it. It stays when this process ends,
// until [Down]. The programs must be built, and the caller must have called [Child].
func Up(ctx context.Context, o Options, progress io.Writer) (*Lab, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := able(); err != nil {
		return nil, err
	}
	if _, err := cluster.ControlPlane().Built(); err != nil {
		return nil, err
	}
	programs, err := cluster.NodePrograms().Built()
	if err != nil {
		return nil, err
	}
	if _, err := Find(o.Dir); err == nil {
		return nil, fmt.Errorf("start cluster: there is one in %s", o.Dir)
	}
	if err := Down(ctx, o.Dir); err != nil { // what a crash may have left
		return nil, err
	}
	l, err := start(ctx, o, programs, progress)
	if err != nil {
		return nil, errors.Join(err, Down(context.WithoutCancel(ctx), o.Dir))
	}
	return l, nil
}

// start starts the supervisor and follows it until it is done.
func start(ctx context.Context, o Options, programs string, progress io.Writer) (*Lab, error) {
	logs := filepath.Join(o.Dir, "log")
	if err := errors.Join(os.RemoveAll(logs), os.MkdirAll(logs, 0o755)); err != nil {
		return nil, fmt.Errorf("make directory of lab: %w", err)
	}
	options, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode options: %w", err)
	}
	log, err := os.Create(filepath.Join(logs, "supervisor.log"))
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	read, written, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("follow supervisor: %w", err)
	}
	defer read.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{supervisorRole, string(options)}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{written}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
	}
	err = cmd.Start()
	written.Close()
	if err != nil {
		return nil, fmt.Errorf("start supervisor: %w", err)
	}
	go cmd.Wait() // reaps it; whether it runs is asked of the kernel
	l := &Lab{dir: o.Dir}
	if l.supervisor, err = identify(cmd.Process.Pid); err != nil {
		return nil, err
	}
	l.supervisor.Programs = programs
	if err := l.supervisor.save(o.Dir); err != nil {
		cmd.Process.Kill()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { read.Close() })
	defer stop()
	return l, l.follow(ctx, read, progress)
}

// ready is the last line of a supervisor that has done all there is to do.
const ready = "ready"

// follow passes on what a supervisor says, until it has succeeded or failed.
func (l *Lab) follow(ctx context.Context, supervisor io.Reader, progress io.Writer) error {
	lines := bufio.NewScanner(supervisor)
	for lines.Scan() {
		if lines.Text() == ready {
			return nil
		}
		fmt.Fprintln(progress, lines.Text())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("start cluster: %w", context.Cause(ctx))
	}
	logs := filepath.Join(l.dir, "log")
	said, err := os.ReadFile(filepath.Join(logs, "supervisor.log"))
	return errors.Join(fmt.Errorf("start cluster: %s (logs are in %s)", strings.TrimSpace(string(said)), logs), err)
}

// Find returns the lab that runs in a directory, or else [ErrNotUp].
func Find(dir string) (*Lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find directory of lab: %w", err)
	}
	supervisor, err := saved(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !supervisor.runs() {
		return nil, fmt.Errorf("%w (in %s)", ErrNotUp, dir)
	}
	if err != nil {
		return nil, err
	}
	return &Lab{dir: dir, supervisor: supervisor}, nil
}

// Kubeconfig is a file that leads to the cluster, for whoever is in its network
// namespace.
func (l *Lab) Kubeconfig() string { return kubeconfig(l.dir) }

func kubeconfig(dir string) string { return filepath.Join(dir, "kubeconfig") }

// Images are what nodes pull from.
func (l *Lab) Images() (*registry.Store, error) { return registry.Open(images(l.dir)) }

func images(dir string) string { return filepath.Join(dir, "images") }

// Command is a command in the lab's network namespace, with KUBECONFIG set and kubectl
// at hand.
func (l *Lab) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	programs := l.supervisor.Programs
	if name == "kubectl" {
		name = filepath.Join(programs, name)
	}
	enter := append([]string{"--net=" + l.supervisor.network(), "--", name}, args...)
	cmd := exec.CommandContext(ctx, "nsenter", enter...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+l.Kubeconfig(), "PATH="+os.Getenv("PATH")+":"+programs)
	return cmd
}
