package kube

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"fsm/internal/resource"
)

// place is where the API server serves a kind: the newest version that it and this
// program both know.
type place struct {
	version string
	plural  string
}

// catalogue is what an API server serves, asked for piece by piece.
type catalogue struct {
	server *server
	served map[schema.GroupVersion][]metav1.APIResource
}

func (s *server) catalogue() catalogue {
	return catalogue{server: s, served: map[schema.GroupVersion][]metav1.APIResource{}}
}

// find looks for a kind; ok is false when the API server does not serve it.
func (c catalogue) find(ctx context.Context, kind resource.Kind) (p place, ok bool, err error) {
	for _, version := range kind.Versions {
		served, err := c.resources(ctx, schema.GroupVersion{Group: kind.Group, Version: version})
		if err != nil {
			return place{}, false, err
		}
		i := slices.IndexFunc(served, func(r metav1.APIResource) bool {
			return r.Kind == kind.Name && slices.Contains(r.Verbs, "watch")
		})
		if i >= 0 {
			return place{version: version, plural: served[i].Name}, true, nil
		}
	}
	return place{}, false, nil
}

// resources lists what a version of a group has; nothing when there is no such
// version.
func (c catalogue) resources(ctx context.Context, gv schema.GroupVersion) ([]metav1.APIResource, error) {
	if known, ok := c.served[gv]; ok {
		return known, nil
	}
	client, err := c.server.client(gv)
	if err != nil {
		return nil, err
	}
	path := "/apis/" + gv.String()
	if gv.Group == corev1.GroupName {
		path = "/api/" + gv.Version
	}
	var list metav1.APIResourceList
	err = client.Get().AbsPath(path).SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx).Into(&list)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("ask API server for the kinds of %s: %w", gv, err)
	}
	c.served[gv] = list.APIResources
	return list.APIResources, nil
}
