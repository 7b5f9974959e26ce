package internal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// exampleTests names for each directory of examples the package whose tests
// execute every file in it.
var exampleTests = map[string]string{
	"quickstart": "internal/cli",
	"gateway":    "test/behavior",
	"ingress":    "test/behavior",
	"istio":      "test/behavior",
}

// TestExamples: no example is without a test. The packages above look after the
// single files; this finds directories that nobody knows.
func TestExamples(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "examples"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		seen[e.Name()] = true
		by, ok := exampleTests[e.Name()]
		if !ok {
			t.Errorf("examples/%s: no test is known to execute it", e.Name())
		} else if !mentions(t, by, e.Name()) {
			t.Errorf("examples/%s: the tests of %s do not mention it", e.Name(), by)
		}
	}
	for name := range exampleTests {
		if !seen[name] {
			t.Errorf("there is no examples/%s", name)
		}
	}
}

// mentions reports whether a test or script of a package names an example.
func mentions(t *testing.T, dir, example string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".txtar") {
			return err
		}
		text, err := os.ReadFile(path)
		found = found || strings.Contains(string(text), "examples/"+example) || strings.Contains(string(text), `"examples", "`+example)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
