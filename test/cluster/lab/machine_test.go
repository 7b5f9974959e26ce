package lab_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// machine is what a lab must not change of the machine that it runs on.
type machine struct {
	Interfaces []string
	Mounts     string
	Settings   map[string]string
}

func observe(t *testing.T) machine {
	t.Helper()
	m := machine{Settings: map[string]string{}}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		m.Interfaces = append(m.Interfaces, i.Name)
	}
	m.Mounts = read(t, "/proc/self/mountinfo")
	for _, name := range []string{
		"net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "net/bridge/bridge-nf-call-iptables",
		"net/netfilter/nf_conntrack_max", "kernel/panic", "kernel/hostname", "vm/overcommit_memory",
	} {
		m.Settings[name] = read(t, "/proc/sys/"+name)
	}
	return m
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

func (m machine) compare(t *testing.T, when string, other machine) {
	t.Helper()
	if d := cmp.Diff(m, other); d != "" {
		t.Errorf("the machine is another %s (-before +now):\n%s", when, d)
	}
}

func supervisorOf(t *testing.T, dir string) int {
	t.Helper()
	var supervisor struct{ PID int }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "supervisor.json"))), &supervisor); err != nil {
		t.Fatal(err)
	}
	return supervisor.PID
}

// cgroupsOf lists the cgroups of a lab. There are none after its end.
func cgroupsOf(t *testing.T, dir string) (groups []string) {
	t.Helper()
	if text := read(t, filepath.Join(dir, "cgroups.json")); text != "" {
		if err := json.Unmarshal([]byte(text), &groups); err != nil {
			t.Fatal(err)
		}
	}
	return groups
}

// parts are processes, and the namespaces that they are in and the test is not.
type parts struct {
	processes  map[string]bool // by number and start, which together do not come back
	namespaces map[string]bool
}

// descendants are a process and all that come from it.
func descendants(t *testing.T, root int) parts {
	t.Helper()
	own := namespaces("self")
	p := parts{processes: map[string]bool{}, namespaces: map[string]bool{}}
	family := map[string]bool{strconv.Itoa(root): true}
	for grown := true; grown; {
		grown = false
		for _, pid := range processes(t) {
			parent, start := ancestry(pid)
			if p.processes[pid+"/"+start] || !family[pid] && !family[parent] {
				continue
			}
			grown, family[pid], p.processes[pid+"/"+start] = true, true, true
			for name := range namespaces(pid) {
				if !own[name] {
					p.namespaces[name] = true
				}
			}
		}
	}
	const fewest = 10 // the control plane and the programs of one node
	if len(p.processes) < fewest {
		t.Fatalf("the lab has %d processes only", len(p.processes))
	}
	return p
}

func processes(t *testing.T) []string {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for i, dir := range dirs {
		dirs[i] = filepath.Base(dir)
	}
	return dirs
}

// ancestry says which process has started another, and when. Both are empty for one that
// is gone.
func ancestry(pid string) (parent, start string) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return "", ""
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return fields[1], fields[19]
}

func namespaces(pid string) map[string]bool {
	found := map[string]bool{}
	links, _ := filepath.Glob("/proc/" + pid + "/ns/*")
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil {
			found[name] = true
		}
	}
	return found
}

// awaitEnd waits until the processes are gone, and anybody in their namespaces too.
func (p parts) awaitEnd(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		left := p.left(t)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("there still are processes %v", left)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p parts) left(t *testing.T) (left []string) {
	for _, pid := range processes(t) {
		_, start := ancestry(pid)
		in := false
		for name := range namespaces(pid) {
			in = in || p.namespaces[name]
		}
		if in || start != "" && p.processes[pid+"/"+start] {
			left = append(left, pid+" "+strings.ReplaceAll(read(t, "/proc/"+pid+"/cmdline"), "\x00", " "))
		}
	}
	return left
}
