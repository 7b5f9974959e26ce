package loadbalancer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
)

// Network is where load balancers have their addresses.
type Network struct {
	// Addresses are those that Services get; IPv4.
	Addresses netip.Prefix
	// Route leads traffic for one of the addresses to a node from now on, or to any
	// node if there is no name. Until it is called, all go to any.
	Route func(ctx context.Context, address netip.Addr, node string) error
}

// again is when what failed is tried once more.
const again = time.Second

// Run gives addresses to Services until the context ends.
func Run(ctx context.Context, client kubernetes.Interface, n Network) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	services, slices := factory.Core().V1().Services(), factory.Discovery().V1().EndpointSlices()
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default: // it will look anyway
		}
	}
	for _, informer := range []cache.SharedIndexInformer{services.Informer(), slices.Informer()} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { notify() },
			UpdateFunc: func(any, any) { notify() },
			DeleteFunc: func(any) { notify() },
		})
		if err != nil {
			return fmt.Errorf("watch services: %w", err)
		}
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	factory.WaitForCacheSync(ctx.Done())
	b := &balancer{
		client: client, network: n,
		services: services.Lister(), slices: slices.Lister(),
		pool: &pool{addresses: n.Addresses, last: n.Addresses.Masked().Addr()}, routed: routes{},
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
		if err := b.look(ctx); err != nil {
			time.AfterFunc(again, notify)
		}
	}
}

// balancer has what it takes to do what the Services of a cluster ask for.
type balancer struct {
	client   kubernetes.Interface
	network  Network
	services corelisters.ServiceLister
	slices   discoverylisters.EndpointSliceLister
	pool     *pool
	// routed are the addresses that have been led to a node.
	routed routes
}

// look does what the Services ask for now.
func (b *balancer) look(ctx context.Context) error {
	services, err := b.services.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list services: %w", err)
	}
	endpoints, err := b.slices.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list endpoints: %w", err)
	}
	return errors.Join(
		write(ctx, b.client, b.pool.assign(services)),
		b.routed.change(b.pool.routes(services, endpoints, b.routed), func(address netip.Addr, node string) error {
			return b.network.Route(ctx, address, node)
		}),
	)
}

// write writes what changed into the status of Services. Conflicts are left alone: the
// newer Service is on its way here.
func write(ctx context.Context, client kubernetes.Interface, changes []change) error {
	var failed error
	for _, c := range changes {
		s := c.service.DeepCopy()
		s.Status.LoadBalancer = corev1.LoadBalancerStatus{}
		if c.address.IsValid() {
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: c.address.String()}}
		}
		_, err := client.CoreV1().Services(s.Namespace).UpdateStatus(ctx, s, metav1.UpdateOptions{})
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			failed = errors.Join(failed, fmt.Errorf("write status of service %s/%s: %w", s.Namespace, s.Name, err))
		}
	}
	return failed
}
