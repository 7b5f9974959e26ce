package registry_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/test/cluster/registry"
)

type object = map[string]any

// archive is an OCI archive in the making: the content of files by their names.
type archive map[string]string

func (a archive) blob(content string) (digest string) {
	sum := sha256.Sum256([]byte(content))
	digest = hex.EncodeToString(sum[:])
	a["blobs/sha256/"+digest] = content
	return "sha256:" + digest
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
)

// image adds an image with one layer and returns the digest of its manifest.
func (a archive) image(t *testing.T, layer string) string {
	return a.blob(encode(t, object{
		"schemaVersion": 2,
		"config":        object{"digest": a.blob("{}"), "size": 2},
		"layers":        []object{{"digest": a.blob(layer), "size": len(layer)}},
	}))
}

// list adds the index that says what is in the archive.
func (a archive) list(t *testing.T, images ...object) {
	a["index.json"] = encode(t, object{"schemaVersion": 2, "manifests": images})
}

func entry(digest, mediaType, name string) object {
	e := object{"digest": digest, "mediaType": mediaType}
	if name != "" {
		e["annotations"] = object{"org.opencontainers.image.ref.name": name}
	}
	return e
}

func (a archive) write(t *testing.T) (path string) {
	t.Helper()
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	for name, content := range a {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// server is a store and where it is served.
func server(t *testing.T) (*registry.Store, string) {
	t.Helper()
	s, err := registry.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web.URL + "/v2/"
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// An image for two architectures can be pulled from the registry that its name names,
// as containerd asks: by tag, then by the digests that come back.
func TestPull(t *testing.T) {
	a := archive{}
	amd, arm := a.image(t, "amd64 layer"), a.image(t, "arm64 layer")
	index := a.blob(encode(t, object{"manifests": []object{
		{"digest": amd, "mediaType": typeManifest, "platform": object{"architecture": "amd64"}},
		{"digest": arm, "mediaType": typeManifest, "platform": object{"architecture": "arm64"}},
	}}))
	a.list(t, entry(index, typeIndex, "ghcr.io/team/app:1"))
	store, url := server(t)
	names, err := store.Load(a.write(t))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"ghcr.io/team/app:1"}, names); d != "" {
		t.Errorf("names (-want +got):\n%s", d)
	}

	response, body := get(t, url+"team/app/manifests/1?ns=ghcr.io")
	if response.StatusCode != http.StatusOK || response.Header.Get("Docker-Content-Digest") != index ||
		response.Header.Get("Content-Type") != typeIndex || body != a["blobs/sha256/"+strings.TrimPrefix(index, "sha256:")] {
		t.Errorf("by tag: %s %v %s", response.Status, response.Header, body)
	}
	response, body = get(t, url+"team/app/manifests/"+arm+"?ns=ghcr.io")
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != typeManifest || !strings.Contains(body, "layers") {
		t.Errorf("by digest: %s %v %s", response.Status, response.Header, body)
	}
	if response, _ = get(t, url+"team/app/manifests/"+index); response.Header.Get("Content-Type") != typeIndex {
		t.Errorf("an index without a type in it is a %s", response.Header.Get("Content-Type"))
	}
	if _, body = get(t, url+"team/app/blobs/"+a.blob("arm64 layer")); body != "arm64 layer" {
		t.Errorf("the layer is %q", body)
	}
	if response, err := http.Head(url + "team/app/manifests/1?ns=ghcr.io"); err != nil || response.Header.Get("Docker-Content-Digest") != index {
		t.Errorf("head: %v, %v", response, err)
	}
	if response, _ := get(t, url); response.StatusCode != http.StatusOK {
		t.Errorf("whether this is a registry: %s", response.Status)
	}
}

func TestNotThere(t *testing.T) {
	store, url := server(t)
	a := archive{}
	a.list(t, entry(a.image(t, "layer"), typeManifest, "ghcr.io/team/app:1"))
	if _, err := store.Load(a.write(t)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"team/app/manifests/1?ns=quay.io":                           http.StatusNotFound,
		"team/app/manifests/2?ns=ghcr.io":                           http.StatusNotFound,
		"team/app/blobs/sha256:" + strings.Repeat("0", 64):          http.StatusNotFound,
		"team/app/blobs/sha256:..%2F..%2Fnames":                     http.StatusBadRequest,
		"team/app/blobs/md5:0":                                      http.StatusBadRequest,
		"team/app/manifests/..%2F..%2F..%2Fetc%2Fpasswd?ns=ghcr.io": http.StatusNotFound,
	} {
		response, body := get(t, url+path)
		if response.StatusCode != want || !json.Valid([]byte(body)) {
			t.Errorf("%s: %s, not %d: %s", path, response.Status, want, body)
		}
	}
	response, err := http.Post(url+"team/app/blobs/uploads/", "", nil)
	if err != nil || response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("push: %v, %v", response, err)
	}
}

