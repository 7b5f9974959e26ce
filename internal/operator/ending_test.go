package operator_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/operator"
)

// kept is a log that a test reads.
type kept struct {
	mu   sync.Mutex
	text strings.Builder
}

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(b)
}

func (k *kept) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// TestEndingNamespace: a Gateway in a namespace that is being deleted is no trouble,
// and whatever is left of it does not keep others from being served.
func TestEndingNamespace(t *testing.T) {
	l := newLab(t)
	l.namespace("ending")
	l.namespace("staying")
	var log kept
	l.set = func(o *operator.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	var refused atomic.Int64
	l.answered = func(q *http.Request, status int) {
		if status == http.StatusForbidden && strings.Contains(q.URL.Path, "/namespaces/ending/") {
			refused.Add(1)
		}
	}
	l.listen()
	held := strings.Replace(gatewayWith("ending", "gw", ""), "metadata: {", "metadata: {finalizers: [example.com/held], ", 1)
	l.Put(held)
	l.workload("ending", "fsm-gateway-ending")
	l.Check(l.Kube.CoreV1().Namespaces().Delete(l.Ctx, "ending", metav1.DeleteOptions{}))
	defer l.Put(strings.Replace(held, "finalizers: [example.com/held], ", "finalizers: [], ", 1))
	// Kubernetes deletes the workload, and refuses another one.
	l.Eventually("another workload is refused", func() error {
		if refused.Load() == 0 {
			return errors.New("nothing was refused")
		}
		return nil
	})
	l.Put(gatewayWith("staying", "gw", ""))
	l.workload("staying", "fsm-gateway-staying")
	if strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("log:\n%s", log.String())
	}
}

