package node

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"fsm/test/cluster/cgroup"
)

// isolate gives the node a name and its own view of the file system. The mount
// namespace is the node's alone, and nothing in it reaches another one.
func (c Config) isolate() error {
	if err := syscall.Sethostname([]byte(c.Name)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := c.mountKernel(); err != nil {
		return err
	}
	if err := c.cover(); err != nil {
		return err
	}
	// Pods see mounts of the kubelet and of each other where they ask for that.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		return fmt.Errorf("make mounts shared: %w", err)
	}
	return nil
}

// mountKernel mounts what shows the namespaces of whoever mounted it.
func (c Config) mountKernel() error {
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := syscall.Unmount("/sys", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount /sys: %w", err)
	}
	if err := syscall.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	if err := cgroup.Mount(c.Hierarchies); err != nil {
		return err
	}
	if err := syscall.Mount("bpf", "/sys/fs/bpf", "bpf", 0, ""); err != nil {
		return fmt.Errorf("mount /sys/fs/bpf: %w", err)
	}
	return nil
}

// cover hides the directories of the machine that a node writes to behind ones of its
// own. What it still needs from below them stays where it was.
func (c Config) cover() error {
	var kept []*os.File
	for _, dir := range []string{c.Dir, c.Logs, c.Programs, filepath.Dir(c.KubeProxyConfig)} {
		f, err := os.Open(dir)
		if err != nil {
			return fmt.Errorf("open directory: %w", err)
		}
		defer f.Close()
		kept = append(kept, f)
	}
	for _, dir := range []string{"/run", "/tmp", "/opt", "/var/lib", "/var/log"} {
		if err := syscall.Mount("node", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("cover %s: %w", dir, err)
		}
	}
	if err := os.Chmod("/tmp", 0o777|os.ModeSticky); err != nil {
		return fmt.Errorf("cover /tmp: %w", err)
	}
	for _, f := range kept {
		if err := bind(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), f.Name()); err != nil {
			return err
		}
	}
	if err := overlay("/etc", "/run/etc"); err != nil {
		return err
	}
	// The network plugins of another container engine are none of the node's.
	if err := os.MkdirAll("/etc/cni", 0o755); err != nil {
		return fmt.Errorf("cover /etc/cni: %w", err)
	}
	if err := syscall.Mount("node", "/etc/cni", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("cover /etc/cni: %w", err)
	}
	for name, at := range map[string]string{
		"containerd": "/var/lib/containerd", "kubelet": "/var/lib/kubelet", "cni": "/var/lib/cni", "pods": "/var/log/pods",
	} {
		dir := filepath.Join(c.Dir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make directory of node: %w", err)
		}
		if err := bind(dir, at); err != nil {
			return err
		}
	}
	return nil
}

// bind shows a directory at another place, which it makes if needed.
func bind(dir, at string) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return fmt.Errorf("make place for %s: %w", at, err)
	}
	if err := syscall.Mount(dir, at, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", dir, at, err)
	}
	return nil
}

// overlay keeps changes of a directory at another place.
func overlay(dir, changes string) error {
	upper, work := filepath.Join(changes, "upper"), filepath.Join(changes, "work")
	for _, d := range []string{upper, work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("make place for changes of %s: %w", dir, err)
		}
	}
	options := "lowerdir=" + dir + ",upperdir=" + upper + ",workdir=" + work
	if err := syscall.Mount("overlay", dir, "overlay", 0, options); err != nil {
		return fmt.Errorf("keep changes of %s: %w", dir, err)
	}
	return nil
}
