package oci

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// WholeName adds to the name of an image what it leaves out: the registry, the
// path for images without one, and the tag.
func WholeName(short string) (string, error) {
	tag, err := name.NewTag(short)
	if err != nil {
		return "", fmt.Errorf("name of image: %w", err)
	}
	// The library has the name of Docker Hub's server, everybody else writes docker.io.
	registry := tag.RegistryStr()
	if registry == name.DefaultRegistry {
		registry = "docker.io"
	}
	return registry + "/" + tag.RepositoryStr() + ":" + tag.TagStr(), nil
}

// Write writes an archive of an image under all of its names. The images are the
// same one for different architectures.
func Write(path string, names []string, images ...Image) (err error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, i := range images {
		image, err := i.build()
		if err != nil {
			return fmt.Errorf("image for %s: %w", i.Arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{Architecture: i.Arch, OS: "linux"}},
		})
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".layout-")
	if err != nil {
		return fmt.Errorf("make directory for layout: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := writeLayout(dir, index, names); err != nil {
		return err
	}
	// Into its place only when it is whole: others may be waiting for the file.
	fresh := dir + ".part"
	if err := archive(fresh, dir); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return os.Rename(fresh, path)
}

// writeLayout writes an OCI image layout with one image under several names.
func writeLayout(dir string, index v1.ImageIndex, names []string) error {
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write layout: %w", err)
	}
	if err := l.WriteIndex(index); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	for _, short := range names {
		whole, err := WholeName(short)
		if err != nil {
			return err
		}
		d, err := partial.Descriptor(index)
		if err != nil {
			return fmt.Errorf("describe image: %w", err)
		}
		// "ctr image import" looks at the first of them, everybody else at the second.
		d.Annotations = map[string]string{"io.containerd.image.name": whole, "org.opencontainers.image.ref.name": whole}
		if err := l.AppendDescriptor(*d); err != nil {
			return fmt.Errorf("name image %s: %w", whole, err)
		}
	}
	return nil
}

// archive puts what is in a directory into a new tar file, in the order of the
// names.
func archive(to, dir string) (err error) {
	f, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("make archive: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))
		if d.IsDir() {
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: rel + "/", Mode: 0o755, ModTime: Epoch, Format: tar.FormatUSTAR})
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: rel, Mode: 0o644, Size: int64(len(content)), ModTime: Epoch, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return fmt.Errorf("archive layout: %w", err)
	}
	return w.Close()
}
