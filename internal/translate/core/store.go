package core

import (
	"cmp"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/resource"
	"fsm/internal/translate/memo"
)

// Object is any pointer to a user object.
type Object interface {
	resource.Object
	comparable
}

// loader is a store of any type.
type loader interface{ load(*resource.Set) }

// store holds the objects of one type.
type store[T Object] struct {
	source *Source
	sorted []T // by namespace and name
	inputs *memo.Inputs[types.NamespacedName, T]
	// replaced are told of objects that changed: before and after, nil for none.
	replaced []func(before, after T)
}

// storeOf returns the store of a type, made when it is first asked for.
func storeOf[T Object](s *Source) *store[T] {
	t := reflect.TypeFor[T]()
	if found, ok := s.stores[t]; ok {
		return found.(*store[T])
	}
	st := &store[T]{source: s, sorted: resource.List[T](s.set)}
	st.inputs = memo.NewInputs(s.clock, st.find)
	s.stores[t] = st
	return st
}

func (st *store[T]) find(name types.NamespacedName) T {
	o, _ := resource.Get[T](st.source.set, name.Namespace, name.Name)
	return o
}

// load walks the objects before and after side by side. Those that did not change
// are the same pointers, as [resource.Set] promises, so that most steps are a
// single comparison.
func (st *store[T]) load(set *resource.Set) {
	var none T
	before, after := st.sorted, resource.List[T](set)
	st.sorted = after
	for len(before) > 0 || len(after) > 0 {
		if len(before) > 0 && len(after) > 0 && before[0] == after[0] {
			before, after = before[1:], after[1:]
			continue
		}
		switch order := compareHeads(before, after); {
		case order < 0:
			st.replace(before[0], none)
			before = before[1:]
		case order > 0:
			st.replace(none, after[0])
			after = after[1:]
		default:
			st.replace(before[0], after[0])
			before, after = before[1:], after[1:]
		}
	}
}

// compareHeads tells which list has the name that comes first.
func compareHeads[T Object](a, b []T) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	default:
		return byName(a[0], b[0])
	}
}

func byName[T Object](a, b T) int {
	return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
}

func (st *store[T]) replace(before, after T) {
	var none T
	named := after
	if named == none {
		named = before
	}
	st.inputs.Refresh(types.NamespacedName{Namespace: named.GetNamespace(), Name: named.GetName()})
	for _, replaced := range st.replaced {
		replaced(before, after)
	}
}

// Index finds the objects of one type by something that is in them.
type Index[K comparable, T Object] struct {
	keys   func(T) []K
	lists  map[K][]T
	inputs *memo.Inputs[K, []T]
}

// NewIndex returns an index over the objects of a source. An object may have any
// number of keys.
func NewIndex[K comparable, T Object](s *Source, keys func(T) []K) *Index[K, T] {
	x := &Index[K, T]{keys: keys, lists: map[K][]T{}}
	x.inputs = memo.NewInputs(s.clock, func(key K) []T { return x.lists[key] })
	st := storeOf[T](s)
	st.replaced = append(st.replaced, x.replace)
	for _, o := range st.sorted {
		var none T
		x.replace(none, o)
	}
	return x
}

// List returns the objects with a key, oldest first.
func (x *Index[K, T]) List(r *memo.Recorder, key K) []T { return x.inputs.Read(r, key) }

// replace updates the lists that an object was and is in. Lists are never changed
// in place, because values may have been made from them.
func (x *Index[K, T]) replace(before, after T) {
	var none T
	if before != none {
		for _, key := range x.keys(before) {
			x.set(key, slices.DeleteFunc(slices.Clone(x.lists[key]), func(o T) bool { return o == before }))
		}
	}
	if after != none {
		for _, key := range x.keys(after) {
			list := slices.Clone(x.lists[key])
			at, _ := slices.BinarySearchFunc(list, after, func(a, b T) int { return ByAge(a, b) })
			x.set(key, slices.Insert(list, at, after))
		}
	}
}

func (x *Index[K, T]) set(key K, list []T) {
	if len(list) == 0 {
		delete(x.lists, key)
	} else {
		x.lists[key] = list
	}
	x.inputs.Refresh(key)
}
