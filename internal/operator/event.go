package operator

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	multicluster "fsm/api/multicluster/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// event makes a warning about an object. The same one has the same name, so that it is
// there once, whichever replica leads and however often.
func (c *controlPlane) event(ctx context.Context, about corev1.ObjectReference, reason, message string) error {
	now := metav1.Now()
	sum := sha256.Sum256([]byte(string(about.UID) + " " + about.ResourceVersion + " " + reason + " " + message))
	_, err := c.client.CoreV1().Events(about.Namespace).Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: about.Namespace, Name: fmt.Sprintf("%.200s.%x", about.Name, sum[:8])},
		InvolvedObject: about,
		Type:           corev1.EventTypeWarning, Reason: reason, Message: truncated(message),
		Source: corev1.EventSource{Component: Name}, FirstTimestamp: now, LastTimestamp: now, Count: 1,
		ReportingController: Name, ReportingInstance: cmp.Or(c.Pod, Name),
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create event about %s %s: %w", about.Kind, about.Name, err)
	}
	return nil
}

// truncated is as much of a text as an event can have.
func truncated(text string) string {
	const most = 1024
	if len(text) > most {
		return strings.ToValidUTF8(text[:most-3], "") + "..."
	}
	return text
}

// announcer makes events of what there is to say about Ingresses and NamespacedIngresses,
// which have no conditions. Each thing is said once.
type announcer struct {
	c     *controlPlane
	woken chan struct{}

	mu     sync.Mutex
	latest *report.Report
}

// settling is how long something has to be so before it is said: objects that refer to
// each other do not come at the same time.
const settling = time.Second

// want takes in the latest result.
func (a *announcer) want(r *report.Report) {
	a.mu.Lock()
	a.latest = r
	a.mu.Unlock()
	select {
	case a.woken <- struct{}{}:
	default:
	}
}

func (a *announcer) report() *report.Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.latest
}

// notice is something to be said about an object.
type notice struct{ reason, message string }

// run says what there is to say, until the context ends.
func (a *announcer) run(ctx context.Context) {
	said := map[types.UID]map[notice]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.woken:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(settling):
		}
		if r := a.report(); r != nil {
			said = a.announce(ctx, r, said)
		}
	}
}

// announce says what has not been said yet, and returns what has.
func (a *announcer) announce(ctx context.Context, r *report.Report, said map[types.UID]map[notice]bool) map[types.UID]map[notice]bool {
	now := map[types.UID]map[notice]bool{}
	for _, about := range a.subjects(r) {
		now[about.UID] = map[notice]bool{}
		for _, n := range notices(r, about) {
			if !said[about.UID][n] {
				if err := a.c.event(ctx, about, n.reason, n.message); err != nil {
					if ctx.Err() == nil {
						a.c.Log.Error("event not written", "error", err)
					}
					continue
				}
			}
			now[about.UID][n] = true
		}
	}
	return now
}

// subjects are the objects that there may be something to say about: Ingresses of ours,
// and NamespacedIngresses.
func (a *announcer) subjects(r *report.Report) []corev1.ObjectReference {
	var all []corev1.ObjectReference
	add := func(o resource.Object, version schema.GroupVersion) {
		key := resource.KeyOf(o)
		all = append(all, corev1.ObjectReference{APIVersion: version.String(), Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, UID: o.GetUID()})
	}
	for _, key := range slices.SortedFunc(maps.Keys(r.Ingresses), compareKeys) {
		if o, ok := resource.Get[*networkingv1.Ingress](a.c.source.Set(), key.Namespace, key.Name); ok {
			add(o, networkingv1.SchemeGroupVersion)
		}
	}
	for _, o := range resource.List[*multicluster.NamespacedIngress](a.c.source.Set()) {
		add(o, multicluster.GroupVersion)
	}
	return all
}

// notices are what there is to say about an object.
func notices(r *report.Report, about corev1.ObjectReference) []notice {
	key := resource.Key{Group: about.GroupVersionKind().Group, Kind: about.Kind, Namespace: about.Namespace, Name: about.Name}
	var list []notice
	if status := r.Ingresses[key]; status != nil {
		for _, c := range status.Conditions {
			if c.Status != metav1.ConditionTrue {
				list = append(list, notice{c.Reason, c.Message})
			}
		}
	}
	for _, warning := range r.Warnings[key] {
		list = append(list, notice{"NotHonoured", warning})
	}
	return list
}
