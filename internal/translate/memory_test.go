package translate_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

// TestMemoryMakesNoDifference edits a set at random and compares, after each
// edit, a Translator that has seen all sets before with one that has seen none.
// It also makes sure that inputs are left alone.
func TestMemoryMakesNoDifference(t *testing.T) {
	const rounds = 100
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			config := translate.Config{Standalone: true}
			u := newUniverse(t, seed)
			translator := translate.New(config)
			for round := range rounds {
				edit := u.edit()
				set := resource.NewSet(u.present())
				before := copies(u.present())

				mesh, rep := translator.Translate(set)
				wantMesh, wantRep := translate.Translate(set, config)
				if diff := cmp.Diff(render(t, wantMesh), render(t, mesh)); diff != "" {
					t.Fatalf("round %d, after %s: mesh (-fresh +remembered):\n%s", round, edit, diff)
				}
				if diff := cmp.Diff(wantRep, rep); diff != "" {
					t.Fatalf("round %d, after %s: report (-fresh +remembered):\n%s", round, edit, diff)
				}
				if diff := cmp.Diff(before, copies(u.present())); diff != "" {
					t.Fatalf("round %d, after %s: inputs were changed:\n%s", round, edit, diff)
				}
			}
		})
	}
}

// render is everything in a mesh, as text.
func render(t *testing.T, mesh *ir.Mesh) string {
	t.Helper()
	s := project.Project(mesh, everything)
	data, err := ir.MarshalSecrets(s)
	if err != nil {
		t.Fatal(err)
	}
	return ir.Format(s) + string(data) + fmt.Sprint(s.Conflicts)
}

func copies(objects []resource.Object) []resource.Object {
	out := make([]resource.Object, len(objects))
	for i, o := range objects {
		out[i] = o.DeepCopyObject().(resource.Object)
	}
	return out
}

// universe holds variants of objects, of which at most one each is in the set.
type universe struct {
	random   *rand.Rand
	keys     []resource.Key
	variants map[resource.Key][]resource.Object
	now      map[resource.Key]resource.Object
}

// newUniverse reads the variants from the golden cases: whatever has the same key
// there is a variant of the same object.
func newUniverse(t *testing.T, seed uint64) *universe {
	t.Helper()
	u := &universe{
		random:   rand.New(rand.NewPCG(seed, 1)),
		variants: map[resource.Key][]resource.Object{},
		now:      map[resource.Key]resource.Object{},
	}
	for _, input := range inputs(t) {
		objects, _ := resource.Decode("input.yaml", input)
		for _, o := range objects {
			key := resource.KeyOf(o)
			if u.variants[key] == nil {
				u.keys = append(u.keys, key)
			}
			u.variants[key] = append(u.variants[key], o)
		}
	}
	return u
}

// edit replaces, adds or removes one object, or several at once.
func (u *universe) edit() string {
	var edits []string
	for range 1 + u.random.IntN(3) {
		key := u.keys[u.random.IntN(len(u.keys))]
		if u.now[key] != nil && u.random.IntN(3) == 0 {
			delete(u.now, key)
			edits = append(edits, "removal of "+key.String())
			continue
		}
		variants := u.variants[key]
		u.now[key] = variants[u.random.IntN(len(variants))]
		edits = append(edits, "change of "+key.String())
	}
	return strings.Join(edits, ", ")
}

// present are the objects of the set, in any order.
func (u *universe) present() []resource.Object {
	var objects []resource.Object
	for _, key := range u.keys {
		if o := u.now[key]; o != nil {
			objects = append(objects, o)
		}
	}
	return objects
}

func TestOrderOfInputsMakesNoDifference(t *testing.T) {
	u := newUniverse(t, 7)
	for range 100 {
		u.edit()
	}
	objects := u.present()
	mesh, rep := translate.Translate(resource.NewSet(objects), translate.Config{Standalone: true})
	for range 5 {
		u.random.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
		again, repAgain := translate.Translate(resource.NewSet(objects), translate.Config{Standalone: true})
		if diff := cmp.Diff(render(t, mesh)+rep.String(), render(t, again)+repAgain.String()); diff != "" {
			t.Fatalf("another order gives another result:\n%s", diff)
		}
	}
}

// TestUnchangedResourcesAreTheSamePointers edits one object of a kind and looks
// at what was made anew.
func TestUnchangedResourcesAreTheSamePointers(t *testing.T) {
	base, err := os.ReadFile("testdata/sharing.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		old, new string
		// want names everything that is not the same pointer as before.
		want []string
	}{
		{"nothing", "", "", nil},
		{"route", "value: /b", "value: /c", []string{"table default/gw/http/b.example.com"}},
		{"EndpointSlice", "10.0.0.2", "10.0.0.3", []string{"endpoints local/default/b:80"}},
		{"label of a Service", "label: one", "label: two", nil},
		{"appProtocol of a Service", "appProtocol: redis", "appProtocol: kubernetes.io/h2c", []string{"backend local/default/b:80", "table default/gw/http/b.example.com"}},
		{"server name of a TLS policy", "hostname: one.example.com", "hostname: two.example.com", []string{"backend local/default/a:80"}},
		{"label of a namespace", "team: one", "team: two", nil},
		{"certificate", "comment: one", "comment: two", []string{"secret Secret/default/cert"}},
		{"options of the Gateway", "idle-timeout: 1s", "idle-timeout: 2s", nil},
		{"new listener", "#more", "- {name: more, port: 81, protocol: HTTP, hostname: nowhere.example.org}", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			translator := translate.New(translate.Config{Standalone: true})
			before := decode(base)
			first, _ := translator.Translate(before)
			second, _ := translator.Translate(edited(before, decode([]byte(strings.Replace(string(base), test.old, test.new, 1)))))
			if got := remade(first, second); !slices.Equal(got, test.want) {
				t.Errorf("made anew: %q, want %q", got, test.want)
			}
		})
	}
}

// edited is the second set, with the pointers of the first one for objects that
// are equal, as a source would have it.
func edited(before, after *resource.Set) *resource.Set {
	var objects []resource.Object
	old := objectsOf(before)
	for key, o := range objectsOf(after) {
		if p := old[key]; p != nil && cmp.Equal(p, o) {
			o = p
		}
		objects = append(objects, o)
	}
	return resource.NewSet(objects)
}

// remade lists the resources of the second mesh that are not those of the first.
func remade(first, second *ir.Mesh) []string {
	var names []string
	for name, v := range second.Tables {
		if first.Tables[name] != v {
			names = append(names, "table "+string(name))
		}
	}
	for name, v := range second.Backends {
		if first.Backends[name] != v {
			names = append(names, "backend "+string(name))
		}
	}
	for name, v := range second.Endpoints {
		if first.Endpoints[name] != v {
			names = append(names, "endpoints "+string(name))
		}
	}
	for name, v := range second.Secrets {
		if first.Secrets[name] != v {
			names = append(names, "secret "+string(name))
		}
	}
	slices.Sort(names)
	return names
}
