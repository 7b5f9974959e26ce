package file

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"fsm/internal/resource"
)

// keep holds on to objects of the previous reading that this one does not have,
// but whose new version may stand in what was refused: a document about the same
// object, or one that cannot even be told what it is about.
func (f *file) keep(previous *file) {
	if previous == nil || previous == f {
		return
	}
	refused := f.refusals(previous)
	if !refused.unknown && len(refused.keys) == 0 {
		return
	}
	present := map[resource.Key]bool{}
	for _, o := range f.objects() {
		present[resource.KeyOf(*o.object)] = true
	}
	hold := func(objects []placed, all bool) {
		for _, o := range objects {
			key := resource.KeyOf(*o.object)
			if !present[key] && (all || refused.keys[key]) {
				f.kept = append(f.kept, o)
			}
		}
	}
	hold(previous.objects(), refused.anew)
	hold(previous.kept, refused.unknown)
	if len(f.kept) > 0 {
		f.problems = append(f.problems, resource.Problem{Source: f.path, Message: "the last good version stays in use: " + names(f.kept)})
	}
}

// refusals are what could not be used of a file.
type refusals struct {
	keys map[resource.Key]bool
	// unknown is set where something has no key. It may be about any object that
	// was lost before.
	unknown bool
	// anew is set where that was not so in the previous reading. Then it may be
	// about any object that is lost now. What has been there for long, such as a
	// document that is no object at all, must not stand in the way of removals.
	anew bool
}

func (f *file) refusals(previous *file) refusals {
	r := refusals{keys: map[resource.Key]bool{}}
	note := func(problems []resource.Problem, isNew bool) {
		for _, p := range problems {
			switch {
			case !p.Refused:
			case p.Key == resource.Key{}:
				r.unknown = true
				r.anew = r.anew || isNew
			default:
				r.keys[p.Key] = true
			}
		}
	}
	note(f.problems, true)
	before := map[[sha256.Size]byte]bool{}
	for _, d := range previous.documents {
		before[d.sum] = true
	}
	for _, d := range f.documents {
		note(d.problems, !before[d.sum])
	}
	return r
}

// names lists a few of the objects.
func names(objects []placed) string {
	const most = 5
	var list []string
	for _, o := range objects[:min(most, len(objects))] {
		list = append(list, resource.KeyOf(*o.object).String())
	}
	if len(objects) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list, ", "), len(objects)-most)
	}
	return strings.Join(list, ", ")
}
