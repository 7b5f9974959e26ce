package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/yaml"

	"fsm/internal/resource"
)

// Annotations that the definitions of the Gateway API carry.
const (
	bundleVersion = "gateway.networking.k8s.io/bundle-version"
	bundleChannel = "gateway.networking.k8s.io/channel"
)

var definitionKind = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// definition is one of ours, and what the cluster has under its name.
type definition struct {
	ours, theirs *unstructured.Unstructured
}

// older tells that the cluster has the definition in an older version. One that
// says no version is somebody's own and counts as not older.
func (d *definition) older() bool { return compareBundles(d.theirs, d.ours) < 0 }

// newer tells that the cluster has the definition in a newer version.
func (d *definition) newer() bool { return compareBundles(d.theirs, d.ours) > 0 }

// compareBundles compares the versions of two definitions; what has none counts as
// equal.
func compareBundles(a, b *unstructured.Unstructured) int {
	if a == nil || b == nil {
		return 0
	}
	x, err := version.ParseSemantic(a.GetAnnotations()[bundleVersion])
	if err != nil {
		return 0
	}
	y, err := version.ParseSemantic(b.GetAnnotations()[bundleVersion])
	if err != nil {
		return 0
	}
	switch {
	case x.LessThan(y):
		return -1
	case y.LessThan(x):
		return 1
	}
	return 0
}

// define installs the definitions of the Gateway API that are absent or older. If
// one of them is newer the bundle is somebody else's, and all of it is left alone:
// versions of a bundle are made to be used together.
func (c *Cluster) define(ctx context.Context, say func(string)) error {
	all, err := c.compare(ctx)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.newer() {
			a := d.theirs.GetAnnotations()
			say(fmt.Sprintf("Gateway API %s (%s) is installed and newer: left as it is", a[bundleVersion], a[bundleChannel]))
			return nil
		}
	}
	changed := 0
	for _, d := range all {
		did, err := c.put(ctx, d)
		if err != nil {
			return fmt.Errorf("install CustomResourceDefinition %s: %w", d.ours.GetName(), err)
		}
		if did {
			changed++
		}
	}
	if changed == 0 {
		say("Gateway API: the definitions are there")
		return nil
	}
	for _, d := range all {
		if err := c.established(ctx, d.ours.GetName()); err != nil {
			return err
		}
	}
	a := all[0].ours.GetAnnotations()
	say(fmt.Sprintf("Gateway API %s (%s): %d of %d definitions installed", a[bundleVersion], a[bundleChannel], changed, len(all)))
	return nil
}

// defineOwn installs the definitions of FSM's own kinds, which the chart has. They
// are part of a version as its program is, so those that are there are replaced; but
// not those of kinds that are Istio's, where Istio has installed them.
func (c *Cluster) defineOwn(ctx context.Context, from *chart.Chart) error {
	var texts [][]byte
	for _, d := range from.CRDObjects() {
		texts = append(texts, d.File.Data)
	}
	all, err := c.find(ctx, texts)
	if err != nil {
		return err
	}
	for _, d := range all {
		if err = c.settled(ctx, d); err != nil {
			return err
		}
		switch {
		case d.theirs == nil:
			_, err = c.objects.Resource(definitionKind).Create(ctx, d.ours, metav1.CreateOptions{FieldManager: manager})
		case foreign(d.theirs):
			continue
		default:
			err = c.replace(ctx, d)
		}
		if err == nil {
			err = c.established(ctx, d.ours.GetName())
		}
		if err != nil {
			return fmt.Errorf("install CustomResourceDefinition %s: %w", d.ours.GetName(), err)
		}
	}
	return nil
}

// foreign tells that a definition of a group which is not FSM's was installed by
// somebody else.
func foreign(o *unstructured.Unstructured) bool {
	_, group, _ := strings.Cut(o.GetName(), ".")
	own := group == "flomesh.io" || strings.HasSuffix(group, ".flomesh.io")
	return !own && o.GetLabels()[ownLabel] != ownValue
}

// Every definition of the chart carries this label.
const ownLabel, ownValue = "app.kubernetes.io/name", "flomesh.io"

