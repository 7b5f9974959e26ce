package status_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// Another controller and we write to the status of the same route all the time.
// Neither loses anything.
func TestConflicts(t *testing.T) {
	l := newLab(t)
	l.start(settings{})
	l.Lend(oneListener)
	l.Lend(httpRoute("r"))
	l.settled(1)
	client, err := dynamic.NewForConfig(shared.Admin())
	l.Check(err)
	routes := client.Resource(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}).Namespace("default")

	const rounds = 50
	done := make(chan error, 1)
	go func() {
		for i := range int64(rounds) {
			if err := writeTheirs(l.Ctx, routes, i+1); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range rounds {
		l.Check(l.Apply(l.Ctx, strings.Replace(httpRoute("r"), "port: 80", fmt.Sprintf("port: %d", 81+i), 1)))
	}
	l.Check(<-done)
	l.await(func() string {
		r := l.httpRoute("r")
		if len(r.Status.Parents) != 2 {
			return fmt.Sprintf("parents are %+v", r.Status.Parents)
		}
		for _, p := range r.Status.Parents {
			want := r.Generation
			if p.ControllerName != ourName {
				want = rounds
			}
			if got := find(p.Conditions, "Accepted").ObservedGeneration; got != want {
				return fmt.Sprintf("%s observed %d, want %d", p.ControllerName, got, want)
			}
		}
		return ""
	})
}

// writeTheirs does what a careful controller does: read, change, write, and again
// if somebody was faster.
func writeTheirs(ctx context.Context, routes dynamic.ResourceInterface, generation int64) error {
	for {
		r, err := routes.Get(ctx, "r", metav1.GetOptions{})
		if err != nil {
			return err
		}
		parents, _, err := unstructured.NestedSlice(r.Object, "status", "parents")
		if err != nil {
			return err
		}
		kept := []any{map[string]any{
			"controllerName": "example.com/c",
			"parentRef":      map[string]any{"name": "gw"},
			"conditions": []any{map[string]any{
				"type": "Accepted", "status": "True", "reason": "Theirs", "message": "",
				"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": generation,
			}},
		}}
		for _, p := range parents {
			if p.(map[string]any)["controllerName"] != "example.com/c" {
				kept = append(kept, p)
			}
		}
		if err := unstructured.SetNestedSlice(r.Object, kept, "status", "parents"); err != nil {
			return err
		}
		if _, err = routes.UpdateStatus(ctx, r, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
			return err
		}
	}
}

// A cluster whose definitions are older than we are drops what it does not know. It
// is not sent that again and again.
func TestOlderDefinition(t *testing.T) {
	l := newLab(t)
	const file = "../resource/crds/gateway.networking.k8s.io_gateways.yaml"
	text, err := os.ReadFile(file)
	l.Check(err)
	var definition map[string]any
	l.Check(yaml.Unmarshal(text, &definition))
	versions, _, err := unstructured.NestedSlice(definition, "spec", "versions")
	l.Check(err)
	for _, v := range versions {
		unstructured.RemoveNestedField(v.(map[string]any), "schema", "openAPIV3Schema", "properties", "status", "properties", "attachedListenerSets")
	}
	l.Check(unstructured.SetNestedSlice(definition, versions, "spec", "versions"))
	older, err := yaml.Marshal(definition)
	l.Check(err)
	l.Check(l.Apply(l.Ctx, string(older)))
	t.Cleanup(func() {
		if err := l.ApplyFiles(context.Background(), file); err != nil {
			t.Error(err)
		}
	})
	p, _ := l.start(settings{})
	l.await(func() string { // the new schema takes a moment to be in force
		l.Check(l.Delete(l.Ctx, oneListener))
		l.Check(l.Apply(l.Ctx, oneListener))
		if l.settled(0).Status.AttachedListenerSets != nil {
			return "the newer definition is still in force"
		}
		return ""
	})
	l.Lend(oneListener)
	for i := range int32(10) {
		l.Lend(httpRoute(fmt.Sprintf("r%d", i)))
		l.settled(i + 1)
	}
	before := p.writes.of("gateways/")
	for i := range int32(3) {
		l.Check(l.Delete(l.Ctx, httpRoute(fmt.Sprintf("r%d", i))))
		l.settled(9 - i)
	}
	if n := p.writes.of("gateways/") - before; n > 3 {
		t.Errorf("%d writes to the Gateway for three changes", n)
	}
}
