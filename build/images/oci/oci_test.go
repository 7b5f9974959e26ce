package oci

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"fsm/build/images/oci/ocitest"
)

// TestWrite: what is written is a valid layout, has an entry for every name, and
// the same bytes the second time.
func TestWrite(t *testing.T) {
	image := Image{
		Arch: "amd64", Config: v1.Config{Entrypoint: []string{"/usr/bin/program"}},
		Files: []File{
			{Name: "usr/bin/program", Mode: 0o755, Content: []byte("program")},
			{Name: "usr/bin/other", Link: "program"},
			NonrootPasswd,
		},
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	var first []byte
	for range 2 {
		if err := Write(path, []string{"flomesh/one:1", "registry.example.com/two:2"}, image); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, written) {
			t.Error("the second archive differs from the first")
		}
		first = written
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	var names []string
	for _, image := range ocitest.Read(t, path) {
		names = append(names, image.Name)
	}
	if diff := cmp.Diff([]string{"docker.io/flomesh/one:1", "registry.example.com/two:2"}, names); diff != "" {
		t.Error(diff)
	}
}

// TestLayer: directories come before what is in them, once.
func TestLayer(t *testing.T) {
	data, err := Image{Files: []File{
		{Name: "a/b/c", Mode: 0o755, Content: []byte("text")}, {Name: "a/b/d", Link: "c"}, {Name: "e", Mode: 0o600},
		{Name: "a/tmp/", Mode: 0o777}, {Name: "a/tmp/f", Mode: 0o644},
	}}.layer()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimSuffix(h.FileInfo().Mode().String()+" "+h.Name+" "+h.Linkname, " "))
	}
	want := []string{"drwxr-xr-x a/", "drwxr-xr-x a/b/", "-rwxr-xr-x a/b/c", "Lrwxrwxrwx a/b/d c", "-rw------- e", "drwxrwxrwx a/tmp/", "-rw-r--r-- a/tmp/f"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWholeName(t *testing.T) {
	for short, want := range map[string]string{
		"flomesh/fsm-proxy:1.0":     "docker.io/flomesh/fsm-proxy:1.0",
		"busybox":                   "docker.io/library/busybox:latest",
		"curlimages/curl":           "docker.io/curlimages/curl:latest",
		"registry.k8s.io/a/b/c:v1":  "registry.k8s.io/a/b/c:v1",
		"localhost:5000/flomesh/x":  "localhost:5000/flomesh/x:latest",
		"docker.io/flomesh/pipy:v1": "docker.io/flomesh/pipy:v1",
	} {
		if got, err := WholeName(short); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", short, got, err, want)
		}
	}
	if got, err := WholeName("Not A Name"); err == nil {
		t.Errorf("got %q for what is no name", got)
	}
}
