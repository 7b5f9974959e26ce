package webhook

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Registration keeps a ValidatingWebhookConfiguration in order: whom to trust, and
// that no answer means yes. Were it to mean no, a control plane that does not come up
// would be in the way of the very change that repairs it, because Helm writes the mesh
// configuration in each upgrade. A mistake that gets past is found all the same, by
// whoever would act on it.
type Registration struct {
	Client kubernetes.Interface
	// Name of the object.
	Name string
	// Bundle are the authorities, in PEM, that the certificate of the webhook is from.
	Bundle []byte
	Log    *slog.Logger
}

// retry is the time until what failed is tried again.
const retry = 2 * time.Second

// Run keeps the object in order until the context ends. It is one leader's work.
func (r *Registration) Run(ctx context.Context) {
	woken := make(chan struct{}, 1)
	wake := func(any) {
		select {
		case woken <- struct{}{}:
		default:
		}
	}
	factory := informers.NewSharedInformerFactoryWithOptions(r.Client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, r.Name).String()
	}))
	informer := factory.Admissionregistration().V1().ValidatingWebhookConfigurations().Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: wake, UpdateFunc: func(_, o any) { wake(o) },
	}); err != nil {
		r.Log.Error("webhook not registered", "error", err)
		return
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-woken:
		}
		if err := r.complete(ctx, informer.GetStore()); err != nil && ctx.Err() == nil {
			r.Log.Warn("webhook not registered", "error", err, "retry", retry)
			timer.Reset(retry)
		}
	}
}

// complete makes the object what it should be, if it is there.
func (r *Registration) complete(ctx context.Context, store cache.Store) error {
	for _, o := range store.List() {
		object, ok := o.(*admissionregistrationv1.ValidatingWebhookConfiguration)
		if !ok {
			continue
		}
		object = object.DeepCopy()
		if !r.fill(object) {
			continue
		}
		if _, err := r.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Update(ctx, object, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("update ValidatingWebhookConfiguration %s: %w", r.Name, err)
		}
	}
	return nil
}

// fill tells whether it changed anything.
func (r *Registration) fill(object *admissionregistrationv1.ValidatingWebhookConfiguration) bool {
	changed := false
	for i := range object.Webhooks {
		w := &object.Webhooks[i]
		if p := w.FailurePolicy; p == nil || *p != admissionregistrationv1.Ignore {
			w.FailurePolicy, changed = new(admissionregistrationv1.Ignore), true
		}
		if !bytes.Equal(w.ClientConfig.CABundle, r.Bundle) {
			w.ClientConfig.CABundle, changed = r.Bundle, true
		}
	}
	return changed
}
