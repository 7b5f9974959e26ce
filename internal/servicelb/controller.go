package servicelb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Namespace of the pods.
const Namespace = "fsm-servicelb"

// Options of a controller.
type Options struct {
	Client kubernetes.Interface
	// Settings are those in force now.
	Settings func() Settings
	// Pod is the name of this replica, for events.
	Pod string
	Log *slog.Logger
}

// Settings are what can change while a controller runs.
type Settings struct {
	Enabled    bool
	Image      string
	PullPolicy corev1.PullPolicy
}

// Controller looks after the Services of a cluster.
type Controller struct {
	Options
	woken chan struct{}
	// applied are the DaemonSets, by name, as they were last applied, and told what was
	// said last about each Service.
	applied map[string]applied
	told    map[string]string
	// said is the last trouble, which is logged once.
	said string
}

// New returns a controller that does nothing before it runs.
func New(o Options) *Controller { return &Controller{Options: o, woken: make(chan struct{}, 1)} }

// Wake has the settings looked at again.
func (c *Controller) Wake() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// Times between looks at everything: after one that went well, in which changes are
// gathered, after one that failed, and when there are no rights to do anything.
const (
	pace   = 100 * time.Millisecond
	retry  = 2 * time.Second
	denied = 30 * time.Second
)

// Run gives Services addresses while that is enabled, and takes them back when it is
// not, until the context ends.
func (c *Controller) Run(ctx context.Context) {
	c.applied, c.told, c.said = map[string]applied{}, map[string]string{}, ""
	for ctx.Err() == nil {
		err := c.once(ctx)
		wait := retry
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			c.said = ""
			c.await(ctx, nil)
			continue
		case apierrors.IsForbidden(err):
			wait = denied
			err = fmt.Errorf("%w; 'fsm servicelb enable' grants the rights", err)
		}
		c.complain(err)
		timer := time.NewTimer(wait)
		c.await(ctx, timer.C)
		timer.Stop()
	}
}

// await waits for news, or a time.
func (c *Controller) await(ctx context.Context, timer <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-c.woken:
	case <-timer:
	}
}

// complain logs trouble when it is new.
func (c *Controller) complain(err error) {
	if text := err.Error(); text != c.said {
		c.said = text
		c.Log.Error("load balancers of Services not as they should be", "error", err)
	}
}

// once does what the settings say, until they say otherwise.
func (c *Controller) once(ctx context.Context) error {
	if c.Settings().Enabled {
		return c.serve(ctx)
	}
	return c.retire(ctx)
}

// serve follows the cluster until the settings are others.
func (c *Controller) serve(ctx context.Context) error {
	// Informers wait for rights for ever and tell nobody.
	if _, err := c.Client.AppsV1().DaemonSets(Namespace).List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		return fmt.Errorf("list DaemonSets in namespace %s: %w", Namespace, err)
	}
	if _, err := c.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v, err := follow(ctx, c.Client, c.Wake)
	if err != nil {
		return err
	}
	defer v.stop()
	defer cancel()
	c.Log.Info("load balancing for Services begins", "namespace", Namespace)
	for c.Settings().Enabled {
		wait := pace
		if err := c.pass(ctx, v); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			c.complain(err)
			c.Wake()
			wait = retry
		} else {
			c.said = ""
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
			c.await(ctx, nil)
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
	c.Wake() // to be retired
	return nil
}

// retire takes back what was given. Without rights there is nothing that was.
func (c *Controller) retire(ctx context.Context) error {
	c.applied, c.told = map[string]applied{}, map[string]string{}
	list, err := c.Client.AppsV1().DaemonSets(Namespace).List(ctx, metav1.ListOptions{LabelSelector: Selector})
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list DaemonSets in namespace %s: %w", Namespace, err)
	}
	var failures []error
	for i := range list.Items {
		failures = append(failures, c.withdraw(ctx, &list.Items[i]))
	}
	if len(list.Items) > 0 {
		c.Log.Info("load balancing for Services ends", "services", len(list.Items))
	}
	return errors.Join(failures...)
}
