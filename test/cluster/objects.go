package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"fsm/internal/resource"
)

// Client changes objects as kubectl does: by YAML.
type Client struct {
	objects dynamic.Interface
	kinds   *restmapper.DeferredDiscoveryRESTMapper
}

// NewClient returns a client for a configuration.
func NewClient(config *rest.Config) (*Client, error) {
	connections, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return newClient(config, connections)
}

func newClient(config *rest.Config, connections *http.Client) (*Client, error) {
	objects, err := dynamic.NewForConfigAndClient(config, connections)
	if err != nil {
		return nil, fmt.Errorf("make client of objects: %w", err)
	}
	kinds, err := discovery.NewDiscoveryClientForConfigAndClient(config, connections)
	if err != nil {
		return nil, fmt.Errorf("make client of kinds: %w", err)
	}
	return &Client{objects: objects, kinds: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds))}, nil
}

// Apply creates or changes the objects of a YAML stream, as "kubectl apply
// --server-side" does. It waits for kinds that are not served yet.
func (c *Client) Apply(ctx context.Context, text string) error {
	return c.each(ctx, text, func(r dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		return poll(ctx, func() (bool, error) {
			_, err := r.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: "test", Force: true})
			if unserved(err) {
				return false, nil
			}
			return err == nil, err
		})
	})
}

// unserved tells that the kind is announced and not served yet, which is so for a
// moment after its definition appeared.
func unserved(err error) bool {
	status, ok := err.(apierrors.APIStatus)
	return ok && apierrors.IsNotFound(err) && status.Status().Details != nil && status.Status().Details.Name == ""
}

// ApplyStatus changes the status of the objects of a YAML stream, in the name of a
// field manager.
func (c *Client) ApplyStatus(ctx context.Context, manager, text string) error {
	return c.each(ctx, text, func(r dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		_, err := r.ApplyStatus(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: manager, Force: true})
		return err
	})
}

// Delete removes the objects of a YAML stream, and waits until they are gone.
func (c *Client) Delete(ctx context.Context, text string) error {
	return c.each(ctx, text, func(r dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		err := r.Delete(ctx, o.GetName(), metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground)})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		return poll(ctx, func() (bool, error) {
			_, err := r.Get(ctx, o.GetName(), metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return true, nil
			}
			return false, err
		})
	})
}

// Get reads an object, of which the text needs to have the name only, into a Go
// value.
func (c *Client) Get(ctx context.Context, text string, into any) error {
	return c.each(ctx, text, func(r dynamic.ResourceInterface, o *unstructured.Unstructured) error {
		found, err := r.Get(ctx, o.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		encoded, err := found.MarshalJSON()
		if err != nil {
			return err
		}
		return yaml.Unmarshal(encoded, into)
	})
}

// ApplyFiles applies files that match a pattern.
func (c *Client) ApplyFiles(ctx context.Context, pattern string) error {
	return eachFile(pattern, func(text string) error { return c.Apply(ctx, text) })
}

// DeleteFiles deletes the objects in files that match a pattern.
func (c *Client) DeleteFiles(ctx context.Context, pattern string) error {
	return eachFile(pattern, func(text string) error { return c.Delete(ctx, text) })
}

func eachFile(pattern string, do func(text string) error) error {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		return fmt.Errorf("find files %s: none (%w)", pattern, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read objects: %w", err)
		}
		if err := do(string(text)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// each does something with each object of a YAML stream, in order.
func (c *Client) each(ctx context.Context, text string, do func(dynamic.ResourceInterface, *unstructured.Unstructured) error) error {
	for _, document := range resource.Split([]byte(text)) {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document.Text, &o.Object); err != nil {
			return fmt.Errorf("line %d: %w", document.Line, err)
		}
		r, err := c.resource(ctx, o)
		if err == nil {
			err = do(r, o)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// resource finds where an object belongs.
func (c *Client) resource(ctx context.Context, o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	var found *meta.RESTMapping
	err := poll(ctx, func() (bool, error) {
		var err error
		gvk := o.GroupVersionKind()
		found, err = c.kinds.RESTMapping(gvk.GroupKind(), gvk.Version)
		if meta.IsNoMatchError(err) {
			c.kinds.Reset()
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return nil, err
	}
	r := c.objects.Resource(found.Resource)
	if found.Scope.Name() == meta.RESTScopeNameRoot {
		return r, nil
	}
	if o.GetNamespace() == "" {
		o.SetNamespace(metav1.NamespaceDefault)
	}
	return r.Namespace(o.GetNamespace()), nil
}

// poll asks again and again until the answer is yes.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
