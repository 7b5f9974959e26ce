package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"fsm/internal/resource"
)

// Options of a source.
type Options struct {
	Config *rest.Config
	// ControllerName is that of the GatewayClasses whose Gateways count when looking
	// for Secrets to read.
	ControllerName string
	// SecretNamespaces are the only namespaces whose Secrets are read. Nil means
	// that all are, and an empty list that none is.
	SecretNamespaces []string
	// Referred, if it is set, names Secrets and ConfigMaps that whoever configured the
	// control plane refers to, in view of the other objects. They are read in whatever
	// namespace.
	Referred func(*resource.Set) []resource.Key
	// Log may be nil.
	Log *slog.Logger
}

// Source is a cluster as a source of user objects.
type Source struct {
	options     Options
	log         *slog.Logger
	server      *server
	stores      map[string]*store // by ID of the kind; all kinds are in it
	definitions *definitions

	// events has an element after something happened that has to be looked at, and
	// redefined after a definition changed.
	events, redefined chan struct{}
	statuses          chan struct{}
	stop              context.CancelFunc
	running           sync.WaitGroup

	// kinds and named are the watches; only one goroutine touches them.
	kinds map[string]*watching
	named map[resource.Key]*watching
	// parts are the sets of which the current one is made.
	parts []*resource.Set

	current atomic.Pointer[resource.Set]
	// listener is called after the current set was replaced; nil before Run.
	listener atomic.Pointer[func()]
}

// Open reads everything once. It waits for the API server until the context ends,
// which also ends the source. [Source.Run] must be called.
func Open(ctx context.Context, o Options) (*Source, error) {
	server, err := newServer(o.Config)
	if err != nil {
		return nil, err
	}
	s := newSource(o, server)
	ctx, s.stop = context.WithCancel(ctx)
	if err := s.begin(ctx); err != nil {
		s.stop()
		s.running.Wait()
		return nil, fmt.Errorf("read from API server %s: %w", server.config.Host, err)
	}
	s.running.Go(func() { s.follow(ctx) })
	return s, nil
}

