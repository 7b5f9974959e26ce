package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fsm/build/images/oci/ocitest"
)

// TestBuild: the archive has an image for each architecture that runs one program
// as a user without privileges, and the same source makes the same bytes.
func TestBuild(t *testing.T) {
	b := builder{root: "../..", out: t.TempDir(), registry: "flomesh", version: "1.2.3", arches: []string{"amd64", "arm64"}}
	path, err := b.build(t.Context(), "fsm-proxy")
	if err != nil {
		t.Fatal(err)
	}
	images := ocitest.Read(t, path)
	if len(images) != 2 {
		t.Fatalf("the archive has %d images", len(images))
	}
	for i, arch := range b.arches {
		config, err := images[i].ConfigFile()
		if err != nil || config.Architecture != arch || config.Config.User != "65532:65532" || config.Config.Entrypoint[0] != "/fsm-proxy" {
			t.Errorf("%s: got %+v, %v", arch, config, err)
		}
		if want := "docker.io/flomesh/fsm-proxy:1.2.3"; images[i].Name != want {
			t.Errorf("%s: the image is called %s, want %s", arch, images[i].Name, want)
		}
		checkBOM(t, filepath.Join(b.out, "fsm-proxy-"+arch+".spdx.json"))
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
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
