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
	"k8s.io/client-go/tools/cache"
)

// again is when what failed is tried once more.
const again = time.Second

// Run gives addresses of an IPv4 range to Services until the context ends.
func Run(ctx context.Context, client kubernetes.Interface, addresses string) error {
	prefix, err := netip.ParsePrefix(addresses)
	if err != nil {
		return fmt.Errorf("read range of load balancers: %w", err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	services := factory.Core().V1().Services()
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default: // it will look anyway
		}
	}
	_, err = services.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(any, any) { notify() },
		DeleteFunc: func(any) { notify() },
	})
	if err != nil {
		return fmt.Errorf("watch services: %w", err)
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	factory.WaitForCacheSync(ctx.Done())
	p := &pool{addresses: prefix, last: prefix.Masked().Addr()}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
		all, err := services.Lister().List(labels.Everything())
		if err == nil {
			err = write(ctx, client, p.assign(all))
		}
		if err != nil {
			time.AfterFunc(again, notify)
		}
	}
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
