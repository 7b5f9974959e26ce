package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
)

// object is what a Writer remembers of an object.
type object struct {
	budget *rate.Limiter
	// agreed is the resource version at which the status said what agreedOn asks for.
	agreed   string
	agreedOn any
	// sent is the resource version from which the last write was made. While that is
	// the one that the source has, the write has not come back yet, and what it would
	// be compared with is out of date.
	sent string
	// futile are the names of fields that were written and changed nothing: the
	// cluster's definition of the kind is too old to have them. They are written again
	// together with others only.
	futile string
	// failed is set when the last write did not succeed and should be tried again.
	failed  bool
	failure string
}

// task is a write.
type task struct {
	*object
	key     resource.Key
	version string // resource version
	fields  fields
}

// examine finds out whether there is something to write now, or else when.
func (w *Writer) examine(d demand) (t *task, wait time.Duration) {
	recorded, ok := w.options.Source.Recorded(d.key)
	if !ok || recorded.Status == nil {
		return nil, 0
	}
	o := w.objects[d.key]
	if o == nil {
		o = &object{budget: rate.NewLimiter(objectRate, objectBurst)}
		w.objects[d.key] = o
	}
	switch version := recorded.ResourceVersion; {
	case d.shared && o.agreed == version && o.agreedOn == d.status:
		return nil, 0
	case o.sent == version && !o.failed:
		return nil, 0
	}
	m := w.merger()
	m.stays = func(ref gatewayv1.ParentReference) bool { return w.orphaned(d.key.Namespace, ref) }
	missing := m.compare(recorded.Status, d.status)
	if names := missing.names(); names == "" || names == o.futile {
		o.agreed, o.agreedOn, o.failed = recorded.ResourceVersion, d.status, false
		return nil, 0
	}
	if wait := untilNext(o.budget); wait > 0 {
		return nil, wait
	}
	o.budget.Allow()
	o.sent = recorded.ResourceVersion
	return &task{object: o, key: d.key, version: recorded.ResourceVersion, fields: missing}, 0
}

// write sends a task to the API server.
func (w *Writer) write(ctx context.Context, t task) error {
	version, plural, ok := w.options.Source.Version(t.key.KindID())
	if !ok {
		return nil // the kind is gone, and its objects will be
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": t.version},
		"status":   t.fields,
	})
	if err != nil {
		return fmt.Errorf("encode status of %s: %w", t.key, err)
	}
	path := []string{"/apis", t.key.Group, version}
	if t.key.Namespace != "" {
		path = append(path, "namespaces", t.key.Namespace)
	}
	path = append(append(path, plural, t.key.Name), subresource(t.key)...)
	var result metav1.PartialObjectMetadata
	answer, err := w.client.Patch(types.MergePatchType).AbsPath(path...).Body(patch).Do(ctx).Raw()
	if err == nil {
		err = json.Unmarshal(answer, &result)
	}
	w.count(t.key.KindID(), err)
	switch {
	case err == nil:
		if result.ResourceVersion == t.version {
			t.futile, t.sent = t.fields.names(), "" // nothing will come back
		}
		return nil
	case apierrors.IsNotFound(err), ctx.Err() != nil:
		return nil
	case apierrors.IsConflict(err):
		return nil // what changed in between is on its way to the source
	case apierrors.IsInvalid(err):
		w.complain(t, err)
		return nil // it will not become valid before something changes
	default:
		w.complain(t, err)
		return fmt.Errorf("write status of %s: %w", t.key, err)
	}
}

// count counts a write by what came of it.
func (w *Writer) count(kind string, err error) {
	result := "failed"
	switch {
	case err == nil:
		result = "written"
	case errors.Is(err, context.Canceled):
		return
	case apierrors.IsNotFound(err):
		result = "gone"
	case apierrors.IsConflict(err):
		result = "conflict"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writes[kind] == nil {
		w.writes[kind] = map[string]uint64{}
	}
	w.writes[kind][result]++
}

// Writes counts the writes so far, by kind of object and by result: written,
// conflict when the object had changed, gone when it did not exist any longer, or
// failed.
func (w *Writer) Writes() map[string]map[string]uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	writes := maps.Clone(w.writes)
	for kind := range writes {
		writes[kind] = maps.Clone(writes[kind])
	}
	return writes
}

// complain logs each kind of failure once for each object.
func (w *Writer) complain(t task, err error) {
	if text := err.Error(); t.failure != text {
		t.failure = text
		w.log.Warn("cannot write status", "object", t.key.String(), "error", err)
	}
}

// outcome notes how a write ended. An object has one write at a time.
func (o *object) outcome(err error) {
	o.failed = err != nil
	if err == nil {
		o.failure = ""
	}
}

// newClient makes a client that is told whole paths.
func newClient(config *rest.Config) (*rest.RESTClient, error) {
	config.GroupVersion = &schema.GroupVersion{}
	config.APIPath = "/apis"
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.UnversionedRESTClientFor(config)
}
