package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// toggleEvery is the time between two changes of a route under load.
const toggleEvery = 200 * time.Millisecond

// rolls is how often something is rolled out under load.
const rolls = 10

// toggling changes a route's backend port and its filters under load.
func toggling(t *testing.T, l *lab) {
	s := l.newStage(t, "toggling")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	d := s.drive(ctx, s.serve(ctx, t))
	toggles := 0
	for end := time.Now().Add(scaled(time.Minute)); time.Now().Before(end); toggles++ {
		if err := s.toggle(ctx, toggles%2 == 0); err != nil {
			t.Fatal(err)
		}
		pause(ctx, t, toggleEvery)
	}
	kept, fresh := d.end(t, fmt.Sprintf("while the backend port and a filter change %d times", toggles))
	for _, body := range []string{one, two} {
		if kept.Bodies[body] == 0 || fresh.Bodies[body] == 0 {
			t.Errorf("no answer came from port %q: the changes did not act", body)
		}
	}
}

// toggle gives the route that gets traffic one of two shapes.
func (s *stage) toggle(ctx context.Context, other bool) error {
	r := s.route(0)
	if other {
		r.Spec.Rules[0].BackendRefs[0].Port = new(gatewayv1.PortNumber(portTwo))
		r.Spec.Rules[0].Filters = []gatewayv1.HTTPRouteFilter{{
			Type: gatewayv1.HTTPRouteFilterRequestHeaderModifier,
			RequestHeaderModifier: &gatewayv1.HTTPHeaderFilter{
				Set: []gatewayv1.HTTPHeader{{Name: "X-Toggled", Value: "yes"}},
			},
		}}
	}
	// A patch of the rules alone does not compete with who writes the status.
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"rules": r.Spec.Rules}})
	if err == nil {
		_, err = s.objects.GatewayV1().HTTPRoutes(s.namespace).Patch(ctx, r.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil {
		return fmt.Errorf("change route: %w", err)
	}
	return nil
}

// rolloutsOfBackends replaces the backends' pods under load, again and again.
func rolloutsOfBackends(t *testing.T, l *lab) {
	rollouts(t, l.newStage(t, "backends"), backendName, "of the backends")
}

// rolloutsOfProxies replaces the proxy's pod under load, again and again.
func rolloutsOfProxies(t *testing.T, l *lab) {
	s := l.newStage(t, "proxies")
	name, err := s.proxyName(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rollouts(t, s, name, "of the proxy")
}

// proxyName is the name of the Gateway's Deployment.
func (s *stage) proxyName(ctx context.Context) (string, error) {
	list, err := s.kube.AppsV1().Deployments(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=fsm-gateway"})
	if err != nil || len(list.Items) != 1 {
		return "", fmt.Errorf("find the Deployment of the Gateway: there are %d, %w", len(list.Items), err)
	}
	return list.Items[0].Name, nil
}

func rollouts(t *testing.T, s *stage, deployment, what string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	d := s.drive(ctx, s.serve(ctx, t))
	begun := time.Now()
	for range part(rolls) {
		if err := s.rollOut(ctx, deployment); err != nil {
			t.Fatal(err)
		}
	}
	s.figures.tell(t, fmt.Sprintf("Time for %d rollouts %s", part(rolls), what), rounded(time.Since(begun)))
	pause(ctx, t, farewell)
	d.reach(ctx, t, part(requests))
	d.end(t, fmt.Sprintf("during %d rollouts %s", part(rolls), what))
}

// farewell is how long load goes on after a rollout is over: what it replaced is still
// ending then.
const farewell = 10 * time.Second

// rollOut replaces the pods of a Deployment, as kubectl rollout restart does.
func (s *stage) rollOut(ctx context.Context, deployment string) error {
	restart := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`,
		time.Now().Format(time.RFC3339Nano))
	_, err := s.kube.AppsV1().Deployments(s.namespace).Patch(ctx, deployment, types.StrategicMergePatchType, []byte(restart), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("restart Deployment: %w", err)
	}
	return s.rolledOut(ctx, deployment)
}

// absence takes the controller away for a minute, under load. It is there again at the
// end, and does what it should.
func absence(t *testing.T, l *lab) {
	s := l.newStage(t, "absence")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	d := s.drive(ctx, s.serve(ctx, t))
	replicas := l.scaleController(ctx, t, 0)
	t.Cleanup(func() { // also if this fails
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		l.scaleController(ctx, t, replicas)
	})
	eventually(ctx, t, "the controller is gone", func() (bool, error) {
		pods, err := l.kube.CoreV1().Pods(systemNamespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + controllerName})
		return err == nil && len(pods.Items) == 0, err
	})
	away := scaled(time.Minute)
	pause(ctx, t, away)
	l.scaleController(ctx, t, replicas)
	begun := time.Now()
	if err := s.create(ctx, 1); err != nil {
		t.Fatal("make route:", err)
	}
	s.served(ctx, t, host(1))
	l.figures.tell(t, "From the start of a controller to the answer by a route that it had not seen", rounded(time.Since(begun)))
	pause(ctx, t, scaled(farewell))
	d.end(t, fmt.Sprintf("while the controller is away for %s, and when it comes back", away))
}

// scaleController changes the number of controllers, and returns what it was.
func (l *lab) scaleController(ctx context.Context, t *testing.T, replicas int32) (before int32) {
	t.Helper()
	deployments := l.kube.AppsV1().Deployments(systemNamespace)
	scale, err := deployments.GetScale(ctx, controllerName, metav1.GetOptions{})
	if err == nil {
		before, scale.Spec.Replicas = scale.Spec.Replicas, replicas
		_, err = deployments.UpdateScale(ctx, controllerName, scale, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal("scale the controller:", err)
	}
	return before
}

// pause lets time pass, which is what is measured over.
func pause(ctx context.Context, t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		t.Fatal("out of time:", context.Cause(ctx))
	}
}
