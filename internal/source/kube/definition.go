package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
)

// definitions are the names of the custom resource definitions that the cluster
// has, "httproutes.gateway.networking.k8s.io". It implements the store of a
// reflector over their metadata: the definitions themselves are large.
type definitions struct {
	changed func()

	mu sync.Mutex
	// names have the version of the bundle that each definition came with, empty where
	// it does not tell.
	names    map[string]string
	complete bool
}

// lacks tells that there is certainly no such definition. An API server that just
// started may deny for a moment that it serves what it does serve, so asking it is
// not enough.
func (d *definitions) lacks(plural, group string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, present := d.names[plural+"."+group]
	return d.complete && !present
}

// edit changes the names and tells, if one of them is of a group that matters.
func (d *definitions) edit(object any, present bool) error {
	name := nameOf(object)
	d.mu.Lock()
	if present {
		d.names[name] = bundleOf(object)
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
func (d *definitions) Add(object any) error { return d.edit(object, true) }

// Update takes in a definition; it may have begun to be served.
func (d *definitions) Update(object any) error { return d.edit(object, true) }

// Delete removes a definition.
func (d *definitions) Delete(object any) error { return d.edit(object, false) }

// Replace takes in all definitions.
func (d *definitions) Replace(list []any, _ string) error {
	d.mu.Lock()
	d.names, d.complete = map[string]string{}, true
	for _, object := range list {
		d.names[nameOf(object)] = bundleOf(object)
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

// bundleVersion is the annotation by which the definitions of the Gateway API tell
// their release.
const bundleVersion = "gateway.networking.k8s.io/bundle-version"

func bundleOf(object any) string {
	if o, ok := object.(metav1.Object); ok {
		return o.GetAnnotations()[bundleVersion]
	}
	return ""
}

// BundleVersions are the releases that the cluster's definitions of the Gateway API
// say they are from. When they change, [Source.StatusChanged] tells.
func (s *Source) BundleVersions() []string {
	d := s.definitions
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[string]bool{}
	for name, version := range d.names {
		if _, group, _ := strings.Cut(name, "."); group == gatewayv1.GroupName && version != "" {
			found[version] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
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
