package file

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"fsm/internal/resource"
)

// publish makes the set of all files. When nothing changed, the old set stays.
func (s *Source) publish() {
	winners, problems := s.winners()
	objects := make(map[resource.Key]resource.Object, len(winners))
	for key, o := range winners {
		*o.object = succeed(s.objects[key], *o.object)
		objects[key] = *o.object
	}
	s.readNamed(objects)
	if old := s.Set(); old != nil && sameObjects(s.objects, objects) && slices.Equal(old.Problems(), problems) {
		return
	}
	s.objects = objects
	s.set.Store(resource.NewSet(slices.Collect(maps.Values(objects)), problems...))
}

// winners chooses among the objects of all files one for each key, and lists all
// problems. Kept objects give way to others, wherever these stand.
func (s *Source) winners() (map[resource.Key]placed, []resource.Problem) {
	problems := slices.Clone(s.notices)
	winners := make(map[resource.Key]placed, len(s.objects))
	for _, f := range s.files {
		problems = append(problems, f.allProblems()...)
		for _, o := range f.objects() {
			key := resource.KeyOf(*o.object)
			if earlier, ok := winners[key]; ok {
				problems = append(problems, resource.Problem{
					Key: key, Source: o.source,
					Message: fmt.Sprintf("stands twice: this one counts, the one at %s does not", earlier.source),
				})
			}
			winners[key] = o
		}
	}
	for _, f := range s.files {
		for _, o := range f.kept {
			if key := resource.KeyOf(*o.object); winners[key].object == nil {
				winners[key] = o
			}
		}
	}
	return winners, problems
}

func sameObjects(a, b map[resource.Key]resource.Object) bool {
	if len(a) != len(b) {
		return false
	}
	for key, o := range a {
		if b[key] != o {
			return false
		}
	}
	return true
}

// succeed is what the set holds after old, given what a file says now: old itself
// when it says the same, else the new version with its generation. Generations
// count as those of an API server do, by the content without metadata and status.
func succeed(old, now resource.Object) resource.Object {
	if old == nil || old == now {
		return now
	}
	generation := old.GetGeneration()
	if !sameContent(old, now) {
		generation++
	}
	if generation > now.GetGeneration() {
		// The object may be part of an earlier set, so it is not touched.
		now = now.DeepCopyObject().(resource.Object)
		now.SetGeneration(generation)
	}
	if reflect.DeepEqual(old, now) {
		return old
	}
	return now
}

// sameContent compares two objects of one kind without metadata and status.
func sameContent(a, b resource.Object) bool {
	va, vb := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range va.NumField() {
		switch va.Type().Field(i).Name {
		case "TypeMeta", "ObjectMeta", "Status":
			continue
		}
		if !reflect.DeepEqual(va.Field(i).Interface(), vb.Field(i).Interface()) {
			return false
		}
	}
	return true
}
