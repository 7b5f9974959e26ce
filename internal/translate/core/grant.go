package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/translate/memo"
)

// Referrer is what a ReferenceGrant knows of the object that refers.
type Referrer struct {
	Group, Kind, Namespace string
}

// Permits tells whether the referrer may refer to the object: always within its
// own namespace, and elsewhere when a ReferenceGrant of the object's namespace
// says so.
func (s *Source) Permits(r *memo.Recorder, from Referrer, to resource.Key) bool {
	if from.Namespace == to.Namespace {
		return true
	}
	for _, grant := range s.grants.List(r, to.Namespace) {
		if grantedFrom(grant.Spec.From, from) && grantedTo(grant.Spec.To, to) {
			return true
		}
	}
	return false
}

func grantedFrom(list []gatewayv1.ReferenceGrantFrom, from Referrer) bool {
	for _, f := range list {
		if string(f.Group) == from.Group && string(f.Kind) == from.Kind && string(f.Namespace) == from.Namespace {
			return true
		}
	}
	return false
}

func grantedTo(list []gatewayv1.ReferenceGrantTo, to resource.Key) bool {
	for _, t := range list {
		if string(t.Group) == to.Group && string(t.Kind) == to.Kind &&
			(t.Name == nil || *t.Name == "" || string(*t.Name) == to.Name) {
			return true
		}
	}
	return false
}

// NamespaceMatches tells whether the labels of a namespace match. The label that
// every namespace carries is there even when the set has no such object, as is
// usual with files.
func (s *Source) NamespaceMatches(r *memo.Recorder, namespace string, selector labels.Selector) bool {
	found := labels.Set{}
	if ns := Get[*corev1.Namespace](s, r, types.NamespacedName{Name: namespace}); ns != nil {
		found = labels.Merge(found, ns.Labels)
	}
	found[corev1.LabelMetadataName] = namespace
	return selector.Matches(found)
}
