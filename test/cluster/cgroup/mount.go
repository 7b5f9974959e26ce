package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const at = "/sys/fs/cgroup"

// Mount mounts the hierarchies in a fresh /sys, in a cgroup namespace of its own:
// what the caller's cgroups are becomes the top of what is seen.
func Mount(all []Hierarchy) error {
	if pure(all) {
		return mountPure()
	}
	if err := syscall.Mount("cgroup", at, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount place for cgroups: %w", err)
	}
	for _, h := range all {
		dir := filepath.Join(at, filepath.Base(h.Mount))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("mount cgroups: %w", err)
		}
		if err := h.mount(dir); err != nil {
			return fmt.Errorf("mount cgroups of %q: %w", h.Controllers, err)
		}
	}
	return nil
}

func (h Hierarchy) mount(dir string) error {
	switch {
	case h.Controllers == "":
		return syscall.Mount("cgroup2", dir, "cgroup2", 0, "")
	case strings.HasPrefix(h.Controllers, "name="):
		return syscall.Mount("cgroup", dir, "cgroup", 0, "none,"+h.Controllers)
	}
	if err := syscall.Mount("cgroup", dir, "cgroup", 0, h.Controllers); err != nil {
		return err
	}
	for c := range strings.SplitSeq(h.Controllers, ",") {
		// Programs look for a controller by its own name, where it shares a hierarchy too.
		if alias := filepath.Join(at, c); !exists(alias) {
			if err := os.Symlink(filepath.Base(dir), alias); err != nil {
				return err
			}
		}
	}
	return nil
}

// mountPure mounts the only hierarchy, and makes room at its top: a cgroup with
// processes cannot have children with controllers.
func mountPure() error {
	if err := syscall.Mount("cgroup2", at, "cgroup2", 0, ""); err != nil {
		return fmt.Errorf("mount cgroups: %w", err)
	}
	system := filepath.Join(at, "system")
	if err := os.Mkdir(system, 0o755); err != nil {
		return fmt.Errorf("make cgroup of the node's own processes: %w", err)
	}
	pids, err := os.ReadFile(filepath.Join(at, "cgroup.procs"))
	if err != nil {
		return fmt.Errorf("find the node's own processes: %w", err)
	}
	for pid := range strings.FieldsSeq(string(pids)) {
		if err := write(system, "cgroup.procs", pid); err != nil {
			return fmt.Errorf("move process %s: %w", pid, err)
		}
	}
	if err := delegate(at); err != nil {
		return fmt.Errorf("give controllers to pods: %w", err)
	}
	return nil
}
