package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestBuild: the archive is a valid OCI layout with an image for each
// architecture that runs one program as a user without privileges, and the same
// source makes the same bytes.
func TestBuild(t *testing.T) {
	b := builder{root: "../..", out: t.TempDir(), registry: "flomesh", version: "1.2.3", arches: []string{"amd64", "arm64"}}
	path, err := b.build(t.Context(), "fsm-proxy")
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := unpack(t, first)
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(top); err != nil {
		t.Error(err)
	}
	manifest, err := top.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "flomesh/fsm-proxy:1.2.3" {
		t.Fatalf("got %+v, %v", manifest, err)
	}
	index, err := top.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	images, err := index.IndexManifest()
	if err != nil || len(images.Manifests) != 2 {
		t.Fatalf("got %+v, %v", images, err)
	}
	for i, arch := range b.arches {
		image, err := index.Image(images.Manifests[i].Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil || config.Architecture != arch || config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != "/fsm-proxy" {
			t.Errorf("%s: got %+v, %v", arch, config, err)
		}
		checkBOM(t, filepath.Join(b.out, "fsm-proxy-"+arch+".spdx.json"))
	}
	if path, err = b.build(t.Context(), "fsm-proxy"); err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(path); err != nil || !bytes.Equal(first, second) {
		t.Errorf("a second build made other bytes, %v", err)
	}
}

func checkBOM(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "pkg:golang/stdlib@go1") || len(d.Packages) < 10 || len(d.Relationships) != len(d.Packages) {
		t.Errorf("%s has %d packages, %d relationships", path, len(d.Packages), len(d.Relationships))
	}
}

func unpack(t *testing.T, archive []byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(name, 0o755)
		} else {
			var content []byte
			if content, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(name, content, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
