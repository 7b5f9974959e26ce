package file

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"fsm/internal/resource"
)

// A change is acted on when nothing more happened for quietTime, so that a file
// that is written in pieces, or several files that are copied, make one change.
// Files that never come to rest are read every maxWait.
const (
	quietTime = 10 * time.Millisecond
	maxWait   = 100 * time.Millisecond
)

// watch is told by the system about changes in directories. A nil watch watches
// nothing.
type watch struct {
	notify *fsnotify.Watcher
	// signals has one signal after any number of events.
	signals chan struct{}
	// names are those of the files that are read.
	names atomic.Pointer[map[string]bool]
	// err is why changes may go unnoticed.
	err error
}

func newWatch() *watch {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return &watch{err: err}
	}
	w := &watch{notify: notify, signals: make(chan struct{}, 1)}
	go w.forward()
	return w
}

// forward turns events and errors, such as too many events at once, into signals:
// whichever it is, the files have to be compared.
func (w *watch) forward() {
	for {
		select {
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if !w.matters(event) {
				continue
			}
		case _, ok := <-w.notify.Errors:
			if !ok {
				return
			}
		}
		select {
		case w.signals <- struct{}{}:
		default:
		}
	}
}

// matters tells whether an event can change what is read. Whatever comes, goes or
// gets another name may be part of a chain of links, but a log file that is
// written next to the routes must not have them all compared for each line.
func (w *watch) matters(event fsnotify.Event) bool {
	if event.Has(fsnotify.Create) || event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
		return true
	}
	return (*w.names.Load())[filepath.Base(event.Name)]
}

func (w *watch) close() {
	if w.notify != nil {
		_ = w.notify.Close()
	}
}

// follow watches the directories of a listing and no others. It reports whether
// there was one that had not been watched before.
func (w *watch) follow(l *listing) (added bool) {
	if w == nil || w.notify == nil {
		return false
	}
	w.names.Store(&l.names)
	watched := map[string]bool{}
	for _, directory := range w.notify.WatchList() {
		watched[directory] = true
		if !l.directories[directory] {
			// It fails for a directory that is gone, and then there is nothing to do.
			_ = w.notify.Remove(directory)
		}
	}
	w.err = nil
	for directory := range l.directories {
		if watched[directory] {
			continue
		}
		if err := w.notify.Add(directory); err != nil {
			w.err = fmt.Errorf("watch %s: %w", directory, err)
			continue
		}
		added = true
	}
	return added
}

// problems says when changes may be noticed late.
func (w *watch) problems() []resource.Problem {
	if w == nil || w.err == nil {
		return nil
	}
	return []resource.Problem{{Message: fmt.Sprintf("changes of files are noticed within %v only: %v", pollInterval, w.err)}}
}

// quiet waits until signals come to rest, and reports false when ctx ended first.
func quiet(ctx context.Context, signals <-chan struct{}) bool {
	latest := time.After(maxWait)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-signals:
		case <-time.After(quietTime):
			return true
		case <-latest:
			return true
		}
	}
}
