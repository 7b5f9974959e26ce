package install

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestDiscovered: Helm looks kinds up by discovery, which may know one version of a
// definition before it knows the other, and an older definition of the same group.
func TestDiscovered(t *testing.T) {
	const text = `
spec:
  group: example.com
  names: {plural: things}
  versions:
  - {name: v1, served: true}
  - {name: v2, served: true}
  - {name: v0, served: false}
`
	var definition unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(text), &definition.Object); err != nil {
		t.Fatal(err)
	}
	list := func(version string, names ...string) *metav1.APIResourceList {
		l := &metav1.APIResourceList{GroupVersion: version}
		for _, name := range names {
			l.APIResources = append(l.APIResources, metav1.APIResource{Name: name})
		}
		return l
	}
	for _, tt := range []struct {
		name  string
		found []*metav1.APIResourceList
		want  bool
	}{
		{"nothing", nil, false},
		{"all", []*metav1.APIResourceList{list("example.com/v1", "others", "things"), list("example.com/v2", "things")}, true},
		{"one version", []*metav1.APIResourceList{list("example.com/v1", "things")}, false},
		{"another kind", []*metav1.APIResourceList{list("example.com/v1", "things"), list("example.com/v2", "others")}, false},
		{"another group", []*metav1.APIResourceList{list("example.com/v1", "things"), list("example.org/v2", "things")}, false},
	} {
		if got := discovered(&definition, tt.found); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
