package kube

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"fsm/internal/resource"
)

// watching is a watch that runs.
type watching struct {
	feed  *feed
	place place
	state *state
	stop  context.CancelFunc
}

// state is what is known about a watch, for those who wait for it.
type state struct {
	log    *slog.Logger
	notify func()

	mu sync.Mutex
	// complete is set once everything was read; answered also when that failed.
	complete, answered bool
	// failing is the error that was logged last; empty when all is well.
	failing string
}

// completed notes that everything was read.
func (s *state) completed() {
	s.mu.Lock()
	news := !s.complete
	s.complete, s.answered = true, true
	s.mu.Unlock()
	if news {
		s.notify()
	}
}

// tried notes how a request ended. A reflector tries again by itself, with growing
// pauses; each new kind of failure is logged once.
func (s *state) tried(err error) {
	// An expired resource version only means that the list is read again.
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return
	}
	s.mu.Lock()
	news := err != nil && !s.answered
	was := s.failing
	s.failing = ""
	if err != nil {
		s.failing, s.answered = err.Error(), true
	}
	is := s.failing
	s.mu.Unlock()
	switch {
	case is != "" && is != was:
		s.log.Warn("cannot watch, trying again", "error", is)
	case is == "" && was != "":
		s.log.Info("watching again")
	}
	if news {
		s.notify()
	}
}

// gaveUp notes that nobody waits for an answer any longer.
func (s *state) gaveUp() {
	s.mu.Lock()
	news := !s.answered
	s.answered = true
	s.mu.Unlock()
	if news {
		s.log.Warn("the API server does not answer")
		s.notify()
	}
}

func (s *state) isComplete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.complete
}

func (s *state) isAnswered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answered
}

// backoff is the pause between attempts. It stays short, because after an outage
// routes should not be stale for long.
func backoff() *wait.Backoff {
	return &wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 1, Steps: 6, Cap: 5 * time.Second}
}

// watch begins to fill a store, with the objects of a kind or the one of a name.
func (s *Source) watch(ctx context.Context, st *store, at place, only types.NamespacedName) (*watching, error) {
	client, err := s.server.client(schema.GroupVersion{Group: st.kind.Group, Version: at.version})
	if err != nil {
		return nil, err
	}
	log := s.log.With("kind", st.kind.Name)
	if only.Name != "" {
		log = log.With("name", only.String())
	}
	ctx, stop := context.WithCancel(ctx)
	w := &watching{place: at, stop: stop, state: &state{log: log, notify: s.wake}}
	w.feed = &feed{store: st, only: only, answer: w.state.completed}
	narrow := func(o *metav1.ListOptions) {
		if only.Name != "" {
			o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, only.Name).String()
		}
	}
	lists := cache.NewFilteredListWatchFromClient(client, at.plural, only.Namespace, narrow)
	s.reflect(ctx, reflection{lists: lists, example: st.kind.New(), into: w.feed, state: w.state, name: st.kind.Name})
	return w, nil
}

// reflection is what a reflector needs.
type reflection struct {
	lists   *cache.ListWatch
	example runtime.Object
	into    cache.ReflectorStore
	state   *state
	name    string
}

// reflect runs a reflector until the context ends.
func (s *Source) reflect(ctx context.Context, r reflection) {
	observed := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := r.lists.ListWithContextFunc(ctx, o)
			r.tried(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := r.lists.WatchFuncWithContext(ctx, o)
			r.tried(ctx, err)
			return w, err
		},
	}
	reflector := cache.NewReflectorWithOptions(observed, r.example, r.into, cache.ReflectorOptions{Name: r.name, Backoff: backoff()})
	// A reflector logs each failure of each attempt; what matters is in the state.
	quiet := klog.NewContext(ctx, logr.Discard())
	s.running.Go(func() { reflector.RunWithContext(quiet) })
}

// tried leaves out what comes of being stopped.
func (r reflection) tried(ctx context.Context, err error) {
	if ctx.Err() == nil {
		r.state.tried(err)
	}
}

// watchNamed begins to watch one Secret or ConfigMap. If the API server does not
// answer soon the object counts as missing until it does: what refers to it must
// not hold up the rest.
func (s *Source) watchNamed(ctx context.Context, key resource.Key) (*watching, error) {
	name := types.NamespacedName{Namespace: key.Namespace, Name: key.Name}
	st := s.stores[key.Kind]
	w, err := s.watch(ctx, st, namedPlaces[key.Kind], name)
	if err != nil {
		return nil, err
	}
	late := time.AfterFunc(answerTime, w.state.gaveUp)
	end := w.stop
	w.stop = func() { late.Stop(); end() }
	return w, nil
}

// answerTime is how long a new reference may hold back everything else.
const answerTime = 2 * time.Second

// namedPlaces are the kinds that are watched by name only. They are part of every
// cluster.
var namedPlaces = map[string]place{
	"Secret":    {version: "v1", plural: "secrets"},
	"ConfigMap": {version: "v1", plural: "configmaps"},
}
