package kube

import (
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"fsm/internal/resource"
)

// store holds the objects of one kind. Several feeds may fill it, each with names
// of its own.
type store struct {
	kind resource.Kind
	// objectsChanged and statusChanged are called after changes, without any lock.
	objectsChanged, statusChanged func()

	mu sync.Mutex
	// at is where the kind is served.
	at      place
	entries map[types.NamespacedName]entry
	// set is made of the entries when it is asked for; nil after a change.
	set *resource.Set
}

type entry struct {
	// object is what users wrote, without status and resource version.
	object   resource.Object
	recorded Recorded
}

func newStore(kind resource.Kind) *store {
	return &store{kind: kind, entries: map[types.NamespacedName]entry{}, set: resource.NewSet(nil)}
}

// objects are all objects of the store. While they are the same, so is the set.
func (s *store) objects() *resource.Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil {
		objects := make([]resource.Object, 0, len(s.entries))
		for _, e := range s.entries {
			objects = append(objects, e.object)
		}
		s.set = resource.NewSet(objects)
	}
	return s.set
}

func (s *store) recorded(name types.NamespacedName) (Recorded, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[name]
	return e.recorded, ok
}

// names are those of all objects, in no order.
func (s *store) names() []types.NamespacedName {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]types.NamespacedName, 0, len(s.entries))
	for name := range s.entries {
		names = append(names, name)
	}
	return names
}

// count is how many objects there are.
func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// change is what an event came to.
type change struct{ objects, status bool }

// put takes in an object; the caller holds the lock.
func (s *store) put(object resource.Object) (c change) {
	name := types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
	before, had := s.entries[name]
	if had && before.recorded.ResourceVersion == object.GetResourceVersion() {
		return change{}
	}
	strip(s.kind, object)
	after := entry{object: object, recorded: takeStatus(object)}
	if had && equality.Semantic.DeepEqual(before.object, after.object) {
		after.object = before.object
	} else {
		s.set, c.objects = nil, true
	}
	s.entries[name] = after
	c.status = true
	return c
}

// remove forgets an object; the caller holds the lock.
func (s *store) remove(name types.NamespacedName) (c change) {
	if _, had := s.entries[name]; had {
		delete(s.entries, name)
		s.set = nil
		return change{objects: true, status: true}
	}
	return change{}
}

// feed is what one watch puts into a store: everything, or the object of one name.
// It implements [cache.TransformingStore], the interface of reflectors.
type feed struct {
	store *store
	// only is the name to which the feed is limited; empty for all.
	only types.NamespacedName
	// answer is called each time that the feed is complete.
	answer func()

	// closed feeds change nothing any more; guarded by the lock of the store.
	closed bool
}

var _ cache.TransformingStore = (*feed)(nil)

// apply runs a change under the lock and tells of it afterwards.
func (f *feed) apply(do func() change) error {
	f.store.mu.Lock()
	var c change
	if !f.closed {
		c = do()
	}
	f.store.mu.Unlock()
	if c.objects {
		f.store.objectsChanged()
	}
	if c.status {
		f.store.statusChanged()
	}
	return nil
}

// Transformer strips objects while a list of them is still arriving, so that a
// large one is never held whole.
func (f *feed) Transformer() cache.TransformFunc {
	return func(object any) (any, error) {
		if o, ok := object.(resource.Object); ok {
			strip(f.store.kind, o)
		}
		return object, nil
	}
}

// Add takes in an object that is new.
func (f *feed) Add(object any) error { return f.Update(object) }

// Update takes in an object that changed.
func (f *feed) Update(object any) error {
	o, ok := object.(resource.Object)
	if !ok {
		return fmt.Errorf("take in %s: got a %T", f.store.kind.Name, object)
	}
	return f.apply(func() change { return f.store.put(o) })
}

// Delete removes an object.
func (f *feed) Delete(object any) error {
	o, ok := object.(resource.Object)
	if !ok {
		return fmt.Errorf("remove %s: got a %T", f.store.kind.Name, object)
	}
	return f.apply(func() change {
		return f.store.remove(types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()})
	})
}

// Replace takes in a complete list: what is not in it is gone.
func (f *feed) Replace(list []any, _ string) error {
	err := f.apply(func() (all change) {
		present := map[types.NamespacedName]bool{}
		for _, object := range list {
			o, ok := object.(resource.Object)
			if !ok {
				continue
			}
			present[types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}] = true
			all = all.and(f.store.put(o))
		}
		return all.and(f.removeExcept(present))
	})
	f.answer()
	return err
}

func (c change) and(d change) change { return change{c.objects || d.objects, c.status || d.status} }

func (f *feed) removeExcept(present map[types.NamespacedName]bool) (all change) {
	if f.only != (types.NamespacedName{}) {
		if !present[f.only] {
			return f.store.remove(f.only)
		}
		return change{}
	}
	for name := range f.store.entries {
		if !present[name] {
			all = all.and(f.store.remove(name))
		}
	}
	return all
}

// Resync has nothing to do: whoever reads the store reads all of it.
func (f *feed) Resync() error { return nil }

// close makes the feed change nothing any more.
func (f *feed) close() {
	f.store.mu.Lock()
	f.closed = true
	f.store.mu.Unlock()
}

// empty closes the feed and removes what it put into the store.
func (f *feed) empty() {
	f.close()
	f.store.mu.Lock()
	c := f.removeExcept(nil)
	f.store.mu.Unlock()
	if c.objects {
		f.store.objectsChanged()
	}
}

// serve notes where the kind is served; the zero place means nowhere.
func (s *store) serve(at place) {
	s.mu.Lock()
	s.at = at
	s.mu.Unlock()
}

func (s *store) servedAt() (at place, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at, s.at != place{}
}
