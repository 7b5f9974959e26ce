package oci

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Epoch is the time of everything in an image.
var Epoch = time.Unix(0, 0).UTC()

// Nonroot is the user, and the group, that programs run as that need no rights.
const Nonroot = "65532"

// NonrootPasswd is the list of users of an image that has no other.
var NonrootPasswd = File{Name: "etc/passwd", Mode: 0o644, Content: []byte("nonroot:x:" + Nonroot + ":" + Nonroot + "::/:/sbin/nologin\n")}

// File is a file of an image. The directories that it is in come by themselves.
type File struct {
	// Name is its path, without the slash at the beginning. That of a directory, for
	// one with a mode of its own or with nothing in it, ends with a slash.
	Name string
	// Mode is its permission bits.
	Mode int64
	// Content is what is in it.
	Content []byte
	// Link makes it a symbolic link, to this path.
	Link string
}

// Image is an image for one architecture.
type Image struct {
	Arch   string
	Config v1.Config
	Files  []File
}

// build makes the image of its only layer and its configuration.
func (i Image) build() (v1.Image, error) {
	data, err := i.layer()
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
	made, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("list layers: %w", err)
	}
	return mutate.ConfigFile(image, &v1.ConfigFile{
		Architecture: i.Arch, OS: "linux", Created: v1.Time{Time: Epoch}, RootFS: made.RootFS, Config: i.Config,
	})
}

// layer archives the files, each directory before what is in it.
func (i Image) layer() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	done := map[string]bool{".": true}
	for _, f := range i.Files {
		for _, dir := range missing(done, path.Dir(path.Clean(f.Name))) {
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: Epoch, Format: tar.FormatUSTAR}); err != nil {
				return nil, fmt.Errorf("archive %s: %w", dir, err)
			}
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Name, Mode: f.Mode, Size: int64(len(f.Content)), ModTime: Epoch, Format: tar.FormatUSTAR}
		switch {
		case strings.HasSuffix(f.Name, "/"):
			h.Typeflag = tar.TypeDir
			done[path.Clean(f.Name)] = true
		case f.Link != "":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("archive %s: %w", f.Name, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, fmt.Errorf("archive %s: %w", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return b.Bytes(), nil
}

// missing are the directories on the way to dir, and itself, that are not done
// yet, outermost first. It counts them as done.
func missing(done map[string]bool, dir string) []string {
	var dirs []string
	for ; !done[dir]; dir = path.Dir(dir) {
		done[dir] = true
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs)
	return dirs
}
