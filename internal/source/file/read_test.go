package file

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"fsm/internal/resource"
)

func TestReadDirectories(t *testing.T) {
	f, other := newFolder(t), newFolder(t)
	f.write("b.yaml", configMap("b", "1"))
	f.write("a.yml", configMap("a", "1"))
	f.write("sub/deep/c.json", `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"text": "1"}}`)
	f.write("notes.txt", "not: read")
	f.write(".hidden.yaml", configMap("hidden", "1"))
	f.write(".git/x.yaml", configMap("git", "1"))
	other.write("linked.yaml", configMap("linked", "1"))
	other.write("dir/d.yaml", configMap("d", "1"))
	f.link(other.join("linked.yaml"), "x.yaml")
	f.link(other.join("dir"), "linked-dir")
	f.link(f.path, "sub/circle")
	f.link("nowhere", "dangling.yaml")
	f.link("nowhere", ".#lock.yaml")

	set, err := Read([]string{f.path, f.join("b.yaml")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a=1 1", "b=1 1", "c=1 1", "d=1 1", "linked=1 1"}, contents(set)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"dangling.yaml ! cannot be read: no such file or directory"}, f.messages(set)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestReadNamedFiles(t *testing.T) {
	f := newFolder(t)
	f.write("manifest.txt", configMap("a", "1"))
	f.write(".hidden", configMap("b", "1"))
	f.check(syscall.Mkfifo(f.join("pipe"), 0o600))
	go f.write("pipe", configMap("c", "1"))

	set, err := Read([]string{f.join("manifest.txt"), f.join(".hidden"), f.join("pipe"), Stdin}, strings.NewReader(configMap("d", "1")+"x: y\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a=1 1", "b=1 1", "c=1 1", "d=1 1"}, contents(set)); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"stdin:1 unknown fields, ignored: x"}, f.messages(set)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestPathsThatCannotBeRead(t *testing.T) {
	f := newFolder(t)
	f.write("good.yaml", configMap("a", "1"))
	f.check(syscall.Mkfifo(f.join("pipe"), 0o600))

	_, err := Read([]string{f.join("good.yaml"), f.join("missing"), f.join("also-missing")}, nil)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/missing") || !strings.Contains(err.Error(), "/also-missing") {
		t.Errorf("got %v, want both paths named", err)
	}
	if _, err := Read([]string{Stdin}, nil); err == nil {
		t.Error("read a standard input that is not there")
	}
	for _, path := range []string{Stdin, f.join("pipe"), f.join("missing")} {
		if _, err := Open([]string{path}); err == nil {
			t.Errorf("opened %s to be watched", path)
		}
	}
}

func TestLaterPathWins(t *testing.T) {
	f := newFolder(t)
	f.write("a/routes.yaml", documents(configMap("x", "first"), configMap("w", "only")))
	f.write("b/routes.yaml", documents("# comment\n"+configMap("x", "second")))
	for _, tt := range []struct{ order, want, problem string }{
		{"a b", "x=second 1", "b/routes.yaml:2 stands twice: this one counts, the one at a/routes.yaml:1 does not"},
		{"b a", "x=first 1", "a/routes.yaml:1 stands twice: this one counts, the one at b/routes.yaml:2 does not"},
	} {
		first, second, _ := strings.Cut(tt.order, " ")
		set, err := Read([]string{f.join(first), f.join(second)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"w=only 1", tt.want}, contents(set)); diff != "" {
			t.Errorf("%s: objects (-want +got):\n%s", tt.order, diff)
		}
		if diff := cmp.Diff([]string{tt.problem}, f.messages(set)); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", tt.order, diff)
		}
	}
}

