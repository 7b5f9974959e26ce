package install

import (
	"context"
	"errors"
	"fmt"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Removal says what to remove.
type Removal struct {
	Mesh, Namespace string
	// AuthoritySecret, if it is not empty, is the Secret of the certificate authority
	// to delete as well. A mesh that is installed again without it has another
	// authority.
	AuthoritySecret string
	// Definitions deletes those of FSM's own kinds as well, if no mesh is left that
	// needs them.
	Definitions bool
	// DeleteNamespace deletes the namespace of the control plane.
	DeleteNamespace bool
	// Say is told, in a line, whenever there is something to tell.
	Say func(line string)
}

// Uninstall removes a mesh and its configuration. What is gone already is fine. The
// definitions of the Gateway API stay, and so do Gateways and their proxies, which go
// on serving what they have.
func (c *Cluster) Uninstall(ctx context.Context, r Removal) error {
	if err := c.reachable(ctx); err != nil {
		return err
	}
	h, err := c.helm(r.Namespace)
	if err != nil {
		return err
	}
	if err := c.retireBefore(ctx, r); err != nil {
		return err
	}
	if err := c.stop(ctx, h, r); err != nil {
		return err
	}
	if err := uninstall(h, r.Mesh); err != nil {
		return err
	}
	r.Say(fmt.Sprintf("mesh %s is not in namespace %s any longer", r.Mesh, r.Namespace))
	if r.AuthoritySecret != "" {
		err := c.client.CoreV1().Secrets(r.Namespace).Delete(ctx, r.AuthoritySecret, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete Secret %s/%s: %w", r.Namespace, r.AuthoritySecret, err)
		}
		r.Say(fmt.Sprintf("Secret %s/%s is deleted", r.Namespace, r.AuthoritySecret))
	}
	if r.Definitions {
		if err := c.removeDefinitions(ctx, r.Say); err != nil {
			return err
		}
	}
	if r.DeleteNamespace {
		err := c.client.CoreV1().Namespaces().Delete(ctx, r.Namespace, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete namespace %s: %w", r.Namespace, err)
		}
		r.Say(fmt.Sprintf("namespace %s is being deleted", r.Namespace))
	}
	return nil
}

// stop ends the control plane before anything else goes. One that is still there when
// its GatewayClasses are deleted takes the Gateways for somebody else's, and tells their
// proxies to serve nothing.
func (c *Cluster) stop(ctx context.Context, h *action.Configuration, r Removal) error {
	if _, err := h.Releases.Last(r.Mesh); errors.Is(err, driver.ErrReleaseNotFound) {
		return nil
	} else if err != nil {
		return fmt.Errorf("look for mesh %s: %w", r.Mesh, err)
	}
	err := c.client.AppsV1().Deployments(r.Namespace).Delete(ctx, Controller, metav1.DeleteOptions{
		PropagationPolicy: new(metav1.DeletePropagationBackground),
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Deployment %s/%s: %w", r.Namespace, Controller, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	return poll(ctx, 100*time.Millisecond, func() error {
		pods, err := c.client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + Controller})
		if err != nil {
			return fmt.Errorf("list pods of namespace %s: %w", r.Namespace, err)
		}
		if n := len(pods.Items); n > 0 {
			return fmt.Errorf("uninstall mesh %s: %d pods of the control plane do not end; delete pod %s/%s",
				r.Mesh, n, r.Namespace, pods.Items[0].Name)
		}
		return nil
	})
}

// stopTime is how long the control plane has to end.
const stopTime = time.Minute

// removeDefinitions deletes the definitions of FSM's own kinds, unless another mesh
// needs them.
func (c *Cluster) removeDefinitions(ctx context.Context, say func(string)) error {
	others, err := c.Meshes(ctx)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		say(fmt.Sprintf("the definitions of FSM stay, because mesh %s in namespace %s needs them", others[0].Name, others[0].Namespace))
		return nil
	}
	if err := c.undefine(ctx); err != nil {
		return err
	}
	say("the definitions of FSM are deleted")
	return nil
}
