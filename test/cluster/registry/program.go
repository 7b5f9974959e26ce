package registry

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"runtime"
)

// Program is a static program that is to be an image, with nothing else in it.
type Program struct {
	// File is where the program is; in the image it is /NAME.
	File, Name string
	// User is the name or number of the user, 0 if empty.
	User string
}

// AddProgram stores an image of a program under a name.
func (s *Store) AddProgram(image string, p Program) error {
	layer, err := p.layer()
	if err != nil {
		return fmt.Errorf("make image %s: %w", image, err)
	}
	digest, size, err := s.put(bytes.NewReader(layer))
	if err != nil {
		return err
	}
	config, err := s.putJSON(typeConfig, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/" + p.Name}, "User": p.User},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := s.putJSON(typeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest, "config": config,
		"layers": []descriptor{{MediaType: typeLayer, Digest: digest, Size: size}},
	})
	if err != nil {
		return err
	}
	return s.name(WholeName(image), manifest)
}

func (p Program) layer() ([]byte, error) {
	content, err := os.ReadFile(p.File)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: p.Name, Mode: 0o755, Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	return layer.Bytes(), w.Close()
}
