package kube

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"

	"fsm/internal/resource"
)

// definitions are the names of the custom resource definitions that the cluster
// has, "httproutes.gateway.networking.k8s.io". It implements the store of a
// reflector over their metadata: the definitions themselves are large.
type definitions struct {
	changed func()

	mu       sync.Mutex
	names    map[string]bool
	complete bool
}

// lacks tells that there is certainly no such definition. An API server that just
// started may deny for a moment that it serves what it does serve, so asking it is
// not enough.
func (d *definitions) lacks(plural, group string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.complete && !d.names[plural+"."+group]
}

// edit changes the names and tells, if one of them is of a group that matters.
func (d *definitions) edit(name string, present bool) error {
	d.mu.Lock()
	if present {
		d.names[name] = true
	} else {
		delete(d.names, name)
	}
	d.mu.Unlock()
	if _, group, _ := strings.Cut(name, "."); matters(group) {
		d.changed()
	}
	return nil
}

// matters tells the groups of our kinds that come with definitions.
func matters(group string) bool {
	if builtIn(group) {
		return false
	}
	for _, k := range resource.Kinds() {
		if k.Group == group {
			return true
		}
	}
	return false
}

// Add takes in a definition.
func (d *definitions) Add(object any) error { return d.edit(nameOf(object), true) }

// Update takes in a definition; it may have begun to be served.
func (d *definitions) Update(object any) error { return d.edit(nameOf(object), true) }

// Delete removes a definition.
func (d *definitions) Delete(object any) error { return d.edit(nameOf(object), false) }

// Replace takes in all definitions.
func (d *definitions) Replace(list []any, _ string) error {
	d.mu.Lock()
	d.names, d.complete = map[string]bool{}, true
	for _, object := range list {
		d.names[nameOf(object)] = true
	}
	d.mu.Unlock()
	d.changed()
	return nil
}

// Resync has nothing to do.
func (d *definitions) Resync() error { return nil }

func nameOf(object any) string {
	if o, ok := object.(metav1.Object); ok {
		return o.GetName()
	}
	return ""
}

// watchDefinitions begins to follow the definitions.
func (s *Source) watchDefinitions(ctx context.Context) error {
	client, err := metadata.NewForConfigAndClient(metadata.ConfigFor(s.server.config), s.server.http)
	if err != nil {
		return fmt.Errorf("make client of definitions: %w", err)
	}
	crds := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	lists := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return crds.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.Watch = true
			return crds.Watch(ctx, o)
		},
	}
	log := s.log.With("kind", "CustomResourceDefinition")
	s.reflect(ctx, reflection{
		lists: lists, example: &metav1.PartialObjectMetadata{}, into: s.definitions,
		state: &state{log: log, notify: func() {}}, name: "CustomResourceDefinition",
	})
	return nil
}

// agenda says when to ask the API server again for the kinds that it serves: at
// once after a definition changed, and then some more times, because it takes an API
// server a moment to serve what it has defined. Now and then it is asked besides,
// for the case that definitions must not be watched.
type agenda struct {
	timer *time.Timer
	next  int
}

// pauses before asking, after a change; the last one stays.
var pauses = []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second, time.Minute}

func newAgenda() *agenda { return &agenda{timer: time.NewTimer(pauses[1]), next: 2} }

// restart begins from the front.
func (a *agenda) restart() {
	a.next = 0
	a.plan()
}

// plan sets the timer for the next time.
func (a *agenda) plan() {
	a.timer.Reset(pauses[a.next])
	a.next = min(a.next+1, len(pauses)-1)
}
