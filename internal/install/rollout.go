package install

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/inspect"
)

// Controller is the name of the Deployment of the control plane, and the label
// "app" of its objects.
const Controller = "fsm-controller"

// reminder is how often to say what is still waited for.
const reminder = 10 * time.Second

// rollout waits until the control plane runs in its latest version, and says what
// it waits for: whenever that changes, and now and then.
func (c *Cluster) rollout(ctx context.Context, namespace string, say func(string)) error {
	said, start, last := "", time.Now(), time.Now()
	err := poll(ctx, 250*time.Millisecond, func() error {
		d, err := c.client.AppsV1().Deployments(namespace).Get(ctx, Controller, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("read Deployment %s/%s: %w", namespace, Controller, err)
		}
		state, done := progress(d)
		if done {
			return nil
		}
		if trouble := c.trouble(ctx, d); trouble != "" {
			state += ": " + trouble
		}
		switch {
		case state != said:
			said, last = state, time.Now()
			say(Controller + ": " + state)
		case time.Since(last) >= reminder:
			last = time.Now()
			say(fmt.Sprintf("%s: %s, for %s now", Controller, state, time.Since(start).Round(time.Second)))
		}
		return fmt.Errorf("deployment %s/%s: %s", namespace, Controller, state)
	})
	if err != nil {
		return fmt.Errorf("%w; see more with: kubectl describe pods -n %s -l app=%s", err, namespace, Controller)
	}
	say(Controller + ": done")
	return nil
}

// progress says how far a Deployment is.
func progress(d *appsv1.Deployment) (state string, done bool) {
	want, s := int32(1), d.Status
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	switch {
	case s.ObservedGeneration < d.Generation, s.UpdatedReplicas < want:
		return fmt.Sprintf("%d of %d replicas updated", s.UpdatedReplicas, want), false
	case s.AvailableReplicas < want:
		return fmt.Sprintf("%d of %d replicas ready", s.AvailableReplicas, want), false
	case s.Replicas > s.UpdatedReplicas:
		return fmt.Sprintf("%d old replicas to end", s.Replicas-s.UpdatedReplicas), false
	}
	return "", true
}

// trouble is why a Deployment does not get on, if anything says so: its own
// conditions when it cannot make pods, or what the newest pod waits for.
func (c *Cluster) trouble(ctx context.Context, d *appsv1.Deployment) string {
	for _, condition := range d.Status.Conditions {
		if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
			return condition.Message
		}
	}
	pods, err := c.client.CoreV1().Pods(d.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)})
	if err != nil || len(pods.Items) == 0 {
		return ""
	}
	newest := slices.MaxFunc(pods.Items, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	if what := inspect.Obstacle(&newest); what != "" {
		return "pod " + newest.Name + ": " + what
	}
	return ""
}
