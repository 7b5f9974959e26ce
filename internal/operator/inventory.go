package operator

import (
	"context"
	"fmt"
	"maps"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"fsm/internal/provision"
)

// resources are the kinds of the objects that Gateways get, and where they are.
var resources = map[string]schema.GroupVersionResource{
	"ServiceAccount":          {Version: "v1", Resource: "serviceaccounts"},
	"ConfigMap":               {Version: "v1", Resource: "configmaps"},
	"Service":                 {Version: "v1", Resource: "services"},
	"Deployment":              {Group: "apps", Version: "v1", Resource: "deployments"},
	"HorizontalPodAutoscaler": {Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"},
	"PodDisruptionBudget":     {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
}

// inventory is what the cluster has of the objects that are labelled as ours. Only
// the metadata are kept of kinds whose changes Kubernetes counts as generations.
type inventory struct {
	kinds map[string]cache.SharedIndexInformer
}

// byOwner is the index of objects by the UIDs of their owners.
const byOwner = "owner"

func owners(object any) ([]string, error) {
	o, ok := object.(metav1.Object)
	if !ok {
		return nil, fmt.Errorf("index a %T by its owners", object)
	}
	var uids []string
	for _, owner := range o.GetOwnerReferences() {
		uids = append(uids, string(owner.UID))
	}
	return uids, nil
}

// follow begins to watch, and returns once everything was read. Changes are told
// with the object as it was, nil for a new one, and as it is, nil for one that is
// gone.
func follow(ctx context.Context, typed kubernetes.Interface, client metadata.Interface, changed func(kind string, before, after metav1.Object)) (*inventory, error) {
	only := func(o *metav1.ListOptions) { o.LabelSelector = provision.ManagedByLabel + "=" + provision.ManagedBy }
	whole := informers.NewSharedInformerFactoryWithOptions(typed, 0, informers.WithTweakListOptions(only))
	others := metadatainformer.NewFilteredSharedInformerFactory(client, 0, metav1.NamespaceAll, only)
	i := &inventory{kinds: map[string]cache.SharedIndexInformer{}}
	for kind, at := range resources {
		informer := others.ForResource(at).Informer
		switch kind {
		case "Service":
			informer = whole.Core().V1().Services().Informer
		case "HorizontalPodAutoscaler":
			informer = whole.Autoscaling().V2().HorizontalPodAutoscalers().Informer
		}
		one := informer()
		i.kinds[kind] = one
		if err := one.SetTransform(strip); err != nil {
			return nil, fmt.Errorf("watch %s: %w", at.Resource, err)
		}
		if err := one.AddIndexers(cache.Indexers{byOwner: owners}); err != nil {
			return nil, fmt.Errorf("index %s: %w", at.Resource, err)
		}
		if _, err := one.AddEventHandler(handler(kind, changed)); err != nil {
			return nil, fmt.Errorf("watch %s: %w", at.Resource, err)
		}
	}
	whole.Start(ctx.Done())
	others.Start(ctx.Done())
	for kind, informer := range i.kinds {
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return nil, fmt.Errorf("read every %s: %w", kind, context.Cause(ctx))
		}
	}
	return i, nil
}

// strip drops what is large and nobody asks for.
func strip(object any) (any, error) {
	if o, ok := object.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	return object, nil
}

func handler(kind string, changed func(kind string, before, after metav1.Object)) cache.ResourceEventHandler {
	object := func(o any) metav1.Object {
		if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
			o = gone.Obj
		}
		object, _ := o.(metav1.Object)
		return object
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { changed(kind, nil, object(o)) },
		UpdateFunc: func(before, after any) { changed(kind, object(before), object(after)) },
		DeleteFunc: func(o any) { changed(kind, object(o), nil) },
	}
}

// owned are the objects of a kind that belong to an object.
func (i *inventory) owned(kind string, owner types.UID) []metav1.Object {
	found, err := i.kinds[kind].GetIndexer().ByIndex(byOwner, string(owner))
	if err != nil {
		return nil // only if there were no such index
	}
	objects := make([]metav1.Object, 0, len(found))
	for _, o := range found {
		if object, ok := o.(metav1.Object); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

// service is the one of a Gateway; nil if there is none.
func (i *inventory) service(owner types.UID) *corev1.Service {
	for _, o := range i.owned("Service", owner) {
		if s, ok := o.(*corev1.Service); ok {
			return s
		}
	}
	return nil
}

// controllers are the Gateways that have anything.
func (i *inventory) controllers() map[types.UID]types.NamespacedName {
	found := map[types.UID]types.NamespacedName{}
	for _, informer := range i.kinds {
		indexer := informer.GetIndexer()
		for _, uid := range indexer.ListIndexFuncValues(byOwner) {
			if _, known := found[types.UID(uid)]; known {
				continue
			}
			objects, err := indexer.ByIndex(byOwner, uid)
			if err != nil || len(objects) == 0 {
				continue
			}
			o, ok := objects[0].(metav1.Object)
			if !ok {
				continue
			}
			if owner := metav1.GetControllerOfNoCopy(o); owner != nil && string(owner.UID) == uid {
				found[owner.UID] = types.NamespacedName{Namespace: o.GetNamespace(), Name: owner.Name}
			}
		}
	}
	return found
}

// same reports whether nothing of an object changed that is for us to decide: the
// status of a Deployment changes all the time.
func same(before, after metav1.Object) bool {
	return before != nil && after != nil && sameSpec(before, after) &&
		maps.Equal(before.GetLabels(), after.GetLabels()) && maps.Equal(before.GetAnnotations(), after.GetAnnotations()) &&
		len(before.GetOwnerReferences()) == len(after.GetOwnerReferences())
}

// sameSpec reports whether the spec of an object is the same as before.
func sameSpec(before, after metav1.Object) bool {
	switch b := before.(type) {
	case *corev1.Service:
		a, ok := after.(*corev1.Service)
		return ok && equality.Semantic.DeepEqual(b.Spec, a.Spec)
	case *autoscalingv2.HorizontalPodAutoscaler:
		a, ok := after.(*autoscalingv2.HorizontalPodAutoscaler)
		return ok && equality.Semantic.DeepEqual(b.Spec, a.Spec)
	}
	return after.GetGeneration() != 0 && before.GetGeneration() == after.GetGeneration()
}