// undefine deletes the definitions of FSM's own kinds, and with them all objects of
// these kinds.
func (c *Cluster) undefine(ctx context.Context) error {
	own, err := loadChart("", "")
	if err != nil {
		return err
	}
	for _, d := range own.CRDObjects() {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal(d.File.Data, &o.Object); err != nil {
			return fmt.Errorf("read definition: %w", err)
		}
		theirs, err := c.objects.Resource(definitionKind).Get(ctx, o.GetName(), metav1.GetOptions{})
		if err == nil && !foreign(theirs) {
			err = c.objects.Resource(definitionKind).Delete(ctx, o.GetName(), metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete CustomResourceDefinition %s: %w", o.GetName(), err)
		}
	}
	return nil
}

// compare finds what the cluster has of the definitions of the Gateway API.
func (c *Cluster) compare(ctx context.Context) ([]*definition, error) {
	texts, err := resource.Definitions()
	if err != nil {
		return nil, err
	}
	return c.find(ctx, texts)
}

// find finds what the cluster has under the names of definitions.
func (c *Cluster) find(ctx context.Context, texts [][]byte) ([]*definition, error) {
	var all []*definition
	for _, text := range texts {
		d := &definition{ours: new(unstructured.Unstructured)}
		if err := yaml.Unmarshal(text, &d.ours.Object); err != nil {
			return nil, fmt.Errorf("read definition: %w", err)
		}
		theirs, err := c.objects.Resource(definitionKind).Get(ctx, d.ours.GetName(), metav1.GetOptions{})
		switch {
		case err == nil:
			d.theirs = theirs
		case !apierrors.IsNotFound(err):
			return nil, fmt.Errorf("read CustomResourceDefinition %s: %w", d.ours.GetName(), err)
		}
		all = append(all, d)
	}
	return all, nil
}

// put creates or replaces a definition, if that is what it needs.
func (c *Cluster) put(ctx context.Context, d *definition) (did bool, err error) {
	if err := c.settled(ctx, d); err != nil {
		return false, err
	}
	switch {
	case d.theirs == nil:
		_, err = c.objects.Resource(definitionKind).Create(ctx, d.ours, metav1.CreateOptions{FieldManager: manager})
	case d.older():
		err = c.replace(ctx, d)
	default:
		return false, nil
	}
	return err == nil, err
}

// settled waits until a definition that is being deleted is gone. It would still be
// found, could even be replaced, and would go nevertheless.
func (c *Cluster) settled(ctx context.Context, d *definition) error {
	if d.theirs == nil || d.theirs.GetDeletionTimestamp() == nil {
		return nil
	}
	name, gone := d.theirs.GetName(), d.theirs.GetUID()
	return poll(ctx, 100*time.Millisecond, func() error {
		theirs, err := c.objects.Resource(definitionKind).Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			d.theirs = nil
			return nil
		case err != nil:
			return fmt.Errorf("read CustomResourceDefinition %s: %w", name, err)
		case theirs.GetUID() == gone:
			return fmt.Errorf("CustomResourceDefinition %s is being deleted", name)
		}
		d.theirs = theirs
		return nil
	})
}

// replace replaces a definition. The resource version is that of what was judged.
func (c *Cluster) replace(ctx context.Context, d *definition) error {
	next := d.ours.DeepCopy()
	next.SetResourceVersion(d.theirs.GetResourceVersion())
	_, err := c.objects.Resource(definitionKind).Update(ctx, next, metav1.UpdateOptions{FieldManager: manager})
	return err
}

// manager is who changes objects, to the API server.
const manager = "fsm-install"

// established waits until objects of a definition can be made: until the API server
// has accepted it, and then until discovery tells of it, which comes a little later and
// is where Helm looks.
func (c *Cluster) established(ctx context.Context, name string) error {
	return poll(ctx, 100*time.Millisecond, func() error {
		o, err := c.objects.Resource(definitionKind).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("read CustomResourceDefinition %s: %w", name, err)
		}
		if !accepted(o) {
			return fmt.Errorf("CustomResourceDefinition %s is not established", name)
		}
		// An error is about groups that others serve, and that may be away.
		_, found, err := c.client.Discovery().ServerGroupsAndResources()
		if len(found) == 0 && err != nil {
			return fmt.Errorf("ask which kinds there are: %w", err)
		}
		if !discovered(o, found) {
			return fmt.Errorf("CustomResourceDefinition %s is established and not to be discovered yet", name)
		}
		return nil
	})
}

// accepted tells whether the API server has accepted a definition.
func accepted(definition *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	for _, item := range conditions {
		if condition, _ := item.(map[string]any); condition["type"] == "Established" && condition["status"] == "True" {
			return true
		}
	}
	return false
}

// discovered tells whether discovery has all versions of a definition that are served.
func discovered(definition *unstructured.Unstructured, found []*metav1.APIResourceList) bool {
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	for _, item := range versions {
		version, _ := item.(map[string]any)
		if version["served"] != true {
			continue
		}
		name := fmt.Sprintf("%s/%v", group, version["name"])
		if !slices.ContainsFunc(found, func(l *metav1.APIResourceList) bool {
			return l.GroupVersion == name &&
				slices.ContainsFunc(l.APIResources, func(r metav1.APIResource) bool { return r.Name == plural })
		}) {
			return false
		}
	}
	return true
}

// poll asks until the answer is no error. If the context ends before that it
// returns the last answer.
func poll(ctx context.Context, pause time.Duration, ask func() error) error {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	var last error
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // and not that the context ended while asking
		}
		select {
		case <-ctx.Done():
			return last
		case <-ticker.C:
		}
	}
}
