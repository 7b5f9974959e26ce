package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Store is a directory with images: blobs by their digests, and what names refer
// to.
type Store struct {
	dir string
}

// descriptor refers to a blob, as the OCI image specification has it.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
)

// Open returns the store in a directory, which it makes if it is not there.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir}
	for _, d := range []string{s.blobs(), s.names()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("make directory for images: %w", err)
		}
	}
	return s, nil
}

func (s *Store) blobs() string { return filepath.Join(s.dir, "blobs") }
func (s *Store) names() string { return filepath.Join(s.dir, "names") }

// blob is the path of a blob, which is there or not.
func (s *Store) blob(digest string) (string, error) {
	sum, ok := strings.CutPrefix(digest, "sha256:")
	if _, err := hex.DecodeString(sum); !ok || err != nil || len(sum) != 2*sha256.Size {
		return "", fmt.Errorf("digest %q is not a SHA-256 one", digest)
	}
	return filepath.Join(s.blobs(), sum), nil
}

// put stores a blob and returns its digest.
func (s *Store) put(r io.Reader) (digest string, size int64, err error) {
	f, err := os.CreateTemp(s.dir, ".blob-")
	if err != nil {
		return "", 0, fmt.Errorf("store blob: %w", err)
	}
	defer os.Remove(f.Name()) // after the rename there is nothing left to remove
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(f, h), r)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", 0, fmt.Errorf("store blob: %w", err)
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if err := os.Rename(f.Name(), filepath.Join(s.blobs(), sum)); err != nil {
		return "", 0, fmt.Errorf("store blob: %w", err)
	}
	return "sha256:" + sum, size, nil
}

// putJSON stores a value as a blob, and describes it.
func (s *Store) putJSON(mediaType string, value any) (descriptor, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return descriptor{}, fmt.Errorf("encode %s: %w", mediaType, err)
	}
	digest, size, err := s.put(bytes.NewReader(text))
	return descriptor{MediaType: mediaType, Digest: digest, Size: size}, err
}

// name makes a name refer to an image from now on.
func (s *Store) name(name string, image descriptor) error {
	image.Annotations = nil
	text, err := json.Marshal(image)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	f, err := os.CreateTemp(s.dir, ".name-")
	if err != nil {
		return fmt.Errorf("store name %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("store name %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), filepath.Join(s.names(), url.PathEscape(name))); err != nil {
		return fmt.Errorf("store name %s: %w", name, err)
	}
	return nil
}

// named finds what a whole name refers to.
func (s *Store) named(name string) (descriptor, error) {
	text, err := os.ReadFile(filepath.Join(s.names(), url.PathEscape(name)))
	if err != nil {
		return descriptor{}, fmt.Errorf("find image %s: %w", name, err)
	}
	var d descriptor
	if err := json.Unmarshal(text, &d); err != nil {
		return descriptor{}, fmt.Errorf("read name %s: %w", name, err)
	}
	return d, nil
}

// WholeName adds what people leave out of the name of an image, as container
// engines do: Docker Hub, its path for images without one, the tag.
func WholeName(short string) string {
	first, _, hasPath := strings.Cut(short, "/")
	switch {
	case !hasPath:
		short = "docker.io/library/" + short
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		short = "docker.io/" + short
	}
	if !strings.Contains(short[strings.LastIndexByte(short, '/'):], ":") {
		short += ":latest"
	}
	return short
}
