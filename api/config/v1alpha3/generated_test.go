package v1alpha3_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "../../.."

// TestGenerated: "make generate" would change nothing.
func TestGenerated(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Makefile", "go.mod", "go.sum"} {
		put(t, filepath.Join(dir, name), read(t, filepath.Join(module, name)))
	}
	if err := os.CopyFS(filepath.Join(dir, "api"), os.DirFS(filepath.Join(module, "api"))); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "make", "-C", dir, "generate")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("make generate: %v\n%s", err, output)
	}
	generated := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, dir+"/")
		if err != nil || entry.IsDir() || !strings.Contains(name, "zz_generated") && !strings.HasPrefix(name, "charts/") {
			return err
		}
		generated++
		if diff := cmp.Diff(read(t, filepath.Join(module, name)), read(t, path)); diff != "" {
			t.Errorf("%s is not up to date, run make generate (-file +generated):\n%s", name, diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if generated < 4 {
		t.Errorf("%d files were generated, want copies of three versions and a definition", generated)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
