package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Hierarchy is one tree of cgroups. A machine has one (v2), or one for each
// controller (v1), or both kinds, where the one of v2 has the controllers that are
// left.
type Hierarchy struct {
	// Controllers of a hierarchy of v1, as mount takes them ("memory", "cpu,cpuacct",
	// "name=systemd"); empty for v2.
	Controllers string
	// Mount is where the hierarchy is mounted, Own the directory of this process in it.
	Mount, Own string
}

// Hierarchies lists those that this process is in and that are mounted.
func Hierarchies() ([]Hierarchy, error) {
	own, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find own cgroups: %w", err)
	}
	defer own.Close()
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find cgroup mounts: %w", err)
	}
	defer mounts.Close()
	return hierarchies(own, mounts)
}

func hierarchies(own, mountinfo io.Reader) ([]Hierarchy, error) {
	mounts, err := parseMounts(mountinfo)
	if err != nil {
		return nil, err
	}
	var found []Hierarchy
	lines := bufio.NewScanner(own)
	for lines.Scan() {
		// number:controllers:path
		fields := strings.SplitN(lines.Text(), ":", 3)
		if len(fields) != 3 {
			return nil, fmt.Errorf("find own cgroups: line %q", lines.Text())
		}
		i := slices.IndexFunc(mounts, func(m mount) bool { return m.has(fields[1]) })
		if i >= 0 {
			found = append(found, Hierarchy{Controllers: fields[1], Mount: mounts[i].point, Own: mounts[i].directory(fields[2])})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("find own cgroups: %w", err)
	}
	if len(found) == 0 {
		return nil, errors.New("find own cgroups: none is mounted")
	}
	return found, nil
}

// mount is a line of mountinfo; proc_pid_mountinfo(5).
type mount struct {
	root, point, kind string
	options           []string
}

func parseMounts(mountinfo io.Reader) ([]mount, error) {
	var mounts []mount
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 3 {
			return nil, fmt.Errorf("find cgroup mounts: line %q", lines.Text())
		}
		if right[0] == "cgroup" || right[0] == "cgroup2" {
			mounts = append(mounts, mount{root: left[3], point: left[4], kind: right[0], options: strings.Split(right[2], ",")})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("find cgroup mounts: %w", err)
	}
	return mounts, nil
}

// has tells that the hierarchy of these controllers is mounted here.
func (m mount) has(controllers string) bool {
	if controllers == "" {
		return m.kind == "cgroup2"
	}
	for c := range strings.SplitSeq(controllers, ",") {
		if m.kind != "cgroup" || !slices.Contains(m.options, c) {
			return false
		}
	}
	return true
}

// directory is where a cgroup is in the file system. In a container the mount may
// show a part of the hierarchy only, without the cgroup.
func (m mount) directory(cgroup string) string {
	rel, err := filepath.Rel(m.root, cgroup)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return m.point
	}
	return filepath.Join(m.point, rel)
}

// pure tells that there is v2 only.
func pure(all []Hierarchy) bool {
	return !slices.ContainsFunc(all, func(h Hierarchy) bool { return h.Controllers != "" })
}
