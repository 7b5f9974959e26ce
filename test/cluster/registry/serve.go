package registry

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"
)

// ServeHTTP answers those who pull.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "images are loaded otherwise", http.StatusMethodNotAllowed)
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	if repository, reference, ok := cutLast(rest, "/manifests/"); ok {
		s.serveManifest(w, r, repository, reference)
	} else if _, digest, ok := cutLast(rest, "/blobs/"); ok {
		s.serveBlob(w, r, descriptor{Digest: digest, MediaType: "application/octet-stream"})
	}
	// What is left is the question whether this is a registry.
}

// cutLast cuts around the last separator: repositories have slashes in their names.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+len(separator):], true
}

func (s *Store) serveManifest(w http.ResponseWriter, r *http.Request, repository, reference string) {
	if strings.HasPrefix(reference, "sha256:") {
		s.serveBlob(w, r, descriptor{Digest: reference, MediaType: s.manifestType(reference)})
		return
	}
	// containerd names the registry that it would have asked without us.
	host := r.URL.Query().Get("ns")
	if host == "" {
		host = r.Host
	}
	image, err := s.named(host + "/" + repository + ":" + reference)
	if err != nil {
		fail(w, err)
		return
	}
	s.serveBlob(w, r, image)
}

// manifestType finds out what a manifest is that nobody names. Those without a type
// in them differ by what they list.
func (s *Store) manifestType(digest string) string {
	path, err := s.blob(digest)
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	var content struct {
		MediaType string
		Manifests []json.RawMessage
	}
	if err := json.Unmarshal(text, &content); err != nil {
		return ""
	}
	switch {
	case content.MediaType != "":
		return content.MediaType
	case content.Manifests != nil:
		return typeIndex
	}
	return typeManifest
}

func (s *Store) serveBlob(w http.ResponseWriter, r *http.Request, d descriptor) {
	path, err := s.blob(d.Digest)
	if err != nil {
		fail(w, err)
		return
	}
	if _, err := os.Stat(path); err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", d.MediaType)
	w.Header().Set("Docker-Content-Digest", d.Digest)
	http.ServeFile(w, r, path)
}

// fail answers with an error in the form that the distribution specification has.
func fail(w http.ResponseWriter, err error) {
	status, code := http.StatusBadRequest, "DIGEST_INVALID"
	if errors.Is(err, fs.ErrNotExist) {
		status, code = http.StatusNotFound, "MANIFEST_UNKNOWN"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{
		"errors": []map[string]string{{"code": code, "message": err.Error()}},
	})
}
