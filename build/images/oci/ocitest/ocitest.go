// Package ocitest reads the archives of package oci in tests, by other code than
// that which wrote them. It is not for programs: it fails the test at what is wrong.
package ocitest

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// Image is one image of an archive, with the name of one of its entries.
type Image struct {
	Name string
	v1.Image
}

// Read returns all images of an archive, one for each name and architecture, in
// the order of the archive. It fails the test if the archive is not valid.
func Read(t *testing.T, path string) []Image {
	t.Helper()
	top, err := layout.ImageIndexFromPath(unpack(t, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(top); err != nil {
		t.Error(err)
	}
	names, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var images []Image
	for _, d := range names.Manifests {
		index, err := top.ImageIndex(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		arches, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range arches.Manifests {
			image, err := index.Image(a.Digest)
			if err != nil {
				t.Fatal(err)
			}
			images = append(images, Image{d.Annotations["org.opencontainers.image.ref.name"], image})
		}
	}
	return images
}

func unpack(t *testing.T, path string) (dir string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir = t.TempDir()
	for r := tar.NewReader(f); ; {
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
