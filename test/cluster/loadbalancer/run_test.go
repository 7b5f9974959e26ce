package loadbalancer

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// A Service gets its address into its status, and a route to its pod that is made again
// where that failed, and taken away with the Service.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := fake.NewClientset()
	type led struct {
		address netip.Addr
		node    string
	}
	calls := make(chan led, 10)
	failures := 1
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	go func() {
		ended <- Run(running, client, Network{Addresses: addresses, Route: func(_ context.Context, a netip.Addr, node string) error {
			calls <- led{a, node}
			if failures--; failures == 0 {
				return errors.New("not now")
			}
			return nil
		}})
	}()
	call := func() led {
		t.Helper()
		select {
		case c := <-calls:
			return c
		case <-ctx.Done():
			t.Fatal("no route is changed")
			return led{}
		}
	}

	services := client.CoreV1().Services("blue")
	watch, err := services.Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	if _, err := services.Create(ctx, service("a", 1, local), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var address netip.Addr
	for event := range watch.ResultChan() {
		if ingress := event.Object.(*corev1.Service).Status.LoadBalancer.Ingress; len(ingress) == 1 {
			address = netip.MustParseAddr(ingress[0].IP)
			break
		}
	}
	slice := endpoint("a", "node-2", discoveryv1.EndpointConditions{Ready: new(true)})
	if _, err := client.DiscoveryV1().EndpointSlices("blue").Create(ctx, slice, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := call(); got != (led{address, "node-2"}) {
			t.Errorf("route %v, not of %s to the node of the pod", got, address)
		}
	}
	if err := services.Delete(ctx, "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := call(); got != (led{address, ""}) {
		t.Errorf("route %v after the service is gone", got)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
