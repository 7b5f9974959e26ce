package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is the one that programs run as, without a name in the kernel's eyes.
const user = "65532"

// epoch is the time of everything in an image.
var epoch = time.Unix(0, 0).UTC()

// entry is a file of an image's only layer.
type entry struct {
	name    string
	mode    int64
	content []byte // nil for a directory
}

// image makes the image of a program for an architecture.
func (b *builder) image(program, arch, binary string) (v1.Image, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	data, err := layer([]entry{
		{"etc/", 0o755, nil},
		{"etc/passwd", 0o644, []byte("nonroot:x:" + user + ":" + user + "::/:/sbin/nologin\n")},
		{program, 0o755, content},
	})
	if err != nil {
		return nil, err
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("make layer: %w", err)
	}
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	if image, err = mutate.AppendLayers(image, l); err != nil {
		return nil, fmt.Errorf("add layer: %w", err)
	}
	return mutate.ConfigFile(image, &v1.ConfigFile{
		Architecture: arch, OS: "linux", Created: v1.Time{Time: epoch}, RootFS: rootFS(image),
		Config: v1.Config{
			Entrypoint: []string{"/" + program}, User: user + ":" + user, WorkingDir: "/",
			Labels: map[string]string{
				"org.opencontainers.image.title": program, "org.opencontainers.image.version": b.version,
			},
		},
	})
}

func rootFS(image v1.Image) v1.RootFS {
	config, err := image.ConfigFile()
	if err != nil {
		panic("images: an image in memory has a configuration: " + err.Error())
	}
	return config.RootFS
}

// layer makes an archive of files.
func layer(entries []entry) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.content)), ModTime: epoch, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if e.content == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("archive %s: %w", e.name, err)
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, fmt.Errorf("archive %s: %w", e.name, err)
		}
	}
	return b.Bytes(), w.Close()
}

func newIndex() v1.ImageIndex {
	return mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
}

func addImage(index v1.ImageIndex, image v1.Image, arch string) v1.ImageIndex {
	return mutate.AppendManifests(index, mutate.IndexAddendum{
		Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{Architecture: arch, OS: "linux"}},
	})
}

// writeArchive writes an OCI layout with one named image as an archive.
func writeArchive(path, dir string, index v1.ImageIndex, name string) error {
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write layout: %w", err)
	}
	if err := l.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name": "docker.io/" + name, "org.opencontainers.image.ref.name": name,
	})); err != nil {
		return fmt.Errorf("write layout: %w", err)
	}
	var entries []entry
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			entries = append(entries, entry{filepath.ToSlash(rel) + "/", 0o755, nil})
			return nil
		}
		content, err := os.ReadFile(path)
		entries = append(entries, entry{filepath.ToSlash(rel), 0o644, append([]byte{}, content...)})
		return err
	})
	if err != nil {
		return fmt.Errorf("read layout: %w", err)
	}
	// Directories come before what is in them.
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	data, err := layer(entries)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
