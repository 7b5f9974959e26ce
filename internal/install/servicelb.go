package install

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"fsm/internal/servicelb"
)

// retireTime is how long an uninstallation waits for Services to lose the addresses
// that they got.
const retireTime = 30 * time.Second

// retire waits until no Service is served on nodes any longer. The rights to take
// addresses back must be there until then.
func (c *Cluster) retire(ctx context.Context, say func(string)) error {
	return drained(ctx, say, draining{
		what: "taking the addresses of nodes away from Services: %d", left: "%d Services are still served on nodes; is the control plane running?",
		count: func(ctx context.Context) (int, error) {
			list, err := c.client.AppsV1().DaemonSets(servicelb.Namespace).List(ctx, metav1.ListOptions{LabelSelector: servicelb.Selector})
			if err != nil {
				return 0, fmt.Errorf("list DaemonSets in namespace %s: %w", servicelb.Namespace, err)
			}
			return len(list.Items), nil
		},
	})
}

// draining is something that the control plane clears up. Both texts have the number.
type draining struct {
	what, left string
	count      func(context.Context) (int, error)
}

// drained waits until nothing is left.
func drained(ctx context.Context, say func(string), d draining) error {
	said, left := false, 0
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		var err error
		if left, err = d.count(ctx); err != nil {
			return false, err
		}
		if left > 0 && !said {
			said = true
			say(fmt.Sprintf(d.what, left))
		}
		return left == 0, nil
	})
	if left > 0 && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf(d.left, left)
	}
	return err
}

// vacant waits until the namespace of load balancers is not being deleted: nothing can
// be made in it meanwhile.
func (c *Cluster) vacant(ctx context.Context, p *plan) error {
	if !p.flag(strings.Join(ServiceLB.value, ".")) {
		return nil
	}
	said := false
	return wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		ns, err := c.client.CoreV1().Namespaces().Get(ctx, servicelb.Namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("look for namespace %s: %w", servicelb.Namespace, err)
		}
		if ns.DeletionTimestamp != nil && !said {
			said = true
			p.Say(fmt.Sprintf("namespace %s of before is still being deleted", servicelb.Namespace))
		}
		return ns.DeletionTimestamp == nil, nil
	})
}

// retireBefore has the control plane take back the addresses of nodes that Services
// got from a mesh, before it goes itself. What is left is said and no reason to stay.
func (c *Cluster) retireBefore(ctx context.Context, r Removal) error {
	ns, err := c.client.CoreV1().Namespaces().Get(ctx, servicelb.Namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && ns.Labels["meshName"] != r.Mesh {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for namespace %s: %w", servicelb.Namespace, err)
	}
	if err := c.configure(ctx, r.Namespace, nested(ServiceLB.field, false)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, retireTime)
	defer cancel()
	if err := c.retire(ctx, r.Say); err != nil {
		r.Say(err.Error() + " Their statuses may keep addresses at which nobody answers.")
	}
	return nil
}
