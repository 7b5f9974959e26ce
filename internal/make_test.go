package internal_test

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// TestFuzzTargets: make fuzz runs every fuzz target.
func TestFuzzTargets(t *testing.T) {
	makefile := strings.Fields(document(t, "Makefile"))
	found := 0
	for _, s := range files(t, "") {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !s.test() || !strings.HasPrefix(f.Name.Name, "Fuzz") {
				continue
			}
			found++
			if target := path.Dir(s.path) + ":" + f.Name.Name; !slices.Contains(makefile, target) {
				t.Errorf("Makefile: make fuzz does not run %s", target)
			}
		}
	}
	if found == 0 {
		t.Error("found no fuzz targets")
	}
}
