package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"fsm/test/cluster/cgroup"
)

// patience is how long a supervisor may take to end by itself. All of it is lost
// anyway, so that there is little to wait for.
const patience = 5 * time.Second

// Down ends the lab in a directory, if there is one, and removes the directory except
// for the logs. It clears up after a lab that was killed as well.
func Down(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find directory of lab: %w", err)
	}
	l, err := Find(dir)
	switch {
	case err == nil:
		if err := l.end(ctx); err != nil {
			return err
		}
	case !errors.Is(err, ErrNotUp):
		return err
	}
	groups, err := savedCgroups(dir)
	if err != nil {
		return err
	}
	if err := groups.Remove(); err != nil {
		return err
	}
	return clear(dir)
}

func (l *Lab) end(ctx context.Context) error {
	if err := l.supervisor.signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for l.supervisor.runs() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for supervisor: %w", context.Cause(ctx))
		case <-late:
			if err := l.supervisor.signal(syscall.SIGKILL); err != nil {
				return err
			}
		case <-tick.C:
		}
	}
	return nil
}

// clear removes what a lab wrote. The logs stay until the next one starts.
func clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("clear up: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "log" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("clear up: %w", err)
		}
	}
	return nil
}

func cgroupsFile(dir string) string { return filepath.Join(dir, "cgroups.json") }

func saveCgroups(dir string, g cgroup.Group) error {
	text, err := json.Marshal(g.Dirs())
	if err != nil {
		return fmt.Errorf("encode cgroups: %w", err)
	}
	if err := os.WriteFile(cgroupsFile(dir), text, 0o644); err != nil {
		return fmt.Errorf("write list of cgroups: %w", err)
	}
	return nil
}

func savedCgroups(dir string) (cgroup.Group, error) {
	text, err := os.ReadFile(cgroupsFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return cgroup.Group{}, nil
	}
	if err != nil {
		return cgroup.Group{}, fmt.Errorf("read list of cgroups: %w", err)
	}
	var dirs []string
	if err := json.Unmarshal(text, &dirs); err != nil {
		return cgroup.Group{}, fmt.Errorf("read list of cgroups: %w", err)
	}
	return cgroup.At(dirs...), nil
}