func newSource(o Options, server *server) *Source {
	s := &Source{
		options: o, log: o.Log, server: server,
		stores: map[string]*store{},
		events: make(chan struct{}, 1), redefined: make(chan struct{}, 1), statuses: make(chan struct{}, 1),
		kinds: map[string]*watching{}, named: map[resource.Key]*watching{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.definitions = &definitions{names: map[string]string{}, changed: func() { signal(s.redefined); signal(s.statuses) }}
	for _, kind := range resource.Kinds() {
		st := newStore(kind)
		st.objectsChanged, st.statusChanged = s.wake, func() { signal(s.statuses) }
		s.stores[kind.ID()] = st
	}
	return s
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wake has everything looked at.
func (s *Source) wake() { signal(s.events) }

// Set is the current set of objects.
func (s *Source) Set() *resource.Set { return s.current.Load() }

// StatusChanged has an element after the status of an object changed, whoever
// changed it. There is one channel, for one reader.
func (s *Source) StatusChanged() <-chan struct{} { return s.statuses }

// Recorded returns the status that the cluster has for an object; ok is false when
// the object is not there.
func (s *Source) Recorded(key resource.Key) (r Recorded, ok bool) {
	st := s.stores[key.KindID()]
	if st == nil || st.kind.Group != key.Group {
		return Recorded{}, false
	}
	return st.recorded(types.NamespacedName{Namespace: key.Namespace, Name: key.Name})
}

// Keys lists the objects of a kind that the cluster has, in no order.
func (s *Source) Keys(kind string) []resource.Key {
	st := s.stores[kind]
	if st == nil {
		return nil
	}
	var keys []resource.Key
	for _, name := range st.names() {
		keys = append(keys, resource.Key{Group: st.kind.Group, Kind: st.kind.Name, Namespace: name.Namespace, Name: name.Name})
	}
	return keys
}

// Counts is how many objects of each kind are read.
func (s *Source) Counts() map[string]int {
	counts := map[string]int{}
	for kind, st := range s.stores {
		counts[kind] = st.count()
	}
	return counts
}

// Version is the version of a kind's API that the cluster serves and that is
// used, and its plural name; ok is false when it serves none.
func (s *Source) Version(kind string) (version, plural string, ok bool) {
	st := s.stores[kind]
	if st == nil {
		return "", "", false
	}
	at, ok := st.servedAt()
	return at.version, at.plural, ok
}

// Run calls changed after each change of the set, until the context ends. Then it
// ends the source.
func (s *Source) Run(ctx context.Context, changed func()) {
	s.listener.Store(&changed)
	changed() // for what changed since Open
	<-ctx.Done()
	s.stop()
	s.running.Wait()
}

// begin starts all watches and waits until they are complete.
func (s *Source) begin(ctx context.Context) error {
	if err := s.watchDefinitions(ctx); err != nil {
		return err
	}
	retry := time.NewTicker(time.Second)
	defer retry.Stop()
	for {
		err := s.discover(ctx)
		for err == nil {
			if s.complete() && s.assemble(ctx) {
				return nil
			}
			select {
			case <-s.events:
			case <-s.redefined:
				err = s.discover(ctx)
			case <-ctx.Done():
				return s.unfinished(ctx)
			}
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// complete tells that every kind was read in full.
func (s *Source) complete() bool {
	for _, w := range s.kinds {
		if !w.state.isComplete() {
			return false
		}
	}
	return true
}

// unfinished says what could not be read.
func (s *Source) unfinished(ctx context.Context) error {
	err := context.Cause(ctx)
	for _, kind := range slices.Sorted(maps.Keys(s.kinds)) {
		st := s.kinds[kind].state
		st.mu.Lock()
		if !st.complete && st.failing != "" {
			err = errors.Join(err, fmt.Errorf("watch %s: %s", kind, st.failing))
		}
		st.mu.Unlock()
	}
	return err
}

// follow keeps everything up to date until the context ends.
func (s *Source) follow(ctx context.Context) {
	agenda := newAgenda()
	defer agenda.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.redefined:
			agenda.restart()
		case <-agenda.timer.C:
			if err := s.discover(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("cannot find out which kinds are served, trying again", "error", err)
			}
			agenda.plan()
		case <-s.events:
			s.assemble(ctx)
		}
	}
}

// discover begins and ends watches so that there is one for each kind that is
// served.
func (s *Source) discover(ctx context.Context) error {
	catalogue := s.server.catalogue()
	for _, kind := range resource.Kinds() {
		if _, named := namedPlaces[kind.Name]; named {
			continue
		}
		at, served, err := catalogue.find(ctx, kind)
		if err != nil {
			return err
		}
		w := s.kinds[kind.ID()]
		switch {
		case served && (w == nil || w.place != at):
			if err := s.watchKind(ctx, kind, at); err != nil {
				return err
			}
		case !served && w != nil && s.definitions.lacks(w.place.plural, kind.Group):
			s.log.Info("kind is no longer served", "kind", kind.Name)
			delete(s.kinds, kind.ID())
			s.stores[kind.ID()].serve(place{})
			w.stop()
			w.feed.empty()
		}
	}
	return nil
}

// watchKind begins to watch a kind, in place of an older watch of another version
// if there is one. What that one read stays until the new one has read it again.
func (s *Source) watchKind(ctx context.Context, kind resource.Kind, at place) error {
	st := s.stores[kind.ID()]
	if old := s.kinds[kind.ID()]; old != nil {
		old.stop()
		old.feed.close()
		s.log.Info("kind is served in another version", "kind", kind.Name, "version", at.version)
	}
	st.serve(at)
	w, err := s.watch(ctx, st, at, types.NamespacedName{})
	if err != nil {
		return err
	}
	s.kinds[kind.ID()] = w
	return nil
}

// assemble makes the current set out of what the stores have. It is false, and
// leaves the set as it is, while something that is referred to was asked for and not
// answered yet: a Gateway must not lose a listener because its new certificate takes
// a moment longer to arrive than the Gateway itself.
func (s *Source) assemble(ctx context.Context) bool {
	var parts []*resource.Set
	for _, kind := range resource.Kinds() {
		if _, named := namedPlaces[kind.Name]; !named {
			parts = append(parts, s.stores[kind.ID()].objects())
		}
	}
	found := resource.Union(parts...)
	wanted := findReferences(found, s.options.ControllerName)
	unread := s.withhold(wanted)
	if s.options.Referred != nil {
		for _, key := range s.options.Referred(found) {
			wanted[key] = true
		}
	}
	if !s.watchWanted(ctx, wanted) {
		return false
	}
	parts = append(parts, s.stores["Secret"].objects(), s.stores["ConfigMap"].objects())
	slices.SortFunc(unread, func(a, b resource.Problem) int { return compareKeys(a.Key, b.Key) })
	s.publish(parts, unread)
	s.dropUnwanted(wanted)
	return true
}

// publish replaces the current set, unless it would be made of the same parts.
func (s *Source) publish(parts []*resource.Set, problems []resource.Problem) {
	current := s.current.Load()
	if current != nil && slices.Equal(parts, s.parts) && slices.Equal(problems, current.Problems()) {
		return
	}
	s.parts = parts
	s.current.Store(resource.Union(append(slices.Clone(parts), resource.NewSet(nil, problems...))...))
	if changed := s.listener.Load(); changed != nil {
		(*changed)()
	}
}
