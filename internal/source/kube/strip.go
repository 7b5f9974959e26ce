package kube

import (
	"maps"
	"reflect"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"fsm/internal/resource"
)

// strip takes from an object, in place, what neither translation nor status look
// at: much memory, and many changes that mean nothing to them.
func strip(kind resource.Kind, object resource.Object) {
	object.SetManagedFields(nil)
	object.SetOwnerReferences(nil)
	object.SetFinalizers(nil)
	object.SetGenerateName("")
	object.SetSelfLink("")
	object.SetAnnotations(meaningful(kind, object.GetAnnotations()))
	// Until it is gone, an object that is being deleted counts like any other.
	object.SetDeletionTimestamp(nil)
	object.SetDeletionGracePeriodSeconds(nil)
	object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{
		Group: kind.Group, Version: kind.Versions[0], Kind: kind.Name,
	})
}

// meaningful are the annotations that say something to us: those of our domain, and
// on Ingresses and their classes those of Ingress controllers. Above all, the copy of
// the whole object that "kubectl apply" leaves is not among them, nor is the time of the
// last change that EndpointSlices carry.
func meaningful(kind resource.Kind, all map[string]string) map[string]string {
	some := maps.Clone(all)
	maps.DeleteFunc(some, func(key, _ string) bool {
		domain, _, _ := strings.Cut(key, "/")
		if kind.Group == networkingv1.GroupName && (strings.HasSuffix(domain, "ingress.kubernetes.io") || key == classAnnotation || key == networkingv1.AnnotationIsDefaultIngressClass) {
			return false
		}
		return domain != "flomesh.io" && !strings.HasSuffix(domain, ".flomesh.io")
	})
	if len(some) == 0 {
		return nil
	}
	return some
}

// Recorded is what a cluster has as the status of an object.
type Recorded struct {
	// Status is a pointer to the Status of the object's type. It must not be
	// changed. It is nil for kinds without one.
	Status any
	// UID and ResourceVersion are those of the object that it was read from.
	UID, ResourceVersion string
}

// takeStatus moves status and resource version out of an object.
func takeStatus(object resource.Object) Recorded {
	r := Recorded{UID: string(object.GetUID()), ResourceVersion: object.GetResourceVersion()}
	object.SetResourceVersion("")
	field := reflect.ValueOf(object).Elem().FieldByName("Status")
	if field.IsValid() {
		status := reflect.New(field.Type())
		status.Elem().Set(field)
		field.SetZero()
		r.Status = status.Interface()
	}
	return r
}