// workload waits until a Gateway has its Deployment and Service, and returns the UID
// of the latter.
func (l *lab) workload(namespace, name string) (uid types.UID) {
	l.T.Helper()
	l.Eventually("workload "+name, func() error {
		_, err := l.Kube.AppsV1().Deployments(namespace).Get(l.Ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		s, err := l.Kube.CoreV1().Services(namespace).Get(l.Ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		uid = s.UID
		return nil
	})
	return uid
}

// TestSuccession: a Gateway that is deleted and made again gets a workload of the same
// name, as soon as nothing is left of the one before.
func TestSuccession(t *testing.T) {
	l := newLab(t)
	l.namespace("succession")
	controller := l.listen()
	const workload = "fsm-gateway-succession"
	gateway := strings.ReplaceAll(gatewayWith("succession", "gw", ""), "8080", l.FreePort())
	l.Put(gateway)
	before := l.workload("succession", workload)
	// The Service lingers, as one does that a load balancer has not let go yet.
	_, err := l.Kube.CoreV1().Services("succession").Patch(l.Ctx, workload, types.MergePatchType,
		[]byte(`{"metadata":{"finalizers":["example.com/held"]}}`), metav1.PatchOptions{})
	l.Check(err)
	l.Check(l.Delete(l.Ctx, gateway))
	l.Put(gateway)
	l.says("succession", "gw", metav1.Condition{Type: "Programmed", Status: "Unknown", Reason: "Pending", Message: "waiting until it is gone"})
	_, err = l.Kube.CoreV1().Services("succession").Patch(l.Ctx, workload, types.MergePatchType,
		[]byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	l.Check(err)
	l.Eventually("another Service of the same name", func() error {
		if now := l.workload("succession", workload); now == before {
			return errors.New("it is the same Service")
		}
		return nil
	})
	l.assign("succession", workload, "", "192.0.2.8")
	l.proxy(controller, "succession", workload, "gw")
	l.says("succession", "gw", metav1.Condition{Type: "Programmed", Status: "True", Reason: "Programmed"})
	services, err := l.Kube.CoreV1().Services("succession").List(l.Ctx, metav1.ListOptions{})
	l.Check(err)
	if len(services.Items) != 1 {
		t.Errorf("%d Services", len(services.Items))
	}
}

// TestStatusesOfWorkloads: an autoscaler and a Service whose statuses change, as they
// do all the time, are not applied again; one that somebody edits is.
func TestStatusesOfWorkloads(t *testing.T) {
	l := newLab(t)
	l.namespace("scaling")
	var writes atomic.Int64
	l.requested = func(q *http.Request) {
		if q.Method != http.MethodPatch {
			return
		}
		for _, kind := range []string{"horizontalpodautoscalers", "services"} {
			if strings.HasSuffix(q.URL.Path, "/namespaces/scaling/"+kind+"/fsm-gateway-scaling") {
				writes.Add(1)
			}
		}
	}
	l.listen()
	const name = "fsm-gateway-scaling"
	l.Put(strings.Replace(gatewayWith("scaling", "gw", ""), "metadata: {", "metadata: {annotations: {gateway.flomesh.io/auto-scaling: 'true'}, ", 1))
	l.workload("scaling", name)
	scalers := l.Kube.AutoscalingV2().HorizontalPodAutoscalers("scaling")
	l.Eventually("autoscaler", func() error {
		_, err := scalers.Get(l.Ctx, name, metav1.GetOptions{})
		return err
	})
	for i := range 10 {
		h, err := scalers.Get(l.Ctx, name, metav1.GetOptions{})
		l.Check(err)
		h.Status = autoscalingv2.HorizontalPodAutoscalerStatus{CurrentReplicas: int32(i), DesiredReplicas: int32(i)}
		_, err = scalers.UpdateStatus(l.Ctx, h, metav1.UpdateOptions{})
		if !apierrors.IsConflict(err) { // the autoscaler's own controller writes it as well
			l.Check(err)
		}
		l.assign("scaling", name, "", fmt.Sprint("192.0.2.", 10+i))
	}
	l.Eventually("the last address is seen", func() error {
		g, err := l.read("scaling", "gw")
		if err == nil && (len(g.Status.Addresses) != 1 || g.Status.Addresses[0].Value != "192.0.2.19") {
			err = fmt.Errorf("addresses are %+v", g.Status.Addresses)
		}
		return err
	})
	// Each is applied once, and may be once more when we hear of it before the answer.
	if n := writes.Load(); n < 2 || n > 4 {
		t.Errorf("%d writes", n)
	}
	_, err := scalers.Patch(l.Ctx, name, types.MergePatchType, []byte(`{"spec":{"maxReplicas":99}}`), metav1.PatchOptions{})
	l.Check(err)
	l.Eventually("the edit is taken back", func() error {
		h, err := scalers.Get(l.Ctx, name, metav1.GetOptions{})
		if err == nil && h.Spec.MaxReplicas == 99 {
			err = errors.New("it is still there")
		}
		return err
	})
}

// TestLeaderKilled: when the leader vanishes, without giving its lease back, a
// follower takes over within the time of the lease, and statuses go on.
func TestLeaderKilled(t *testing.T) {
	l := newLab(t)
	l.namespace("killed")
	var dead atomic.Bool
	l.set = func(o *operator.Options) {
		if o.Pod != "one" {
			return
		}
		o.Log = slog.New(slog.DiscardHandler) // it complains
		o.Config.Wrap(func(next http.RoundTripper) http.RoundTripper { return mortal{&dead, next} })
	}
	l.operateAs("one", l.local())
	l.leads("one")
	follower := l.local()
	l.operateAs("two", follower)
	l.Put(strings.ReplaceAll(gatewayWith("killed", "gw", ""), "8080", l.FreePort()))
	l.assign("killed", "fsm-gateway-killed", "", "192.0.2.7")
	l.proxy(follower.Addr().String(), "killed", "fsm-gateway-killed", "gw")
	l.says("killed", "gw", metav1.Condition{Type: "Programmed", Status: "True", Reason: "Programmed"})

	dead.Store(true)
	begun := time.Now()
	l.Put("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: killed}\nspec: {ports: [{port: 80}]}\n")
	l.Put(strings.NewReplacer("namespace: shop", "namespace: killed", "VERSION", "1").Replace(route))
	l.leads("two")
	l.Eventually("a route is accepted by the next leader", func() error { return l.acceptedIn("killed") })
	if took := time.Since(begun); took > 25*time.Second {
		t.Errorf("it took %v; the lease is for 15 s", took)
	}
	g, err := l.read("killed", "gw")
	l.Check(err)
	if !meta.IsStatusConditionTrue(g.Status.Conditions, string(gatewayv1.GatewayConditionProgrammed)) {
		t.Errorf("the Gateway's status is %+v", g.Status)
	}
}

// mortal is the way to the API server of a control plane that may be killed.
type mortal struct {
	dead *atomic.Bool
	next http.RoundTripper
}

func (m mortal) RoundTrip(q *http.Request) (*http.Response, error) {
	if m.dead.Load() {
		return nil, errors.New("killed")
	}
	return m.next.RoundTrip(q)
}
