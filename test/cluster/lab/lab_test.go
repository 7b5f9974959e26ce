package lab_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"fsm/test/cluster"
	"fsm/test/cluster/lab"
)

func TestMain(m *testing.M) {
	lab.Child()
	os.Exit(m.Run())
}

// A lab runs pods, and leaves nothing behind: neither where it is told to end, nor where
// it is killed, nor outside its namespaces while it runs.
func TestLab(t *testing.T) {
	if os.Getenv(cluster.Required) != cluster.RequiredNodes {
		t.Skip("it starts a whole cluster; 'make cluster-test' asks for that")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	dir := t.TempDir()
	before := observe(t)

	l := up(t, dir, 2)
	while := observe(t)
	before.compare(t, "while the lab runs", while)
	if _, err := lab.Up(ctx, lab.Options{Dir: dir}, t.Output()); err == nil {
		t.Error("a second lab starts in the directory of the first")
	}
	runInside(ctx, t, l, dir)

	t.Run("killed", func(t *testing.T) {
		supervisor := supervisorOf(t, dir)
		parts := descendants(t, supervisor)
		if err := syscall.Kill(supervisor, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		parts.awaitEnd(t)
		if _, err := lab.Find(dir); !errors.Is(err, lab.ErrNotUp) {
			t.Errorf("find a lab that was killed: %v", err)
		}
		down(t, dir, before)
	})
	t.Run("ended", func(t *testing.T) {
		up(t, dir, 1)
		parts := descendants(t, supervisorOf(t, dir))
		down(t, dir, before)
		parts.awaitEnd(t)
	})
	t.Run("ended twice", func(t *testing.T) { down(t, dir, before) })
}

func up(t *testing.T, dir string, nodes int) *lab.Lab {
	t.Helper()
	begun := time.Now()
	l, err := lab.Up(t.Context(), lab.Options{Dir: dir, Nodes: nodes}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d nodes started in %v", nodes, time.Since(begun).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := lab.Down(context.Background(), dir); err != nil {
			t.Error(err)
		}
	})
	return l
}

// runInside runs the tests that have to be in the network of the lab.
func runInside(ctx context.Context, t *testing.T, l *lab.Lab, dir string) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := l.Command(ctx, self, "-test.run=^TestInside$", "-test.v")
	cmd.Env = append(cmd.Env, "FSM_CLUSTER_DIR="+dir)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	t.Logf("inside:\n%s", &said)
	if err != nil {
		t.Error("tests inside the lab:", err)
	}
}

// down ends what there is of a lab and looks for what is left.
func down(t *testing.T, dir string, before machine) {
	t.Helper()
	groups := cgroupsOf(t, dir)
	if err := lab.Down(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		if _, err := os.Stat(group); err == nil {
			t.Errorf("there still is cgroup %s", group)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 || filepath.Base(left[0]) != "log" {
		t.Errorf("there still is %v", left)
	}
	before.compare(t, "afterwards", observe(t))
}
