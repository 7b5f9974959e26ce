package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"fsm/internal/resource"
)

// pollInterval is how often files are compared without a notification.
const pollInterval = 3 * time.Second

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Source is a set of objects that follows files. Set may be called at any time
// from any goroutine; Run must be called at most once.
type Source struct {
	paths []string
	set   atomic.Pointer[resource.Set]

	// What follows is used by Open first and by Run from then on.

	// once is set where files are read a single time, so that pipes will do.
	once  bool
	stdin io.Reader
	// files are the files as they were read last, in order.
	files []*file
	// notices are problems that belong to no file.
	notices []resource.Problem
	// named are the files that objects name, by path.
	named map[string]*resource.File
	// objects are those in the set.
	objects map[resource.Key]resource.Object
}

// Open reads files, and the *.yaml, *.yml and *.json files below directories, and
// fails when one of the paths cannot be read. Whatever is wrong inside the files
// is a problem of the set.
//
// Directories are read in order of names, symbolic links are followed, and names
// that begin with a dot are skipped. Of two objects with the same key the one in
// the later path counts.
func Open(paths []string) (*Source, error) {
	if slices.Contains(paths, Stdin) {
		return nil, errors.New("standard input cannot be watched; name a file or directory")
	}
	s := &Source{paths: paths}
	if err := s.refresh(nil); err != nil {
		return nil, err
	}
	return s, nil
}

// Read reads files and directories once, as Open does; the path "-" is stdin,
// which may be nil if no path is.
func Read(paths []string, stdin io.Reader) (*resource.Set, error) {
	s := &Source{paths: paths, once: true, stdin: stdin}
	if err := s.refresh(nil); err != nil {
		return nil, err
	}
	return s.Set(), nil
}

// Set is the current set.
func (s *Source) Set() *resource.Set { return s.set.Load() }

// Run follows the files until ctx ends, and calls changed each time after Set has
// changed. Where the system offers no notifications, a problem of the set says
// so, and changes are found every few seconds.
func (s *Source) Run(ctx context.Context, changed func()) {
	w := newWatch()
	defer w.close()
	s.loop(ctx, w, changed)
}

func (s *Source) loop(ctx context.Context, w *watch, changed func()) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		before := s.Set()
		// Failures are problems of the set by now.
		_ = s.refresh(w)
		if s.Set() != before {
			changed()
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-w.signals:
			if !quiet(ctx, w.signals) {
				return
			}
		}
	}
}

// refresh reads what changed. The error tells which of the source's own paths
// cannot be read.
func (s *Source) refresh(w *watch) error {
	listed := s.list(w)
	previous := map[string]*file{}
	for _, f := range s.files {
		previous[f.path] = f
	}
	var files []*file
	failures := listed.failures
	for _, path := range listed.files {
		f := s.load(path, previous[path])
		if f == nil {
			continue // deleted since it was listed
		}
		files = append(files, f)
		if f.err != nil && slices.Contains(s.paths, path) {
			failures = append(failures, fmt.Errorf("read %s: %w", path, f.err))
		}
	}
	notices := slices.Concat(w.problems(), listed.problems)
	if s.Set() == nil || !slices.Equal(files, s.files) || !slices.Equal(notices, s.notices) || s.namedChanged() {
		decode(files)
		for _, f := range files {
			f.keep(previous[f.path])
		}
		s.files, s.notices = files, notices
		s.publish()
	}
	return errors.Join(failures...)
}

// list lists the files and has their directories watched. A file that appears in
// a new directory before it is watched goes unnoticed, so whenever there was
// something new to watch the list is made again.
func (s *Source) list(w *watch) *listing {
	for {
		l := newListing(s.paths, s.files)
		for _, path := range s.paths {
			l.add(path)
		}
		for path := range s.named {
			l.follow(path)
		}
		if !w.follow(l) {
			return l
		}
	}
}
