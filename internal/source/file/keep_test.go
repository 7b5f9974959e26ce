package file

import (
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A file that cannot be used as it is must not take traffic down. Each case is a
// series of edits of one file that first holds p, q and r.
func TestLastGoodVersionStays(t *testing.T) {
	type edit struct {
		text     string
		want     []string
		problems []string
	}
	good := documents(configMap("p", "1"), configMap("q", "1"), configMap("r", "1"))
	all := []string{"p=1 1", "q=1 1", "r=1 1"}
	const stays = "a.yaml the last good version stays in use: "
	tests := []struct {
		name  string
		edits []edit
	}{
		{"half written", []edit{
			{
				text:     documents(configMap("p", "2"), "apiVersion: v1\nkind: {Conf"),
				want:     []string{"p=2 2", "q=1 1", "r=1 1"},
				problems: []string{"a.yaml:6 ! line 7: did not find expected ',' or '}'", stays + "ConfigMap default/q, ConfigMap default/r"},
			},
			{text: documents(configMap("p", "2"), configMap("q", "2"), configMap("r", "1")), want: []string{"p=2 2", "q=2 2", "r=1 1"}},
		}},
		{"emptied, then written", []edit{
			{text: "", want: all, problems: []string{"a.yaml ! file is empty; to remove its objects, delete it or leave a comment in it", stays + "ConfigMap default/p, ConfigMap default/q, ConfigMap default/r"}},
			{text: "\n", want: all, problems: []string{"a.yaml ! file is empty; to remove its objects, delete it or leave a comment in it", stays + "ConfigMap default/p, ConfigMap default/q, ConfigMap default/r"}},
			{text: configMap("p", "2"), want: []string{"p=2 2"}},
		}},
		{"a document removed", []edit{
			{text: documents(configMap("p", "1"), configMap("r", "1")), want: []string{"p=1 1", "r=1 1"}},
		}},
		{"all documents removed", []edit{{text: "# nothing left\n"}}},
		{"an object that breaks a rule", []edit{
			{
				text:     documents(configMap("p", "1"), strings.Replace(configMap("q", "2"), "\ndata: {", "\ndata: {a: 1, ", 1)),
				want:     []string{"p=1 1", "q=1 1"},
				problems: []string{"a.yaml:6 ! data: must be of type string, not number", stays + "ConfigMap default/q"},
			},
			{
				text:     documents(configMap("p", "2"), strings.Replace(configMap("q", "2"), "\ndata: {", "\ndata: {a: 1, ", 1)),
				want:     []string{"p=2 2", "q=1 1"},
				problems: []string{"a.yaml:6 ! data: must be of type string, not number", stays + "ConfigMap default/q"},
			},
			{text: configMap("p", "2"), want: []string{"p=2 2"}},
		}},
		{"something that never was an object does not keep what is removed later", []edit{
			{text: documents(good, "values: 1\n"), want: all, problems: []string{"a.yaml:16 ! no Kubernetes object: apiVersion and kind are required"}},
			{text: documents(configMap("p", "1"), "values: 1\n"), want: []string{"p=1 1"}, problems: []string{"a.yaml:6 ! no Kubernetes object: apiVersion and kind are required"}},
		}},
		{"what was kept stays while the file is broken", []edit{
			{
				text:     documents(configMap("p", "1"), "kind: {"),
				want:     all,
				problems: []string{"a.yaml:6 ! line 6: did not find expected node content", stays + "ConfigMap default/q, ConfigMap default/r"},
			},
			{
				text:     documents(configMap("p", "2"), "kind: {"),
				want:     []string{"p=2 2", "q=1 1", "r=1 1"},
				problems: []string{"a.yaml:6 ! line 6: did not find expected node content", stays + "ConfigMap default/q, ConfigMap default/r"},
			},
			{text: configMap("p", "2"), want: []string{"p=2 2"}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFolder(t)
			f.write("a.yaml", good)
			s := open(t, f.path)
			for i, edit := range tt.edits {
				f.write("a.yaml", edit.text)
				set := again(t, s)
				if diff := cmp.Diff(edit.want, contents(set)); diff != "" {
					t.Errorf("edit %d: objects (-want +got):\n%s", i, diff)
				}
				if diff := cmp.Diff(edit.problems, f.messages(set)); diff != "" {
					t.Errorf("edit %d: problems (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// An object may move out of a file that is broken.
func TestKeptObjectsGiveWay(t *testing.T) {
	f := newFolder(t)
	f.write("z.yaml", configMap("p", "1"))
	s := open(t, f.path)
	f.write("z.yaml", "broken: [")
	f.write("a.yaml", configMap("p", "2"))
	if diff := cmp.Diff([]string{"p=2 2"}, contents(again(t, s))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDeletedFiles(t *testing.T) {
	f := newFolder(t)
	f.write("dir/a.yaml", configMap("p", "1"))
	f.write("b.yaml", configMap("q", "1"))
	s := open(t, f.join("dir"), f.join("b.yaml"))
	f.remove("dir")
	f.remove("b.yaml")
	if err := s.refresh(nil); err == nil {
		t.Error("no error for paths that are gone")
	}
	if got := contents(s.Set()); len(got) != 0 {
		t.Errorf("set still holds %q", got)
	}
	want := []string{"dir ! cannot be read: no such file or directory", "b.yaml ! cannot be read: no such file or directory"}
	if diff := cmp.Diff(want, f.messages(s.Set())); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// A file that is there but cannot be read is no reason to drop its objects.
func TestUnreadableFiles(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", configMap("p", "1"))
	f.write("dir/b.yaml", configMap("q", "1"))
	s := open(t, f.join("a.yaml"), f.join("dir"))
	f.remove("a.yaml")
	f.check(syscall.Mkfifo(f.join("a.yaml"), 0o600))
	// A link that leads to itself stands for a disk that fails: something is there,
	// but nobody can tell what.
	f.remove("dir")
	f.link("dir", "dir")
	if err := s.refresh(nil); err == nil {
		t.Error("no error for paths that cannot be read")
	}
	if diff := cmp.Diff([]string{"p=1 1", "q=1 1"}, contents(s.Set())); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if n := len(s.Set().Problems()); n != 5 {
		t.Errorf("got %d problems: %q", n, f.messages(s.Set()))
	}
}
