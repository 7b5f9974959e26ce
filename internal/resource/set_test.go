package resource

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func configMapIn(namespace, name, text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Data:       map[string]string{"text": text},
	}
}

func TestSet(t *testing.T) {
	early, late := configMapIn("b", "x", "early"), configMapIn("b", "x", "late")
	other := configMapIn("a", "y", "other")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x"}}
	one := NewSet([]Object{early, namespace}, Problem{Message: "first"})
	both := Union(one, NewSet([]Object{late, other}, Problem{Message: "second"}))

	if got, ok := Get[*corev1.ConfigMap](both, "b", "x"); !ok || got != late {
		t.Errorf("got %v, want the object of the later set", got)
	}
	if got, ok := Get[*corev1.ConfigMap](one, "b", "x"); !ok || got != early {
		t.Errorf("got %v, want a set that does not change", got)
	}
	if _, ok := Get[*corev1.Namespace](both, "", "x"); !ok {
		t.Error("no namespace x")
	}
	if _, ok := Get[*corev1.Secret](both, "b", "x"); ok {
		t.Error("found a Secret of the ConfigMap's name")
	}
	var keys []string
	for _, c := range List[*corev1.ConfigMap](both) {
		keys = append(keys, KeyOf(c).String())
	}
	if diff := cmp.Diff([]string{"ConfigMap a/y", "ConfigMap b/x"}, keys); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if len(List[*corev1.Secret](both)) != 0 || both.Len() != 3 {
		t.Errorf("%d objects, want 3", both.Len())
	}
	if diff := cmp.Diff([]Problem{{Message: "first"}, {Message: "second"}}, both.Problems()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if Union(one) != one {
		t.Error("the union of one set is another")
	}
}

func TestKinds(t *testing.T) {
	for _, kind := range Kinds() {
		object := kind.New()
		if got, ok := KindOf(object); !ok || got.Name != kind.Name {
			t.Errorf("a new %s is a %s", kind.Name, got.Name)
		}
	}
	if _, ok := KindOf(&corev1.Pod{}); ok {
		t.Error("Pod is a known kind")
	}
}
