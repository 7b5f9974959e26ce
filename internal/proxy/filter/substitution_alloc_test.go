//go:build !race

package filter_test

import (
	"testing"

	"fsm/internal/ir"
)

// TestRewriteAllocates holds the filter to what it says: package regexp allocates
// the positions of the groups, and nothing else does.
func TestRewriteAllocates(t *testing.T) {
	f := compileOne(t, &ir.Rewrite{Path: &ir.PathRewrite{Kind: ir.ReplaceMatch, Pattern: "^/httpbin/?", Value: "/", Query: true}})
	x := requestFor("", "")
	path, query := []byte("/httpbin/hi"), []byte("a=b")
	got := testing.AllocsPerRun(100, func() {
		x.Reset()
		x.Request.Path, x.Request.Query = path, query
		if err := f.Request(x); err != nil {
			t.Fatal(err)
		}
	})
	if got > 1 {
		t.Errorf("%v allocations for a request, want 1", got)
	}
}
