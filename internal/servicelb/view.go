package servicelb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"fsm/internal/provision"
)

// view is what the cluster has, as far as it matters here.
type view struct {
	services   corelisters.ServiceLister
	nodes      corelisters.NodeLister
	daemonSets appslisters.DaemonSetLister
	pods       corelisters.PodLister
	factories  []informers.SharedInformerFactory
}

// Selector of the objects that are made here.
const Selector = provision.ManagedByLabel + "=" + provision.ManagedBy

// follow begins to watch, and returns once everything was read.
func follow(ctx context.Context, client kubernetes.Interface, changed func()) (*view, error) {
	services := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(strip), informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = "spec.type=" + string(corev1.ServiceTypeLoadBalancer)
	}))
	nodes := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(strip))
	own := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(strip), informers.WithNamespace(Namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = Selector }))
	v := &view{
		services: services.Core().V1().Services().Lister(), nodes: nodes.Core().V1().Nodes().Lister(),
		daemonSets: own.Apps().V1().DaemonSets().Lister(), pods: own.Core().V1().Pods().Lister(),
		factories: []informers.SharedInformerFactory{services, nodes, own},
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { changed() }, UpdateFunc: func(any, any) { changed() }, DeleteFunc: func(any) { changed() },
	}
	for _, informer := range []cache.SharedIndexInformer{
		services.Core().V1().Services().Informer(), nodes.Core().V1().Nodes().Informer(),
		own.Apps().V1().DaemonSets().Informer(), own.Core().V1().Pods().Informer(),
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return nil, fmt.Errorf("watch Services, nodes and pods: %w", err)
		}
	}
	for _, f := range v.factories {
		f.Start(ctx.Done())
	}
	for _, f := range v.factories {
		for kind, read := range f.WaitForCacheSync(ctx.Done()) {
			if !read {
				v.stop()
				return nil, fmt.Errorf("read every %v: %w", kind, context.Cause(ctx))
			}
		}
	}
	return v, nil
}

// stop waits for the watches to end, whose context has ended.
func (v *view) stop() {
	for _, f := range v.factories {
		f.Shutdown()
	}
}

// strip drops what is large and nobody asks for. Of the managed fields those of
// statuses that we wrote stay.
func strip(object any) (any, error) {
	o, ok := object.(metav1.Object)
	if !ok {
		return object, nil
	}
	o.SetManagedFields(slices.DeleteFunc(o.GetManagedFields(), func(f metav1.ManagedFieldsEntry) bool { return f.Manager != Manager || f.Subresource != "status" }))
	switch o := o.(type) {
	case *corev1.Pod:
		o.Spec = corev1.PodSpec{NodeName: o.Spec.NodeName}
		o.Status = corev1.PodStatus{Conditions: o.Status.Conditions}
	case *corev1.Node:
		o.Annotations, o.Spec = nil, corev1.NodeSpec{}
		o.Status = corev1.NodeStatus{Addresses: o.Status.Addresses}
	case *appsv1.DaemonSet:
		o.Spec, o.Status = appsv1.DaemonSetSpec{}, appsv1.DaemonSetStatus{}
	}
	return object, nil
}

// state is one look at everything.
type state struct {
	services   []*corev1.Service
	nodes      map[string]*corev1.Node
	daemonSets []*appsv1.DaemonSet
	pods       map[string][]*corev1.Pod // by the DaemonSet
	// chosen says that only some nodes are for load balancers.
	chosen bool
}

func (v *view) state() (*state, error) {
	services, err1 := v.services.List(labels.Everything())
	nodes, err2 := v.nodes.List(labels.Everything())
	daemonSets, err3 := v.daemonSets.List(labels.Everything())
	pods, err4 := v.pods.List(labels.Everything())
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, fmt.Errorf("look at the cluster: %w", err)
	}
	s := &state{nodes: map[string]*corev1.Node{}, pods: map[string][]*corev1.Pod{}, daemonSets: daemonSets}
	for _, n := range nodes {
		s.chosen = s.chosen || n.Labels[NodeLabel] == enabled
	}
	for _, n := range nodes {
		if !s.chosen || n.Labels[NodeLabel] == enabled {
			s.nodes[n.Name] = n
		}
	}
	for _, p := range pods {
		if owner := metav1.GetControllerOf(p); owner != nil && p.DeletionTimestamp == nil {
			s.pods[owner.Name] = append(s.pods[owner.Name], p)
		}
	}
	// Who has ports keeps them; of others the eldest comes first.
	holds := map[string]int{}
	for _, d := range daemonSets {
		holds[d.Name] = -1
	}
	s.services = slices.SortedFunc(slices.Values(services), func(a, b *corev1.Service) int {
		if d := holds[name(a)] - holds[name(b)]; d != 0 {
			return d
		}
		if d := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); d != 0 {
			return d
		}
		return strings.Compare(key(a), key(b))
	})
	return s, nil
}

func key(s *corev1.Service) string { return s.Namespace + "/" + s.Name }
