package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Group is a set of cgroups with the same name, one in each hierarchy.
type Group struct {
	dirs []string
}

// Place says where the group of a name goes. It does not make it.
func Place(all []Hierarchy, name string) (Group, error) {
	var g Group
	for _, h := range all {
		parent := h.Own
		if pure(all) {
			var err error
			if parent, err = delegating(h); err != nil {
				return Group{}, err
			}
		}
		g.dirs = append(g.dirs, filepath.Join(parent, name))
	}
	return g, nil
}

// At returns the group of some directories.
func At(dirs ...string) Group { return Group{dirs: dirs} }

// Dirs are the directories of the group.
func (g Group) Dirs() []string { return g.dirs }

// Child is a group below this one.
func (g Group) Child(name string) Group {
	var child Group
	for _, dir := range g.dirs {
		child.dirs = append(child.dirs, filepath.Join(dir, name))
	}
	return child
}

// needed are the controllers of v2 that the kubelet cannot do without.
func needed() []string { return []string{"cpu", "memory", "pids"} }

// delegating finds the nearest cgroup of v2 that gives its children what the kubelet
// needs. The cgroup of this process cannot: one that has processes has no children
// with controllers, by the rule of "no internal processes". From that the top of all is
// exempt, which is asked to give them where nobody does, as without systemd.
func delegating(h Hierarchy) (string, error) {
	for dir := h.Own; ; dir = filepath.Dir(dir) {
		given, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		if err != nil {
			return "", fmt.Errorf("find cgroup for nodes: %w", err)
		}
		missing := slices.DeleteFunc(needed(), func(c string) bool {
			return slices.Contains(strings.Fields(string(given)), c)
		})
		if len(missing) == 0 {
			return dir, nil
		}
		if dir == h.Mount {
			if err := write(dir, "cgroup.subtree_control", "+"+strings.Join(missing, " +")); err != nil {
				return "", fmt.Errorf("find cgroup for nodes: neither %s nor any above it gives controllers %v to its children: %w", h.Own, needed(), err)
			}
			return dir, nil
		}
	}
}

// Make makes the cgroups.
func (g Group) Make() error {
	for _, dir := range g.dirs {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make cgroup: %w", err)
		}
		if err := inheritSets(dir); err != nil {
			return fmt.Errorf("make cgroup %s: %w", dir, err)
		}
	}
	return nil
}

// inheritSets gives a cgroup of v1 the processors and memory nodes of its parent:
// without any, nothing can run in it.
func inheritSets(dir string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		sets, err := os.ReadFile(filepath.Join(dir, "..", name))
		if errors.Is(err, fs.ErrNotExist) || exists(filepath.Join(dir, "cgroup.controllers")) {
			return nil
		}
		if err == nil {
			err = write(dir, name, strings.TrimSpace(string(sets)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Delegate lets groups below this one have all the controllers that it has.
func (g Group) Delegate() error {
	for _, dir := range g.dirs {
		if err := delegate(dir); err != nil {
			return fmt.Errorf("give controllers to children of %s: %w", dir, err)
		}
	}
	return nil
}

// delegate changes nothing in v1, where children have them always.
func delegate(dir string) error {
	has, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, controller := range strings.Fields(string(has)) {
		if err := write(dir, "cgroup.subtree_control", "+"+controller); err != nil {
			return err
		}
	}
	return nil
}

// Enter moves a process, and with it those that it will start.
func (g Group) Enter(pid int) error {
	for _, dir := range g.dirs {
		if err := write(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("enter cgroup: %w", err)
		}
	}
	return nil
}

// patience is how long processes that were killed may take to be gone.
const patience = 10 * time.Second

// Remove ends whoever is in the cgroups or in those below, and removes them.
func (g Group) Remove() error {
	var failed error
	for _, dir := range g.dirs {
		deadline := time.Now().Add(patience)
		for exists(dir) {
			err := errors.Join(killAll(dir), removeTree(dir))
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				failed = errors.Join(failed, fmt.Errorf("remove cgroup: %w", err))
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return failed
}

func killAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "cgroup.procs" {
			return ignoreGone(err)
		}
		pids, err := os.ReadFile(path)
		for _, field := range strings.Fields(string(pids)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		return ignoreGone(err)
	})
}

// removeTree removes directories from the lowest up; files in them are the kernel's.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ignoreGone(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return ignoreGone(os.Remove(dir))
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	return err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func write(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0)
}
