package registry

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// Load stores the images of an OCI archive, for whatever architectures it has them,
// and returns the names that refer to them. These are the ones given, if the archive
// has one image, or else those that the archive itself has.
func (s *Store) Load(archive string, names ...string) ([]string, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	defer f.Close()
	images, err := s.unpack(tar.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", archive, err)
	}
	named, err := nameImages(images, names)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", archive, err)
	}
	var loaded []string
	for name, image := range named {
		if err := s.name(name, image); err != nil {
			return nil, err
		}
		loaded = append(loaded, name)
	}
	slices.Sort(loaded)
	return loaded, nil
}

// unpack stores the blobs of an archive and returns what its index lists.
func (s *Store) unpack(r *tar.Reader) ([]descriptor, error) {
	var index struct{ Manifests []descriptor }
	for {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean(header.Name)
		switch {
		case header.Typeflag != tar.TypeReg:
		case name == "index.json":
			if err := json.NewDecoder(r).Decode(&index); err != nil {
				return nil, fmt.Errorf("index.json: %w", err)
			}
		case strings.HasPrefix(name, "blobs/sha256/"):
			digest, _, err := s.put(r)
			if err != nil {
				return nil, err
			}
			if want := "sha256:" + path.Base(name); digest != want {
				return nil, fmt.Errorf("blob %s has digest %s", want, digest)
			}
		}
	}
	if len(index.Manifests) == 0 {
		return nil, errors.New("it has no images, or is not an OCI archive")
	}
	return index.Manifests, nil
}

// nameImages decides which names refer to which images.
func nameImages(images []descriptor, names []string) (map[string]descriptor, error) {
	named := map[string]descriptor{}
	for _, image := range images {
		if len(names) > 0 && image.Digest != images[0].Digest {
			return nil, errors.New("it has several images, which cannot all have the names given")
		}
		own := names
		if len(own) == 0 {
			own = ownNames(image)
		}
		for _, short := range own {
			name := WholeName(short)
			if other, ok := named[name]; ok && other.Digest != image.Digest {
				return nil, fmt.Errorf("it has two images with the name %s", name)
			}
			named[name] = image
		}
	}
	if len(named) == 0 {
		return nil, errors.New("its images have no names, and none was given")
	}
	return named, nil
}

// ownNames are the names of an image in its archive. What the specification calls
// the name of a reference may be the tag alone, which is of no use.
func ownNames(image descriptor) []string {
	var names []string
	for _, key := range []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"} {
		if name := image.Annotations[key]; strings.ContainsAny(name, "/:") {
			names = append(names, name)
		}
	}
	return names
}
