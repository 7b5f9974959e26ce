package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"fsm/internal/resource"
)

// maxNamed bounds the bytes of a file that an object names, which is a certificate
// or a key.
const maxNamed = 1 << 20

// readNamed adds the files that objects name to the objects. Relative paths are seen
// from where the process was started.
func (s *Source) readNamed(objects map[resource.Key]resource.Object) {
	named := map[string]*resource.File{}
	for _, o := range objects {
		for _, path := range resource.FilesOf(o) {
			named[path] = readFile(path)
		}
	}
	for path, f := range named {
		key := resource.Key{Name: path}
		objects[key] = succeed(s.objects[key], f)
	}
	s.named = named
}

// namedChanged tells whether one of the files says something else than before.
func (s *Source) namedChanged() bool {
	for path, before := range s.named {
		if now := readFile(path); now.Problem != before.Problem || string(now.Content) != string(before.Content) {
			return true
		}
	}
	return false
}

func readFile(path string) *resource.File {
	content, err := readRegular(path)
	if err != nil {
		return resource.NewFile(path, nil, "cannot be read: "+reason(err).Error())
	}
	return resource.NewFile(path, content, "")
}

// readRegular reads a file, unless it is a named pipe, on which one could wait for
// ever, or far too long.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	case info.Size() > maxNamed:
		return nil, errors.New("is too long for a certificate or key")
	default:
		return os.ReadFile(path)
	}
}

// follow has the directory of a file that an object names watched, if there is one.
func (l *listing) follow(path string) {
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return
	}
	l.names[filepath.Base(path)] = true
	l.watch(filepath.Dir(path))
}
