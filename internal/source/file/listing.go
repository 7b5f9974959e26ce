package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fsm/internal/resource"
)

// listing is which files there are, and where to look out for changes.
type listing struct {
	// files in order, by the name under which they were found.
	files []string
	// directories whose entries matter, by real path.
	directories map[string]bool
	// names are the last elements of the files' names.
	names    map[string]bool
	problems []resource.Problem
	// failures are about the paths that the user gave.
	failures []error

	// seen has the real paths of files and directories, so that none counts twice
	// and links in a circle end.
	seen map[string]bool
	// given are the paths that the user gave.
	given []string
	// before are the files of the last listing.
	before []*file
}

func newListing(given []string, before []*file) *listing {
	return &listing{
		directories: map[string]bool{}, names: map[string]bool{}, seen: map[string]bool{},
		given: given, before: before,
	}
}

// add lists a path that the user gave. Whatever kind of file stands there is
// taken, whatever its name.
func (l *listing) add(path string) {
	if path == Stdin {
		l.addFile(path, path)
		return
	}
	// Whoever replaces the path itself does it in this directory.
	l.watch(filepath.Dir(path))
	info, err := os.Stat(path)
	if err != nil {
		l.unreadable(path, err)
		return
	}
	l.addAny(path, info)
}

func (l *listing) addAny(path string, info fs.FileInfo) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		l.unreadable(path, err)
		return
	}
	if info.IsDir() {
		l.addDirectory(path, real)
		return
	}
	l.watch(filepath.Dir(real))
	l.addFile(path, real)
}

func (l *listing) addFile(path, real string) {
	l.names[filepath.Base(path)], l.names[filepath.Base(real)] = true, true
	if !l.seen[real] {
		l.seen[real] = true
		l.files = append(l.files, path)
	}
}

func (l *listing) addDirectory(path, real string) {
	if l.seen[real] {
		return
	}
	l.seen[real] = true
	l.directories[real] = true
	entries, err := os.ReadDir(path)
	if err != nil {
		l.unreadable(path, err)
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			l.addEntry(filepath.Join(path, entry.Name()), filepath.Join(real, entry.Name()), entry)
		}
	}
}

func (l *listing) addEntry(path, real string, entry fs.DirEntry) {
	switch {
	case entry.IsDir():
		l.addDirectory(path, real)
	case entry.Type().IsRegular() && hasObjects(path):
		l.addFile(path, real)
	case entry.Type()&fs.ModeSymlink != 0:
		info, err := os.Stat(path)
		if err != nil && hasObjects(path) {
			l.unreadable(path, err)
		}
		if err == nil && (info.IsDir() || info.Mode().IsRegular() && hasObjects(path)) {
			l.addAny(path, info)
		}
	}
}

// hasObjects tells by its name whether a file in a directory is meant to be read.
func hasObjects(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// watch looks out for changes in a directory, if there is one.
func (l *listing) watch(directory string) {
	if real, err := filepath.EvalSymlinks(directory); err == nil {
		l.directories[real] = true
	}
}

// unreadable reports a path. Unless it is known that nothing stands there any
// more, the files that stood there still count as being there: a disk that fails
// for a moment is no reason to drop routes.
func (l *listing) unreadable(path string, err error) {
	l.problems = append(l.problems, resource.Problem{Source: path, Refused: true, Message: "cannot be read: " + reason(err).Error()})
	if slices.Contains(l.given, path) {
		l.failures = append(l.failures, fmt.Errorf("read %s: %w", path, reason(err)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, f := range l.before {
		if f.path == path || strings.HasPrefix(f.path, path+string(filepath.Separator)) {
			l.addFile(f.path, f.path)
		}
	}
}

// reason is an error without the operation and path that the reader is told
// anyway.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
