package internal_test

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Budgets. What exceeds one has a sentence above that begins with "Long because".
const (
	maxFile     = 500
	maxFunction = 80
	maxMain     = 60
)

const excuse = "Long because "

func TestBudgets(t *testing.T) {
	for _, s := range files(t, "") {
		limit := maxFile
		if path.Base(s.path) == "main.go" && strings.HasPrefix(s.path, "cmd/") {
			limit = maxMain
		}
		if lines := strings.Count(s.text, "\n"); lines > limit && !excused(s) {
			t.Errorf("%s has %d lines, the budget is %d", s.path, lines, limit)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || strings.Contains(f.Doc.Text(), excuse) {
				continue
			}
			if lines := s.line(f.End()) - s.line(f.Pos()) + 1; lines > maxFunction {
				t.Errorf("%s:%d: %s has %d lines, the budget is %d", s.path, s.line(f.Pos()), f.Name.Name, lines, maxFunction)
			}
		}
	}
}

// excused reports whether a comment before the first declaration says why the
// file is long.
func excused(s *source) bool {
	for _, c := range s.file.Comments {
		if (len(s.file.Decls) == 0 || c.End() < s.file.Decls[0].Pos()) && strings.Contains(c.Text(), excuse) {
			return true
		}
	}
	return false
}

// vague names say nothing about what a package is for.
var vague = []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "types", "misc", "base", "shared", "lib"}

func TestPackageNames(t *testing.T) {
	for _, p := range own(t) {
		if slices.Contains(vague, p.Name) || slices.Contains(vague, path.Base(p.path())) {
			t.Errorf("%s: name the package after what it is about", p.path())
		}
	}
}

// sentenceEnd is where a sentence ends: "e.g." and "v1.7.0" have no capital
// letter behind.
var sentenceEnd = regexp.MustCompile(`[.!?]["')]*(\s+["'(\[]*[A-Z]|\s*$)`)

// TestPackageDocs: every package says why it exists and what it refuses to do,
// which takes more than one sentence.
func TestPackageDocs(t *testing.T) {
	docs := map[string]string{}
	for _, s := range files(t, "") {
		if !s.test() {
			docs[path.Dir(s.path)] += s.file.Doc.Text()
		}
	}
	for dir, doc := range docs {
		switch n := len(sentenceEnd.FindAllString(doc, -1)); {
		case doc == "":
			t.Errorf("%s has no package comment", dir)
		case n < 2:
			t.Errorf("%s has a package comment of %d sentence: say why it exists and what it does not do", dir, n)
		}
	}
}

// TestNoRegistration: what a program consists of is a list in one place, not the
// sum of what its packages do to each other before main.
func TestNoRegistration(t *testing.T) {
	for _, s := range files(t, "") {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s:%d: func init", s.path, s.line(f.Pos()))
			}
		}
	}
}
