package operator

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/provision"
)

// applied is an object as it was last applied, and the version that it got.
type applied struct {
	sum     [sha256.Size]byte
	version string
}

// apply makes an object what it should be, if that was not done already.
func (w *workloads) apply(ctx context.Context, o runtime.Object) error {
	body, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode object: %w", err)
	}
	accessor, err := meta.Accessor(o)
	if err != nil {
		return fmt.Errorf("look at object: %w", err)
	}
	kind := o.GetObjectKind().GroupVersionKind().Kind
	key, sum := kind+" "+accessor.GetNamespace()+"/"+accessor.GetName(), sha256.Sum256(body)
	w.mu.Lock()
	done := w.applied[key].sum == sum
	w.mu.Unlock()
	if done {
		return nil
	}
	result, err := w.c.metadata.Resource(resources[kind]).Namespace(accessor.GetNamespace()).Patch(ctx, accessor.GetName(),
		types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: Name, Force: new(true)})
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // the Gateway will be gone as well
	}
	if err != nil {
		return fmt.Errorf("apply %s: %w", key, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.applied[key] = applied{sum: sum, version: result.ResourceVersion}
	return nil
}

// remove deletes the objects of a kind that an owner controls and that are labelled as
// ours, but for one of a name.
func (w *workloads) remove(ctx context.Context, kind string, owner types.UID, except string) error {
	var failures []error
	for _, o := range w.inventory.owned(kind, owner) {
		if !metav1.IsControlledBy(o, &metav1.ObjectMeta{UID: owner}) || o.GetDeletionTimestamp() != nil || o.GetName() == except {
			continue
		}
		uid := o.GetUID()
		err := w.c.metadata.Resource(resources[kind]).Namespace(o.GetNamespace()).Delete(ctx, o.GetName(), metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: new(metav1.DeletePropagationBackground),
		})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			failures = append(failures, fmt.Errorf("delete %s %s/%s: %w", kind, o.GetNamespace(), o.GetName(), err))
		}
	}
	return errors.Join(failures...)
}

// named are the kinds whose objects have the name of the workload and are always
// there.
var named = []string{"Deployment", "ServiceAccount", "Service"}

// name is what the objects of a Gateway are called: what they are called already,
// if they are there.
func (w *workloads) name(ctx context.Context, g *gatewayv1.Gateway) (string, error) {
	for _, kind := range named {
		for _, o := range w.inventory.owned(kind, g.UID) {
			return o.GetName(), nil
		}
	}
	w.mu.Lock()
	taken := map[string]bool{}
	for uid, m := range w.made {
		if uid == g.UID && m.name != "" {
			w.mu.Unlock()
			return m.name, nil
		}
		if m.from.gateway.Namespace == g.Namespace {
			taken[m.name] = true
		}
	}
	w.mu.Unlock()
	var failures []error
	name := provision.Name(g.Namespace, g.Name, func(name string) bool {
		is, err := w.taken(ctx, g, name)
		failures = append(failures, err)
		return is || taken[name]
	})
	return name, errors.Join(failures...)
}

// errSucceeding is in the errors about names that the objects of a Gateway which is
// gone still have. A Gateway that comes in its place waits for them to go, because
// its users know the Service by that name.
var errSucceeding = errors.New("still there from a Gateway that was deleted, waiting until it is gone")

// taken reports whether there is an object of somebody else with a name: applying
// ours would make it a mixture of both.
func (w *workloads) taken(ctx context.Context, g *gatewayv1.Gateway, name string) (bool, error) {
	for _, kind := range named {
		o, err := w.c.metadata.Resource(resources[kind]).Namespace(g.Namespace).Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return false, fmt.Errorf("look for %s %s/%s: %w", kind, g.Namespace, name, err)
		case metav1.IsControlledBy(o, g):
		default:
			owner := metav1.GetControllerOfNoCopy(o)
			if owner != nil && owner.Kind == "Gateway" && o.Labels[provision.ManagedByLabel] == provision.ManagedBy && !w.c.isGateway(g.Namespace, owner) {
				return false, fmt.Errorf("%s %s/%s: %w", kind, g.Namespace, name, errSucceeding)
			}
			return true, nil
		}
	}
	return false, nil
}
