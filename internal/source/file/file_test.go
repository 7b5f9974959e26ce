package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"fsm/internal/resource"
)

// folder is a directory of a test.
type folder struct {
	t    testing.TB
	path string
}

func newFolder(t testing.TB) folder { return folder{t, t.TempDir()} }

func (f folder) join(name string) string { return filepath.Join(f.path, name) }

// write writes into the file itself, as "echo > file" does.
func (f folder) write(name, text string) {
	f.t.Helper()
	f.check(os.MkdirAll(filepath.Dir(f.join(name)), 0o755))
	f.check(os.WriteFile(f.join(name), []byte(text), 0o644))
}

// replace puts another file in its place, as editors do.
func (f folder) replace(name, text string) {
	f.t.Helper()
	f.write(".new", text)
	f.check(os.Rename(f.join(".new"), f.join(name)))
}

func (f folder) remove(name string) {
	f.t.Helper()
	f.check(os.RemoveAll(f.join(name)))
}

func (f folder) link(target, name string) {
	f.t.Helper()
	f.check(os.Symlink(target, f.join(name)))
}

func (f folder) check(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// configMap is a small object; data is its content.
func configMap(name, data string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {text: %q}\n", name, data)
}

func documents(texts ...string) string { return strings.Join(texts, "---\n") }

// contents is a short form of a set: "name=data generation".
func contents(s *resource.Set) []string {
	var all []string
	for _, c := range resource.List[*corev1.ConfigMap](s) {
		all = append(all, fmt.Sprintf("%s=%s %d", c.Name, c.Data["text"], c.Generation))
	}
	return all
}

// messages is a short form of problems without the path of the test's directory.
func (f folder) messages(s *resource.Set) []string {
	var all []string
	for _, p := range s.Problems() {
		mark := " "
		if p.Refused {
			mark = " ! "
		}
		all = append(all, strings.ReplaceAll(p.Source+mark+p.Message, f.path+"/", ""))
	}
	return all
}

// open opens a source that the test refreshes itself.
func open(t *testing.T, paths ...string) *Source {
	t.Helper()
	s, err := Open(paths)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// again refreshes a source after an edit.
func again(t *testing.T, s *Source) *resource.Set {
	t.Helper()
	if err := s.refresh(nil); err != nil {
		t.Fatal(err)
	}
	return s.Set()
}

// running is a source that runs until the test ends.
type running struct {
	*Source
	t       *testing.T
	changed chan struct{}
}

func run(t *testing.T, paths ...string) running {
	t.Helper()
	r := running{open(t, paths...), t, make(chan struct{}, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx, func() { r.changed <- struct{}{} })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// await waits until the set has just these contents.
func (r running) await(want ...string) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		got := contents(r.Set())
		if strings.Join(got, ";") == strings.Join(want, ";") {
			return
		}
		select {
		case <-r.changed:
		case <-deadline:
			r.t.Fatalf("set holds %q, want %q; problems %v", got, want, r.Set().Problems())
		}
	}
}
