package scale

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/test/scale/load"
)

// gatewayName is that of the Gateway of a stage, and backendName that of its Service
// and Deployment.
const (
	gatewayName = "gateway"
	backendName = "backend"
)

// Ports of the backends' Service, and what is said there.
const (
	portOne, portTwo = 80, 8080
	one, two         = "one", "two"
)

// stageObjects are those of a stage, but for its namespace. Proxies are as Gateways
// get them when nobody says anything, one replica each.
const stageObjects = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway, namespace: NAMESPACE}
spec:
  gatewayClassName: fsm-gateway-cls
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: v1
kind: Service
metadata: {name: backend, namespace: NAMESPACE}
spec:
  selector: {app: backend}
  ports:
  - {name: one, port: 80, targetPort: 8080}
  - {name: two, port: 8080, targetPort: 8081}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend, namespace: NAMESPACE}
spec:
  replicas: 2
  selector: {matchLabels: {app: backend}}
  template:
    metadata: {labels: {app: backend}}
    spec:
      containers:
      - name: backend
        image: flomesh/pipy:0.99.1-1
        imagePullPolicy: IfNotPresent
        command:
        - pipy
        - -e
        - pipy().listen(8080).serveHTTP(new Message('one')).listen(8081).serveHTTP(new Message('two'))
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
`

// stage is a namespace with a Gateway, and backends for it.
type stage struct {
	*lab
	namespace string
	// address is that of the Gateway's listener.
	address string
}

// newStage makes a stage, which is gone again when the test ends: what is left of one
// measurement must not disturb the next.
func (l *lab) newStage(t *testing.T, name string) *stage {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s := &stage{lab: l, namespace: "scale-" + name}
	s.remove(ctx, t) // what an earlier run may have left
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}
	if _, err := l.kube.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal("make namespace:", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		s.remove(ctx, t)
	})
	if err := l.Apply(ctx, s.manifest()); err != nil {
		t.Fatal("make stage:", err)
	}
	eventually(ctx, t, "the Gateway is programmed", func() (bool, error) {
		g, err := l.objects.GatewayV1().Gateways(s.namespace).Get(ctx, gatewayName, metav1.GetOptions{})
		if err != nil || !meta.IsStatusConditionTrue(g.Status.Conditions, string(gatewayv1.GatewayConditionProgrammed)) || len(g.Status.Addresses) == 0 {
			return false, err
		}
		s.address = net.JoinHostPort(g.Status.Addresses[0].Value, "80")
		return true, nil
	})
	if err := s.rolledOut(ctx, backendName); err != nil {
		t.Fatal(err)
	}
	return s
}

// remove deletes the stage and waits until it is gone. What runs pods goes first: the
// deletion of a namespace waits for as long as pods may take to end, not for as long as
// they do.
func (s *stage) remove(ctx context.Context, t *testing.T) {
	t.Helper()
	if err := s.Delete(ctx, s.manifest()); err != nil {
		t.Fatal("remove stage:", err)
	}
	eventually(ctx, t, "the pods of "+s.namespace+" are gone", func() (bool, error) {
		pods, err := s.kube.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{})
		return err == nil && len(pods.Items) == 0, err
	})
	err := s.kube.CoreV1().Namespaces().Delete(ctx, s.namespace, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal("delete namespace:", err)
	}
	eventually(ctx, t, "namespace "+s.namespace+" is gone", func() (bool, error) {
		_, err := s.kube.CoreV1().Namespaces().Get(ctx, s.namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
}

func (s *stage) manifest() string { return strings.ReplaceAll(stageObjects, "NAMESPACE", s.namespace) }

// host is the name that a route is for.
func host(i int) string { return fmt.Sprintf("r%d.scale.example", i) }

// route is one for a host of its own.
func (s *stage) route(i int) *gatewayv1.HTTPRoute {
	r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: fmt.Sprintf("r%d", i)}}
	r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: gatewayName}}
	r.Spec.Hostnames = []gatewayv1.Hostname{gatewayv1.Hostname(host(i))}
	backend := gatewayv1.HTTPBackendRef{}
	backend.Name, backend.Port = backendName, new(gatewayv1.PortNumber(portOne))
	r.Spec.Rules = []gatewayv1.HTTPRouteRule{{BackendRefs: []gatewayv1.HTTPBackendRef{backend}}}
	return r
}

// create makes a route.
func (s *stage) create(ctx context.Context, i int) error {
	_, err := s.objects.GatewayV1().HTTPRoutes(s.namespace).Create(ctx, s.route(i), metav1.CreateOptions{})
	return err
}

// writers is how many requests to the API server are under way when many routes are
// made.
const writers = 16

// createAll makes the routes from one number to before another, as fast as the API
// server takes them.
func (s *stage) createAll(ctx context.Context, t *testing.T, from, to int) {
	t.Helper()
	numbers := make(chan int)
	failed := make(chan error, writers)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range numbers {
				if err := s.create(ctx, i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	defer wg.Wait()
	defer close(numbers)
	for i := from; i < to; i++ {
		select {
		case numbers <- i:
		case err := <-failed:
			t.Fatal("make routes:", err)
		}
	}
}

// settled waits until so many routes are attached, and every one of them has its
// status: what is measured next must not compete with writing those.
func (s *stage) settled(ctx context.Context, t *testing.T, routes int) {
	t.Helper()
	eventually(ctx, t, fmt.Sprintf("%d routes are accepted", routes), func() (bool, error) {
		g, err := s.objects.GatewayV1().Gateways(s.namespace).Get(ctx, gatewayName, metav1.GetOptions{})
		if err != nil || attachedRoutes(g) != routes {
			return false, err
		}
		list, err := s.objects.GatewayV1().HTTPRoutes(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		accepted := 0
		for i := range list.Items {
			if p := list.Items[i].Status.Parents; len(p) == 1 && meta.IsStatusConditionTrue(p[0].Conditions, string(gatewayv1.RouteConditionAccepted)) {
				accepted++
			}
		}
		return accepted == routes, nil
	})
}

func attachedRoutes(g *gatewayv1.Gateway) int {
	n := 0
	for _, l := range g.Status.Listeners {
		n += int(l.AttachedRoutes)
	}
	return n
}

// served waits until a host is answered.
func (s *stage) served(ctx context.Context, t *testing.T, host string) {
	t.Helper()
	eventually(ctx, t, host+" is served", func() (bool, error) {
		l := load.Start(ctx, load.Options{Address: s.address, Host: host, Rate: 1000, Clients: 1, Fresh: true})
		err := l.Reach(ctx, 1)
		return l.Stop().Failed == 0, err
	})
}

// rolledOut waits until all replicas of a Deployment are those of its latest template,
// and ready.
func (s *stage) rolledOut(ctx context.Context, name string) error {
	return await(ctx, "Deployment "+name+" is rolled out", func() (bool, error) {
		d, err := s.kube.AppsV1().Deployments(s.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		want := *d.Spec.Replicas
		return d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas == want &&
			d.Status.Replicas == want && d.Status.AvailableReplicas == want, nil
	})
}

func eventually(ctx context.Context, t *testing.T, what string, is func() (bool, error)) {
	t.Helper()
	if err := await(ctx, what, is); err != nil {
		t.Fatal(err)
	}
}

// await waits for a state. Errors of asking are told if it does not come.
func await(ctx context.Context, what string, is func() (bool, error)) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := is()
		if ok && err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s: not so in time", what), err)
		}
	}
}
