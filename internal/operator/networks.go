package operator

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"fsm/internal/ir"
	"fsm/internal/resource"
)

// networks are those of the cluster itself, to which no name that a user writes may
// resolve. They come from the nodes and from the ServiceCIDRs. Not every network
// plug-in hands out what the nodes say, and clusters before 1.33 have no ServiceCIDRs;
// the addresses of Services and of pods behind Services that are known to be outside
// all of them are therefore added one by one.
type networks struct {
	// kinds that are watched.
	kinds []cache.SharedIndexInformer
	// current makes the restriction that goes with the latest objects, when a proxy
	// that resolves names asks for it.
	current atomic.Pointer[func() *ir.Resolution]
}

// watchNetworks begins to watch, and returns once everything was read. Changes are
// told until the context ends.
func watchNetworks(ctx context.Context, client kubernetes.Interface, changed func()) (*networks, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(stripNetworks))
	n := &networks{kinds: []cache.SharedIndexInformer{factory.Core().V1().Nodes().Informer()}}
	ranges, err := servesServiceCIDRs(client.Discovery())
	if err != nil {
		return nil, err
	}
	if ranges {
		n.kinds = append(n.kinds, factory.Networking().V1().ServiceCIDRs().Informer())
	}
	for _, informer := range n.kinds {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { changed() },
			UpdateFunc: func(before, after any) {
				// Nodes tell every few minutes that they are alive.
				if !slices.Equal(networksOf(before), networksOf(after)) {
					changed()
				}
			},
			DeleteFunc: func(any) { changed() },
		})
		if err != nil {
			return nil, fmt.Errorf("watch networks: %w", err)
		}
	}
	factory.Start(ctx.Done())
	for _, informer := range n.kinds {
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return nil, fmt.Errorf("read networks of the cluster: %w", context.Cause(ctx))
		}
	}
	return n, nil
}

// servesServiceCIDRs tells whether the cluster has them; they came with version 1.33.
func servesServiceCIDRs(client discovery.DiscoveryInterface) (bool, error) {
	list, err := client.ServerResourcesForGroupVersion(networkingv1.SchemeGroupVersion.String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask API server for the kinds of %s: %w", networkingv1.SchemeGroupVersion, err)
	}
	return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Kind == "ServiceCIDR" }), nil
}

// stripNetworks keeps of nodes, which are large, what networksOf looks at.
func stripNetworks(object any) (any, error) {
	switch o := object.(type) {
	case *corev1.Node:
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion},
			Spec:       corev1.NodeSpec{PodCIDR: o.Spec.PodCIDR, PodCIDRs: o.Spec.PodCIDRs},
			Status:     corev1.NodeStatus{Addresses: o.Status.Addresses},
		}, nil
	case metav1.Object:
		o.SetManagedFields(nil)
	}
	return object, nil
}

// networksOf are the networks that an object is about. What is none, such as the host
// name of a node, is left out.
func networksOf(object any) (list []netip.Prefix) {
	switch o := object.(type) {
	case *corev1.Node:
		for _, cidr := range append(slices.Clone(o.Spec.PodCIDRs), o.Spec.PodCIDR) {
			list = appendNetwork(list, cidr)
		}
		for _, a := range o.Status.Addresses {
			list = appendAddress(list, a.Address)
		}
	case *networkingv1.ServiceCIDR:
		for _, cidr := range o.Spec.CIDRs {
			list = appendNetwork(list, cidr)
		}
	}
	return list
}

func appendNetwork(list []netip.Prefix, cidr string) []netip.Prefix {
	if p, err := netip.ParsePrefix(cidr); err == nil {
		return append(list, p.Masked())
	}
	return list
}

func appendAddress(list []netip.Prefix, address string) []netip.Prefix {
	if a, err := netip.ParseAddr(address); err == nil {
		a = a.Unmap().WithZone("")
		return append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	return list
}

// translated has the restriction made anew, from the objects that were translated.
func (n *networks) translated(set *resource.Set) {
	current := sync.OnceValue(func() *ir.Resolution { return n.resolution(set) })
	n.current.Store(&current)
}

// restriction is the latest one; nil before the first translation.
func (n *networks) restriction() *ir.Resolution {
	if current := n.current.Load(); current != nil {
		return (*current)()
	}
	return nil
}

func (n *networks) resolution(set *resource.Set) *ir.Resolution {
	var known []netip.Prefix
	for _, informer := range n.kinds {
		for _, object := range informer.GetStore().List() {
			known = append(known, networksOf(object)...)
		}
	}
	known = merged(known)
	r := &ir.Resolution{Refused: merged(append(known, strays(known, set)...))}
	r.Seal()
	return r
}

// strays are the addresses of Services and pods that are outside all known networks.
// A slice that somebody wrote for machines outside the cluster is not about pods.
func strays(known []netip.Prefix, set *resource.Set) (list []netip.Prefix) {
	for _, s := range resource.List[*corev1.Service](set) {
		for _, ip := range s.Spec.ClusterIPs {
			list = appendAddress(list, ip)
		}
	}
	for _, slice := range resource.List[*discoveryv1.EndpointSlice](set) {
		for _, e := range slice.Endpoints {
			if e.TargetRef == nil || e.TargetRef.Kind != "Pod" {
				continue
			}
			for _, ip := range e.Addresses {
				list = appendAddress(list, ip)
			}
		}
	}
	return slices.DeleteFunc(list, func(p netip.Prefix) bool { return within(known, p) })
}

// within tells whether one of the merged networks has all of a network: the last one
// that does not begin after it, because they do not overlap.
func within(all []netip.Prefix, p netip.Prefix) bool {
	i, found := slices.BinarySearchFunc(all, p, netip.Prefix.Compare)
	if found {
		return true
	}
	return i > 0 && all[i-1].Bits() <= p.Bits() && all[i-1].Contains(p.Addr())
}

// merged are the same networks in order, with none inside another one, and with two
// halves made one: the nodes of a large cluster have many, side by side.
func merged(all []netip.Prefix) []netip.Prefix {
	all = slices.Clone(all)
	slices.SortFunc(all, netip.Prefix.Compare)
	var list []netip.Prefix
	for _, p := range all {
		if n := len(list); n > 0 && list[n-1].Overlaps(p) {
			continue
		}
		list = append(list, p)
		for n := len(list); n > 1; n = len(list) {
			whole := netip.PrefixFrom(list[n-2].Addr(), list[n-2].Bits()-1)
			if list[n-2].Bits() != list[n-1].Bits() || whole.Masked() != whole || !whole.Contains(list[n-1].Addr()) {
				break
			}
			list = append(list[:n-2], whole)
		}
	}
	return list
}