func TestLoad(t *testing.T) {
	for name, test := range map[string]struct {
		archive func(*testing.T, archive)
		as      []string
		want    []string
		err     string
	}{
		"names are given": {
			archive: func(t *testing.T, a archive) { a.list(t, entry(a.image(t, "a"), typeManifest, "own:1")) },
			as:      []string{"b", "quay.io/c:2"},
			want:    []string{"docker.io/library/b:latest", "quay.io/c:2"},
		},
		"one image twice, by two names": {
			archive: func(t *testing.T, a archive) {
				image := a.image(t, "a")
				a.list(t, entry(image, typeManifest, "x:1"), entry(image, typeManifest, "x:2"))
			},
			want: []string{"docker.io/library/x:1", "docker.io/library/x:2"},
		},
		"several images": {
			archive: func(t *testing.T, a archive) {
				a.list(t, entry(a.image(t, "a"), typeManifest, "a:1"), entry(a.image(t, "b"), typeManifest, "b:1"))
			},
			want: []string{"docker.io/library/a:1", "docker.io/library/b:1"},
		},
		"one name for several images": {
			archive: func(t *testing.T, a archive) {
				a.list(t, entry(a.image(t, "a"), typeManifest, "a:1"), entry(a.image(t, "b"), typeManifest, "b:1"))
			},
			as:  []string{"c"},
			err: "several images",
		},
		"a tag is no name": {
			archive: func(t *testing.T, a archive) { a.list(t, entry(a.image(t, "a"), typeManifest, "latest")) },
			err:     "no names",
		},
		"a blob that is not what it is called": {
			archive: func(t *testing.T, a archive) {
				a.list(t, entry(a.image(t, "a"), typeManifest, "a:1"))
				a["blobs/sha256/"+strings.Repeat("0", 64)] = "x"
			},
			err: "has digest",
		},
		"no archive of images": {
			archive: func(_ *testing.T, a archive) { a["file"] = "x" },
			err:     "not an OCI archive",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := archive{}
			test.archive(t, a)
			store, _ := server(t)
			got, err := store.Load(a.write(t), test.as...)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, not one about %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("names (-want +got):\n%s", d)
			}
		})
	}
}

// A name refers to the image that was loaded last.
func TestLoadAgain(t *testing.T) {
	store, url := server(t)
	var last string
	for _, layer := range []string{"old", "new"} {
		a := archive{}
		last = a.image(t, layer)
		a.list(t, entry(last, typeManifest, "app:1"))
		if _, err := store.Load(a.write(t)); err != nil {
			t.Fatal(err)
		}
	}
	if response, _ := get(t, url+"library/app/manifests/1?ns=docker.io"); response.Header.Get("Docker-Content-Digest") != last {
		t.Error("the name refers to the old image")
	}
}

// The image of a program contains the program, to be started by its entry point.
func TestAddProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "built")
	if err := os.WriteFile(file, []byte("program"), 0o644); err != nil {
		t.Fatal(err)
	}
	store, url := server(t)
	if err := store.AddProgram("cluster.test/tool:1", registry.Program{File: file, Name: "tool", User: "65532"}); err != nil {
		t.Fatal(err)
	}
	_, text := get(t, url+"tool/manifests/1?ns=cluster.test")
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal([]byte(text), &manifest); err != nil || len(manifest.Layers) != 1 {
		t.Fatalf("the manifest is %s (%v)", text, err)
	}
	var config struct {
		Architecture string
		Config       struct {
			Entrypoint []string
			User       string
		}
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if _, text = get(t, url+"tool/blobs/"+manifest.Config.Digest); json.Unmarshal([]byte(text), &config) != nil {
		t.Fatalf("the configuration is %s", text)
	}
	if config.Architecture != runtime.GOARCH || strings.Join(config.Config.Entrypoint, " ") != "/tool" ||
		config.Config.User != "65532" || config.Rootfs.DiffIDs[0] != manifest.Layers[0].Digest {
		t.Errorf("the configuration is %s", text)
	}
	_, text = get(t, url+"tool/blobs/"+manifest.Layers[0].Digest)
	layer := tar.NewReader(strings.NewReader(text))
	header, err := layer.Next()
	if err != nil {
		t.Fatal(err)
	}
	if content, _ := io.ReadAll(layer); header.Name != "tool" || header.Mode != 0o755 || string(content) != "program" {
		t.Errorf("the layer has %s (%o) with %q", header.Name, header.Mode, content)
	}
}

func TestWholeName(t *testing.T) {
	for short, want := range map[string]string{
		"curl":                 "docker.io/library/curl:latest",
		"curl:8":               "docker.io/library/curl:8",
		"flomesh/pipy:1":       "docker.io/flomesh/pipy:1",
		"ghcr.io/a/b":          "ghcr.io/a/b:latest",
		"localhost/a":          "localhost/a:latest",
		"localhost:5000/a:1":   "localhost:5000/a:1",
		"registry.test:80/a/b": "registry.test:80/a/b:latest",
	} {
		if got := registry.WholeName(short); got != want {
			t.Errorf("%s is %s, not %s", short, got, want)
		}
	}
}
