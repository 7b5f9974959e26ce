package resource

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// Set is an immutable bag of objects. Two sets that hold the same object hold
// the same pointer, so that whoever remembers an object can tell that it did not
// change.
type Set struct {
	byType   map[reflect.Type]*shelf
	problems []Problem
}

// shelf holds the objects of one Go type.
type shelf struct {
	byName map[name]Object
	sorted []Object // by namespace, then name
}

type name struct{ namespace, name string }

// Problem is something wrong with an input: text that is no object, or an object
// that breaks the rules of its kind. The object is left out of the set when
// Refused; otherwise it is in the set and the problem is a warning. (A source that
// still has an earlier, good version of a refused object may put that in the set,
// and says so in a problem of its own.)
type Problem struct {
	// Key of the object, as far as it could be read.
	Key Key
	// Source says where the object stands: "routes.yaml:12".
	Source string
	// Refused is set when the object could not be used at all.
	Refused bool
	// Message names the field and what is wrong with it.
	Message string
}

// NewSet makes a set. Of two objects with the same key the later one counts.
func NewSet(objects []Object, problems ...Problem) *Set {
	s := &Set{byType: map[reflect.Type]*shelf{}, problems: slices.Clone(problems)}
	for _, o := range objects {
		t := reflect.TypeOf(o)
		if s.byType[t] == nil {
			s.byType[t] = &shelf{byName: map[name]Object{}}
		}
		s.byType[t].byName[nameOf(o)] = o
	}
	for _, sh := range s.byType {
		sh.sort()
	}
	return s
}

func nameOf(o Object) name { return name{o.GetNamespace(), o.GetName()} }

func (sh *shelf) sort() {
	sh.sorted = slices.SortedFunc(maps.Values(sh.byName), func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
}

// Union is the set of all objects and problems of the given sets. Of two objects
// with the same key that of the later set counts. Types that only one of the sets
// has cost nothing.
func Union(sets ...*Set) *Set {
	if len(sets) == 1 {
		return sets[0]
	}
	u := &Set{byType: map[reflect.Type]*shelf{}}
	merged := map[*shelf]bool{}
	for _, s := range sets {
		for t, sh := range s.byType {
			have := u.byType[t]
			switch {
			case have == nil:
				u.byType[t] = sh
				continue
			case !merged[have]:
				have = &shelf{byName: maps.Clone(have.byName)}
				u.byType[t], merged[have] = have, true
			}
			maps.Copy(have.byName, sh.byName)
		}
		u.problems = append(u.problems, s.problems...)
	}
	for sh := range merged {
		sh.sort()
	}
	return u
}

// Problems lists what is wrong with the inputs, in their order.
func (s *Set) Problems() []Problem { return s.problems }

// Get finds an object by type and name. Objects without a namespace have the
// empty one.
func Get[T Object](s *Set, namespace, objectName string) (object T, ok bool) {
	sh := s.byType[reflect.TypeFor[T]()]
	if sh == nil {
		return object, false
	}
	object, ok = sh.byName[name{namespace, objectName}].(T)
	return object, ok
}

// List returns all objects of a type, sorted by namespace and name.
func List[T Object](s *Set) []T {
	sh := s.byType[reflect.TypeFor[T]()]
	if sh == nil {
		return nil
	}
	list := make([]T, len(sh.sorted))
	for i, o := range sh.sorted {
		list[i] = o.(T)
	}
	return list
}

// Like returns all objects of the same type as one, sorted by namespace and name.
func (s *Set) Like(object Object) []Object {
	sh := s.byType[reflect.TypeOf(object)]
	if sh == nil {
		return nil
	}
	return slices.Clone(sh.sorted)
}

// Len is the number of objects.
func (s *Set) Len() int {
	n := 0
	for _, sh := range s.byType {
		n += len(sh.byName)
	}
	return n
}
