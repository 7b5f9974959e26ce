package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fsm/internal/resource"
	"fsm/internal/source/file"
)

// TestLocate: each object has the place of its document, and of two with one key
// it is that of the one that counts.
func TestLocate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	text := "apiVersion: v1\nkind: Service\nmetadata: {name: one}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: two}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	stdin := strings.NewReader("# again\napiVersion: v1\nkind: Service\nmetadata: {name: two}\n")
	set, places, err := file.Locate([]string{dir, file.Stdin}, stdin)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != 2 || len(places) != 2 {
		t.Errorf("there are %d objects at %v", set.Len(), places)
	}
	for name, want := range map[string]string{"one": path + ":1", "two": "stdin:2"} {
		if got := places[resource.Key{Kind: "Service", Namespace: "default", Name: name}]; got != want {
			t.Errorf("Service %s is at %s, want %s", name, got, want)
		}
	}
	if _, _, err := file.Locate([]string{filepath.Join(dir, "none.yaml")}, nil); err == nil {
		t.Error("a file that does not exist was read")
	}
}
