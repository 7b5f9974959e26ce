// Package internal_test holds the tests of the repository's shape: which package
// may import which, how long things may be, and that documents and examples say
// what is so. It tests no behaviour.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// root is the repository, seen from this directory.
const root = ".."

// modulePath starts the import paths of our own packages.
const modulePath = "fsm/"

// listed is a package as go list shows it.
type listed struct {
	ImportPath string
	Dir        string
	Name       string
	Standard   bool
	GoFiles    []string
	Imports    []string
	Deps       []string
	// XTestGoFiles and TestGoFiles tell packages that have tests only.
	TestGoFiles, XTestGoFiles []string
}

// path is the import path without the module's.
func (p *listed) path() string { return strings.TrimPrefix(p.ImportPath, modulePath) }

// list asks go for our packages and everything that they are built from.
var list = sync.OnceValues(func() (map[string]*listed, error) {
	cmd := exec.Command("go", "list", "-deps",
		"-json=ImportPath,Dir,Name,Standard,GoFiles,Imports,Deps,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.New(stderr.String())
	}
	packages := map[string]*listed{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		switch err := decoder.Decode(p); {
		case err == io.EOF:
			return packages, nil
		case err != nil:
			return nil, err
		}
		packages[p.ImportPath] = p
	}
})

func packages(t *testing.T) map[string]*listed {
	t.Helper()
	all, err := list()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return all
}

// own are the packages of this module that are not tests only.
func own(t *testing.T) []*listed {
	t.Helper()
	var list []*listed
	for _, p := range packages(t) {
		if strings.HasPrefix(p.ImportPath, modulePath) && len(p.GoFiles) > 0 {
			list = append(list, p)
		}
	}
	if len(list) < 20 {
		t.Fatalf("found %d packages of this module, that cannot be all", len(list))
	}
	return list
}

// source is a parsed file. Its path is relative to the repository.
type source struct {
	path string
	file *ast.File
	set  *token.FileSet
	text string
}

func (s *source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s *source) line(p token.Pos) int { return s.set.Position(p).Line }

// sources parses every Go file of the repository that a person wrote.
var sources = sync.OnceValues(func() ([]*source, error) {
	var all []*source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
				return fs.SkipDir
			}
			return nil
		} else if !strings.HasSuffix(name, ".go") {
			return nil
		}
		s, err := parse(path)
		if err == nil && !ast.IsGenerated(s.file) {
			all = append(all, s)
		}
		return err
	})
	return all, err
})

func parse(path string) (*source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, path)
	return &source{path: filepath.ToSlash(rel), file: file, set: set, text: string(text)}, err
}

// files are the sources below a directory.
func files(t *testing.T, dir string) []*source {
	t.Helper()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	var list []*source
	for _, s := range all {
		if dir == "" || strings.HasPrefix(s.path, dir+"/") {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		t.Fatalf("no Go files below %q", dir)
	}
	return list
}
