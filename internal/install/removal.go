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
	// DeleteNamespace deletes the namespace of the control plane.
	DeleteNamespace bool
	// Say is told, in a line, whenever there is something to tell.
	Say func(line string)
}

// Uninstall removes a mesh. What is gone already is fine. The definitions of the
// Gateway API stay, and so do Gateways and their proxies, which go on serving what
// they have.
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
	if r.DeleteNamespace {
		err := c.client.CoreV1().Namespaces().Delete(ctx, r.Namespace, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete namespace %s: %w", r.Namespace, err)
		}
		r.Say(fmt.Sprintf("namespace %s is being deleted", r.Namespace))
	}
	return nil
}
