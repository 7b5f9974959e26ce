package file

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
)

// Each case is a way in which files change on real machines.
//
// Long because it is a list of them.
func TestRun(t *testing.T) {
	t.Run("written in place", func(t *testing.T) {
		f := newFolder(t)
		f.write("a.yaml", configMap("x", "1"))
		s := run(t, f.path)
		f.write("a.yaml", configMap("x", "2"))
		s.await("x=2 2")
	})
	t.Run("replaced", func(t *testing.T) {
		f := newFolder(t)
		f.write("a.yaml", configMap("x", "1"))
		s := run(t, f.join("a.yaml"))
		f.replace("a.yaml", configMap("x", "2"))
		s.await("x=2 2")
		f.replace("a.yaml", configMap("x", "3"))
		s.await("x=3 3")
	})
	t.Run("deleted and made again", func(t *testing.T) {
		f := newFolder(t)
		f.write("a.yaml", configMap("x", "1"))
		s := run(t, f.join("a.yaml"))
		f.remove("a.yaml")
		s.await()
		f.write("a.yaml", configMap("x", "2"))
		s.await("x=2 1")
	})
	t.Run("emptied, then written", func(t *testing.T) {
		f := newFolder(t)
		f.write("a.yaml", configMap("x", "1"))
		s := run(t, f.path)
		f.write("a.yaml", "")
		<-s.changed
		s.await("x=1 1")
		f.write("a.yaml", configMap("x", "2"))
		s.await("x=2 2")
	})
	t.Run("new directories", func(t *testing.T) {
		f := newFolder(t)
		s := run(t, f.path)
		f.write("sub/deep/a.yaml", configMap("x", "1"))
		s.await("x=1 1")
		f.write("sub/deep/a.yaml", configMap("x", "2"))
		s.await("x=2 2")
		f.remove("sub")
		s.await()
		f.write("sub/deep/a.yaml", configMap("x", "3"))
		s.await("x=3 1")
	})
	t.Run("mounted ConfigMap", func(t *testing.T) {
		f := newFolder(t)
		f.write("..v1/a.yaml", configMap("x", "1"))
		f.link("..v1", "..data")
		f.link("..data/a.yaml", "a.yaml")
		s := run(t, f.path)
		s.await("x=1 1")
		f.write("..v2/a.yaml", configMap("x", "2"))
		f.link("..v2", "..tmp")
		f.check(os.Rename(f.join("..tmp"), f.join("..data")))
		f.remove("..v1")
		s.await("x=2 2")
	})
	t.Run("link to a directory set anew", func(t *testing.T) {
		f := newFolder(t)
		f.write("v1/a.yaml", configMap("x", "1"))
		f.write("v2/a.yaml", configMap("x", "2"))
		f.link("v1", "current")
		s := run(t, f.join("current"))
		f.link("v2", "next")
		f.check(os.Rename(f.join("next"), f.join("current")))
		s.await("x=2 2")
		f.write("v2/a.yaml", configMap("x", "3"))
		s.await("x=3 3")
	})
	t.Run("target of a link", func(t *testing.T) {
		f, other := newFolder(t), newFolder(t)
		other.write("target.yaml", configMap("x", "1"))
		f.link(other.join("target.yaml"), "a.yaml")
		s := run(t, f.path)
		other.replace("target.yaml", configMap("x", "2"))
		s.await("x=2 2")
	})
}

// A change between Open and Run is not lost.
func TestRunSeesWhatHappenedBefore(t *testing.T) {
	f := newFolder(t)
	f.write("a.yaml", configMap("x", "1"))
	s := open(t, f.path)
	f.write("a.yaml", configMap("x", "2"))
	ctx, cancel := context.WithCancel(context.Background())
	s.Run(ctx, cancel) // ends with the first change
	if diff := cmp.Diff([]string{"x=2 2"}, contents(s.Set())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEventsThatMatter(t *testing.T) {
	f := newFolder(t)
	f.write("routes.yaml", configMap("x", "1"))
	f.write("manifest", configMap("y1", "1"))
	f.link("manifest", "link.yaml")
	l := newListing([]string{f.path}, nil)
	l.add(f.path)
	w := newWatch()
	defer w.close()
	w.follow(l)
	for _, tt := range []struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		{"routes.yaml", fsnotify.Write, true},
		{"routes.yaml", fsnotify.Chmod, true},
		{"manifest", fsnotify.Write, true}, // the target of a link
		{"access.log", fsnotify.Write, false},
		{"access.log", fsnotify.Chmod, false},
		{"..data", fsnotify.Create, true},
		{"new", fsnotify.Create | fsnotify.Write, true},
		{"routes.yaml", fsnotify.Remove, true},
		{"routes.yaml", fsnotify.Rename, true},
	} {
		if got := w.matters(fsnotify.Event{Name: f.join(tt.name), Op: tt.op}); got != tt.want {
			t.Errorf("%v of %s: matters is %v, want %v", tt.op, tt.name, got, tt.want)
		}
	}
}

// Without notifications, changes are found by looking, and the user is told.
func TestPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.write("a.yaml", configMap("x", "1"))
		s := open(t, f.path)
		changes := 0
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go s.loop(ctx, &watch{err: errors.New("too many open files")}, func() { changes++ })
		synctest.Wait()
		want := []string{" changes of files are noticed within 3s only: too many open files"}
		if diff := cmp.Diff(want, f.messages(s.Set())); diff != "" || changes != 1 {
			t.Errorf("%d changes, problems (-want +got):\n%s", changes, diff)
		}

		time.Sleep(10 * pollInterval)
		synctest.Wait()
		if changes != 1 {
			t.Errorf("%d changes though nothing changed", changes)
		}

		f.write("a.yaml", configMap("x", "2"))
		time.Sleep(pollInterval)
		synctest.Wait()
		if diff := cmp.Diff([]string{"x=2 2"}, contents(s.Set())); diff != "" || changes != 2 {
			t.Errorf("%d changes (-want +got):\n%s", changes, diff)
		}
	})
}

func TestQuiet(t *testing.T) {
	tests := []struct {
		name     string
		interval time.Duration // between signals
		signals  int
		want     time.Duration
	}{
		{"one change", 0, 0, quietTime},
		{"a few changes", 5 * time.Millisecond, 4, 20*time.Millisecond + quietTime},
		{"changes without end", 5 * time.Millisecond, 1000, maxWait},
		{"changes far apart", 15 * time.Millisecond, 4, quietTime},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				signals := make(chan struct{}, tt.signals)
				go func() {
					for range tt.signals {
						select {
						case <-time.After(tt.interval):
							signals <- struct{}{}
						case <-ctx.Done():
							return
						}
					}
				}()
				start := time.Now()
				if !quiet(ctx, signals) {
					t.Fatal("context ended")
				}
				if got := time.Since(start); got != tt.want {
					t.Errorf("waited %v, want %v", got, tt.want)
				}
			})
		})
	}
	t.Run("context ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), quietTime/2)
			defer cancel()
			if quiet(ctx, nil) {
				t.Error("went on after the context ended")
			}
		})
	})
}
