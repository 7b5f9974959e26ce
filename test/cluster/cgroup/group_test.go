package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// files are those of an imitated tree of cgroups, by path.
type files map[string]string

func (f files) write(t *testing.T) (top string) {
	t.Helper()
	top = t.TempDir()
	for name, text := range f {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// With v2 alone, the group is where children can have controllers.
func TestPlaceWithoutV1(t *testing.T) {
	const all = "cpuset cpu io memory pids\n"
	for name, test := range map[string]struct {
		files files
		want  string
		// topGets is what the top is told to give its children.
		topGets string
	}{
		"below the own one's parent": {
			files: files{"cgroup.subtree_control": all, "a/cgroup.subtree_control": all, "a/b/cgroup.subtree_control": ""},
			want:  "a/name", topGets: all,
		},
		"not where controllers are missing": {
			files: files{"cgroup.subtree_control": all, "a/cgroup.subtree_control": "memory pids\n", "a/b/cgroup.subtree_control": ""},
			want:  "name", topGets: all,
		},
		"at the top, which gives what is missing": {
			files: files{"cgroup.subtree_control": "memory\n", "a/cgroup.subtree_control": "", "a/b/cgroup.subtree_control": ""},
			want:  "name", topGets: "+cpu +pids",
		},
	} {
		t.Run(name, func(t *testing.T) {
			top := test.files.write(t)
			g, err := Place([]Hierarchy{{Mount: top, Own: filepath.Join(top, "a/b")}}, "name")
			if err != nil {
				t.Fatal(err)
			}
			if got := g.Dirs(); len(got) != 1 || got[0] != filepath.Join(top, test.want) {
				t.Errorf("the group is at %v, not at %s", got, test.want)
			}
			if got := content(t, top, "cgroup.subtree_control"); got != test.topGets {
				t.Errorf("the top gives %q, not %q", got, test.topGets)
			}
		})
	}
}

// With v1 the group is below the own cgroup everywhere, in the hierarchy of v2 too.
func TestPlaceWithV1(t *testing.T) {
	g, err := Place([]Hierarchy{
		{Controllers: "memory", Mount: "/m", Own: "/m/a"},
		{Mount: "/u", Own: "/u/a"},
	}, "name")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(g.Child("node").Dirs(), " "); got != "/m/a/name/node /u/a/name/node" {
		t.Errorf("the group is at %s", got)
	}
}

// A cgroup of v1 in which nothing could run gets processors and memory. The kernel
// makes the files of a cgroup with it; here they are made before.
func TestMakeWithV1(t *testing.T) {
	top := files{
		"cpuset.cpus": "0-3\n", "cpuset.mems": "0\n",
		"name/cpuset.cpus": "\n", "name/cpuset.mems": "\n",
	}.write(t)
	if err := At(filepath.Join(top, "name")).Make(); err != nil {
		t.Fatal(err)
	}
	if cpus, mems := content(t, top, "name/cpuset.cpus"), content(t, top, "name/cpuset.mems"); cpus != "0-3" || mems != "0" {
		t.Errorf("it gets processors %q and memory %q", cpus, mems)
	}
}

func TestDelegate(t *testing.T) {
	v2 := files{"cgroup.controllers": "pids\n", "cgroup.subtree_control": ""}.write(t)
	v1 := files{"memory.limit_in_bytes": ""}.write(t)
	if err := At(v2, v1).Delegate(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, v2, "cgroup.subtree_control"); got != "+pids" {
		t.Errorf("children are given %q", got)
	}
}

// Groups of the machine take a process in, and end it when they are removed.
func TestGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root makes cgroups")
	}
	all, err := Hierarchies()
	if err != nil {
		t.Skip(err)
	}
	g, err := Place(all, "fsm-cgroup-test")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { g.Remove() })
	child := g.Child("child")
	if err := g.Make(); err != nil {
		t.Skip("this machine's cgroups are not ours to change:", err)
	}
	if err := g.Delegate(); err != nil {
		t.Fatal(err)
	}
	if err := child.Make(); err != nil {
		t.Fatal(err)
	}
	process := exec.Command("sleep", "1000")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	if err := child.Enter(process.Process.Pid); err != nil {
		process.Process.Kill()
		t.Fatal(err)
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process in the group: %v", err)
	}
	for _, dir := range g.Dirs() {
		if exists(dir) {
			t.Errorf("there still is %s", dir)
		}
	}
	if err := g.Remove(); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
}