// What is not edited is the same pointer, wherever it moves to.
func TestUneditedObjectsKeepTheirPointers(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", documents(configMap("x", "1"), configMap("w", "1"), configMap("z", "1")))
	s := open(t, f.path)
	pointer := func(name string) *corev1.ConfigMap {
		c, _ := resource.Get[*corev1.ConfigMap](s.Set(), "default", name)
		return c
	}
	x, w, z := pointer("x"), pointer("w"), pointer("z")

	edits := []struct {
		name  string
		files map[string]string
	}{
		{"nothing", map[string]string{}},
		{"another document", map[string]string{"a.yaml": documents(configMap("x", "1"), configMap("w", "2"), configMap("z", "1"))}},
		{"lines in front", map[string]string{"a.yaml": documents("# hello\n\n", configMap("new", "1"), configMap("x", "1"), configMap("z", "1"))}},
		{"form", map[string]string{"a.yaml": documents("kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: x # here\ndata:\n  text: '1'\n", configMap("z", "1"))}},
		{"List", map[string]string{"a.yaml": `{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"text": "1"}}]}`, "z.yaml": configMap("z", "1")}},
		{"other files", map[string]string{"a.yaml": "# moved\n", "b.yaml": configMap("z", "1"), "z.yaml": configMap("x", "1")}},
		{"a field that is not known", map[string]string{"b.yaml": configMap("z", "1") + "extra: 1\n"}},
		{"and its line", map[string]string{"b.yaml": "# more\n" + configMap("z", "1") + "extra: 1\n"}},
	}
	for _, edit := range edits {
		for name, text := range edit.files {
			f.write(name, text)
		}
		again(t, s)
		if pointer("x") != x || pointer("z") != z {
			t.Errorf("edit of %s made a new object of another", edit.name)
		}
		if pointer("w") == w && edit.name != "nothing" {
			t.Errorf("edit of %s left the edited object", edit.name)
		}
	}
	if s.Set().Problems()[0].Source != f.join("b.yaml")+":2" {
		t.Errorf("problems are %q, want the line where the document stands now", f.messages(s.Set()))
	}
}

func TestNoChangeNoNewSet(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", documents(configMap("x", "1"), configMap("x", "1"), "broken: ["))
	s := open(t, f.path)
	set := s.Set()
	f.replace("a.yaml", documents(configMap("x", "1"), configMap("x", "1"), "broken: ["))
	if again(t, s) != set {
		t.Errorf("problems were %q, now are %q", f.messages(set), f.messages(s.Set()))
	}
}

func TestGenerations(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", configMap("x", "1"))
	s := open(t, f.path)
	steps := []struct{ name, text, want string }{
		{"content", configMap("x", "2"), "x=2 2"},
		{"content again", configMap("x", "3"), "x=3 3"},
		{"back to what it was", configMap("x", "1"), "x=1 4"},
		{"labels", strings.Replace(configMap("x", "1"), "name: x", "name: x, labels: {a: b}", 1), "x=1 4"},
		{"status", configMap("x", "1") + "status: {a: b}\n", "x=1 4"},
		{"content after labels", configMap("x", "5"), "x=5 5"},
		{"generation that is given and higher", strings.Replace(configMap("x", "6"), "name: x", "name: x, generation: 40", 1), "x=6 40"},
		{"generation that is given and lower", strings.Replace(configMap("x", "7"), "name: x", "name: x, generation: 2", 1), "x=7 41"},
	}
	for _, step := range steps {
		f.write("a.yaml", step.text)
		old, _ := resource.Get[*corev1.ConfigMap](s.Set(), "default", "x")
		before := old.DeepCopy()
		if diff := cmp.Diff([]string{step.want}, contents(again(t, s))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(before, old); diff != "" {
			t.Errorf("%s changed an object that was handed out (-want +got):\n%s", step.name, diff)
		}
	}

	// Of two objects with one key the other gets its turn.
	f.write("b.yaml", configMap("x", "8"))
	again(t, s)
	f.remove("b.yaml")
	if diff := cmp.Diff([]string{"x=7 43"}, contents(again(t, s))); diff != "" {
		t.Errorf("after the second object went (-want +got):\n%s", diff)
	}
	// Who comes back after having been away starts anew, as in a cluster.
	f.remove("a.yaml")
	again(t, s)
	f.write("a.yaml", configMap("x", "9"))
	if diff := cmp.Diff([]string{"x=9 1"}, contents(again(t, s))); diff != "" {
		t.Errorf("after it was away (-want +got):\n%s", diff)
	}
}
