package install

import (
	"context"
	"fmt"

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
