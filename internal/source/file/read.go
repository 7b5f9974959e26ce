package file

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"fsm/internal/resource"
)

// maxFile bounds the bytes of a file.
const maxFile = 256 << 20

// restlessness is how long after a change a file may change again without
// another size or time stamp, given the clocks of file systems.
const restlessness = 2 * time.Second

// file is a file as it was read last.
type file struct {
	path string
	// info is from before reading; at is when that was.
	info fs.FileInfo
	at   time.Time
	// documents in order.
	documents []*document
	// kept are objects of an earlier reading that this one may have lost by
	// mistake.
	kept []placed
	// problems of the file as a whole.
	problems []resource.Problem
	// err is why the file could not be read.
	err error
}

// document is a document of a file and what it holds.
type document struct {
	sum    [sha256.Size]byte
	stream string
	// text is dropped once it is decoded.
	text     *resource.Document
	line     int
	objects  []resource.Object
	problems []resource.Problem
}

// placed is an object and where it stands.
type placed struct {
	object *resource.Object
	source string
}

// name is what problems call the file.
func (f *file) name() string {
	if f.path == Stdin {
		return "stdin"
	}
	return f.path
}

// objects lists the objects in the documents of a file, in order. What stands in
// their place may be replaced.
func (f *file) objects() []placed {
	var all []placed
	for _, d := range f.documents {
		for i := range d.objects {
			all = append(all, placed{&d.objects[i], d.stream + ":" + strconv.Itoa(d.line)})
		}
	}
	return all
}

// allProblems lists the problems of the documents of a file and of itself.
func (f *file) allProblems() []resource.Problem {
	var all []resource.Problem
	for _, d := range f.documents {
		all = append(all, d.problems...)
	}
	return append(all, f.problems...)
}

// load reads a file unless it is still the same, and finds the documents that
// changed. It returns nil when there is no file.
func (s *Source) load(path string, previous *file) *file {
	f := &file{path: path, at: time.Now()}
	text, err := s.read(f, previous)
	switch {
	case errors.Is(err, errUnchanged):
		return previous
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		f.err = reason(err)
		f.refuse("cannot be read: " + f.err.Error())
		return f
	}
	if len(bytes.TrimSpace(text)) == 0 && previous != nil && len(previous.objects())+len(previous.kept) > 0 {
		// Commands such as "generate > routes.yaml" empty the file first and write
		// when they are done.
		f.refuse("file is empty; to remove its objects, delete it or leave a comment in it")
		return f
	}
	f.split(text, previous)
	return f
}

func (f *file) refuse(message string) {
	f.problems = append(f.problems, resource.Problem{Source: f.name(), Refused: true, Message: message})
}

// errUnchanged ends the reading of a file that is as it was.
var errUnchanged = errors.New("file is unchanged")

func (s *Source) read(f, previous *file) ([]byte, error) {
	if f.path == Stdin {
		if s.stdin == nil {
			return nil, errors.New("there is no standard input")
		}
		return readAll(s.stdin)
	}
	// Opening a named pipe could wait for ever, so look first.
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !s.once {
		return nil, errors.New("is not a regular file and cannot be watched")
	}
	if previous != nil && previous.sameAs(info) {
		return nil, errUnchanged
	}
	f.info = info
	r, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return readAll(r)
}

func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("has more than %d bytes", maxFile)
	}
	return text, err
}

// sameAs reports whether the file cannot have changed since it was read.
func (f *file) sameAs(info fs.FileInfo) bool {
	return f.err == nil && f.info != nil &&
		os.SameFile(f.info, info) && f.info.Size() == info.Size() && f.info.ModTime().Equal(info.ModTime()) &&
		f.at.Sub(info.ModTime()) > restlessness
}

// split cuts a file into documents. Those that stood in the previous reading are
// taken from there, with their very objects. Problems name lines, so a document
// with problems must also stand where it stood.
func (f *file) split(text []byte, previous *file) {
	known := map[[sha256.Size]byte][]*document{}
	if previous != nil {
		for _, d := range previous.documents {
			known[d.sum] = append(known[d.sum], d)
		}
	}
	for _, text := range resource.Split(text) {
		d := &document{sum: sha256.Sum256(text.Text), stream: f.name(), line: text.Line, text: &text}
		if same := known[d.sum]; len(same) > 0 {
			known[d.sum] = same[1:]
			if same[0].line == text.Line || len(same[0].problems) == 0 {
				d = same[0]
				d.line = text.Line
			}
		}
		f.documents = append(f.documents, d)
	}
}

// decode decodes the documents that are new, on all processors.
func decode(files []*file) {
	todo := make(chan *document)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for d := range todo {
				d.objects, d.problems = d.text.Decode(d.stream)
				d.text = nil
			}
		})
	}
	for _, f := range files {
		for _, d := range f.documents {
			if d.text != nil {
				todo <- d
			}
		}
	}
	close(todo)
	workers.Wait()
}
