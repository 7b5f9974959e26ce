package status

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"golang.org/x/time/rate"

	"fsm/internal/resource"
	"fsm/internal/source/kube"
	"fsm/internal/translate/report"
)

// Options of a Writer.
type Options struct {
	Config *rest.Config
	// ControllerName marks the entries that are ours.
	ControllerName string
	// Source knows the statuses as they are. The Writer is the one that hears when
	// they change.
	Source *kube.Source
	// Features are what GatewayClasses say is supported, in any order.
	Features []gatewayv1.FeatureName
	// Proxies tells about the proxies of a Gateway, with regard to the report that
	// was published last. It must not block; when its answer changes, [Writer.Wake]
	// must be called.
	Proxies func(gateway resource.Key) Proxies
	// Ingress tells at which addresses the Ingresses of a namespace are reached; false
	// means that nothing is known. It is like Proxies otherwise. It may be nil.
	Ingress func(namespace string) ([]networkingv1.IngressLoadBalancerIngress, bool)
	// Log may be nil.
	Log *slog.Logger
}

// Writer makes the statuses of a cluster say what the last report says.
type Writer struct {
	options  Options
	log      *slog.Logger
	client   *rest.RESTClient
	features []gatewayv1.SupportedFeature
	woken    chan struct{}
	// all writes together are limited, so that a controller that starts beside
	// thousands of new routes leaves room for others.
	all *rate.Limiter

	mu     sync.Mutex
	latest *report.Report
	// writes counts writes by kind and result.
	writes map[string]map[string]uint64

	// objects are what is known about each object, and orphans those of the report that
	// is being looked at; only Run touches them.
	objects map[resource.Key]*object
	orphans map[resource.Key]bool
}

// Budgets of writes. An object may be written a few times at once, as when a
// Gateway comes to life, and then twice a second.
const (
	objectRate  = 2
	objectBurst = 5
	allRate     = 300
	allBurst    = 600
	// atOnce is how many requests are made at the same time.
	atOnce = 8
	// pause is the time from a change to the look at everything.
	pause = 50 * time.Millisecond
	// retry is the time until a write that failed is tried again.
	retry = time.Second
)

// New returns a Writer, which writes nothing before it runs.
func New(o Options) (*Writer, error) {
	config := rest.CopyConfig(o.Config)
	config.QPS = -1 // the budgets above are the limit
	config.WarningHandler = rest.NoWarnings{}
	client, err := newClient(config)
	if err != nil {
		return nil, fmt.Errorf("make client for statuses: %w", err)
	}
	w := &Writer{
		options: o, log: o.Log, client: client,
		features: sortedFeatures(o.Features),
		woken:    make(chan struct{}, 1), writes: map[string]map[string]uint64{},
		all: rate.NewLimiter(allRate, allBurst),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	return w, nil
}

// Publish makes a report the one that statuses should agree with.
func (w *Writer) Publish(r *report.Report) {
	w.mu.Lock()
	w.latest = r
	w.mu.Unlock()
	w.Wake()
}

// Wake has the Writer look at everything again.
func (w *Writer) Wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

func (w *Writer) report() *report.Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest
}

func (w *Writer) merger() merger {
	return merger{controller: gatewayv1.GatewayController(w.options.ControllerName), now: metav1.NewTime(time.Now().Truncate(time.Second))}
}

// Run writes until the context ends. It must run on the leader only, and may be
// called again.
func (w *Writer) Run(ctx context.Context) {
	w.objects = map[resource.Key]*object{}
	w.Wake()
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.woken:
		case <-w.options.Source.StatusChanged():
		case <-again.C:
		}
		// Changes that come one after the other, those that we have just made above
		// all, are looked at together. And what was changed is on its way to the
		// proxies now, which is more urgent.
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		rep := w.report()
		if rep == nil {
			continue
		}
		if later := w.pass(ctx, rep); later > 0 {
			again.Reset(later)
		}
	}
}

// pass looks at everything once and writes what differs, Gateways first. If
// something has to wait it returns for how long.
func (w *Writer) pass(ctx context.Context, rep *report.Report) time.Duration {
	w.leave(rep.Orphans)
	demands := w.demands(rep)
	w.forget(demands)
	tasks := make(chan task)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for t := range tasks {
				t.object.outcome(w.write(ctx, t))
			}
		})
	}
	var l later
	for _, d := range demands {
		if wait := untilNext(w.all); wait > 0 {
			l.in(wait)
			break
		}
		t, wait := w.examine(d)
		l.in(wait)
		if t != nil {
			w.all.Allow()
			tasks <- *t
		}
	}
	close(tasks)
	wg.Wait()
	for _, o := range w.objects {
		if o.failed {
			l.in(retry)
		}
	}
	return time.Duration(l)
}

// untilNext is how long it takes until a budget allows something. Only one
// goroutine spends from it.
func untilNext(budget *rate.Limiter) time.Duration {
	if missing := 1 - budget.Tokens(); missing > 0 {
		return time.Duration(missing / float64(budget.Limit()) * float64(time.Second))
	}
	return 0
}

// later is the time until the first of several things has to be done; zero for
// none.
type later time.Duration

func (l *later) in(d time.Duration) {
	if d > 0 && (*l == 0 || later(d) < *l) {
		*l = later(d)
	}
}

// leave has entries about Gateways whose class does not exist left as they are.
func (w *Writer) leave(orphans map[resource.Key]bool) {
	if maps.Equal(w.orphans, orphans) {
		return
	}
	w.orphans = orphans
	for _, o := range w.objects {
		o.agreed = "" // what is wanted may be the same, and nevertheless come to something else
	}
}

// orphaned reports whether a parent or an ancestor, as an object of a namespace names
// it, is a Gateway whose class does not exist, or a ListenerSet of one.
func (w *Writer) orphaned(namespace string, ref gatewayv1.ParentReference) bool {
	if len(w.orphans) == 0 {
		return false
	}
	if ref.Namespace != nil {
		namespace = string(*ref.Namespace)
	}
	if ref.Kind != nil && *ref.Kind == "ListenerSet" {
		set, ok := resource.Get[*gatewayv1.ListenerSet](w.options.Source.Set(), namespace, string(ref.Name))
		if !ok {
			return false
		}
		ref.Name = set.Spec.ParentRef.Name
		if set.Spec.ParentRef.Namespace != nil {
			namespace = string(*set.Spec.ParentRef.Namespace)
		}
	} else if ref.Kind != nil && *ref.Kind != "Gateway" {
		return false
	}
	return w.orphans[resource.Key{Group: gatewayv1.GroupName, Kind: "Gateway", Namespace: namespace, Name: string(ref.Name)}]
}

// forget drops objects that nobody asks for any longer.
func (w *Writer) forget(demands []demand) {
	if len(w.objects) <= len(demands) {
		return
	}
	asked := map[resource.Key]bool{}
	for _, d := range demands {
		asked[d.key] = true
	}
	maps.DeleteFunc(w.objects, func(key resource.Key, _ *object) bool { return !asked[key] })
}
