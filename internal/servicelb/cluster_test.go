package servicelb_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"

	"fsm/internal/servicelb"
	"fsm/test/cluster"
)

// shared is the cluster of all tests of this package; nil where there is none.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, &shared, cluster.Options{ControllerManager: true}))
}

// lab is a cluster with two nodes, on which the test does what scheduler and kubelet
// would.
type lab struct {
	*cluster.Session
	settings atomic.Pointer[servicelb.Settings]
	balancer *servicelb.Controller
	// unready are the nodes whose pods are not ready.
	unready sync.Map
}

const nodes = `
apiVersion: v1
kind: Namespace
metadata: {name: fsm-servicelb}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Node
metadata: {name: a}
---
apiVersion: v1
kind: Node
metadata: {name: b}
`

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{Session: shared.Session(t)}
	l.Put(nodes)
	t.Cleanup(func() {
		l.Check(l.Delete(l.Ctx, strings.SplitN(nodes, "---", 3)[2])) // the nodes
	})
	l.addresses("a", "InternalIP 10.0.0.1", "Hostname a")
	l.addresses("b", "InternalIP 10.0.0.2", "InternalIP fd00::2")
	l.settings.Store(&servicelb.Settings{Enabled: true, Image: "fsm-proxy:1", PullPolicy: corev1.PullIfNotPresent})
	l.balancer = servicelb.New(servicelb.Options{
		Client: l.Kube, Settings: func() servicelb.Settings { return *l.settings.Load() }, Pod: "test",
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	l.background(l.balancer.Run)
	l.background(l.kubelets)
	return l
}

// background runs something until the test ends.
func (l *lab) background(run func(context.Context)) {
	ctx, cancel := context.WithCancel(l.Ctx)
	var wg sync.WaitGroup
	wg.Go(func() { run(ctx) })
	l.T.Cleanup(func() { cancel(); wg.Wait() })
}

// addresses gives a node addresses, each with its type.
func (l *lab) addresses(node string, addresses ...string) {
	l.T.Helper()
	var list []string
	for _, text := range addresses {
		kind, address, _ := strings.Cut(text, " ")
		list = append(list, fmt.Sprintf(`{"type":%q,"address":%q}`, kind, address))
	}
	_, err := l.Kube.CoreV1().Nodes().Patch(l.Ctx, node, types.MergePatchType,
		[]byte(`{"status":{"addresses":[`+strings.Join(list, ",")+`]}}`), metav1.PatchOptions{}, "status")
	l.Check(err)
}

// kubelets runs pods on the nodes that they are for, and ends those that are deleted.
func (l *lab) kubelets(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		pods, err := l.Kube.CoreV1().Pods(servicelb.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return
		}
		for i := range pods.Items {
			if err := l.kubelet(ctx, &pods.Items[i]); err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && ctx.Err() == nil {
				l.T.Error(err)
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (l *lab) kubelet(ctx context.Context, p *corev1.Pod) error {
	pods := l.Kube.CoreV1().Pods(p.Namespace)
	if p.DeletionTimestamp != nil {
		return pods.Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
	}
	node := p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchFields[0].Values[0]
	if p.Spec.NodeName == "" {
		return pods.Bind(ctx, &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: p.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: node}}, metav1.CreateOptions{})
	}
	_, unready := l.unready.Load(node)
	ready := corev1.ConditionTrue
	if unready {
		ready = corev1.ConditionFalse
	}
	if slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == ready }) {
		return nil
	}
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready, LastTransitionTime: metav1.Now()}}
	_, err := pods.UpdateStatus(ctx, p, metav1.UpdateOptions{})
	return err
}

// service makes one, with ports as "80/TCP".
func (l *lab) service(name, more string, ports ...string) {
	l.T.Helper()
	text := fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: shop}\nspec:\n  type: LoadBalancer\n  selector: {app: none}\n%s  ports:\n", name, more)
	for i, port := range ports {
		number, protocol, _ := strings.Cut(port, "/")
		text += fmt.Sprintf("  - {name: p%d, port: %s, protocol: %s}\n", i, number, protocol)
	}
	l.Put(text)
	l.T.Cleanup(func() {
		_ = l.Kube.CoreV1().Services("shop").Delete(l.Ctx, name, metav1.DeleteOptions{})
		l.Eventually("nothing is left of "+name, func() error { return l.none(name) })
	})
}

// has waits until a Service has addresses.
func (l *lab) has(name string, want ...string) *corev1.Service {
	l.T.Helper()
	var s *corev1.Service
	l.Eventually(fmt.Sprintf("addresses of %s are %v", name, want), func() (err error) {
		if s, err = l.Kube.CoreV1().Services("shop").Get(l.Ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		var got []string
		for _, i := range s.Status.LoadBalancer.Ingress {
			got = append(got, i.IP)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("got %v", got)
		}
		return nil
	})
	return s
}

// daemonSets are those of a Service.
func (l *lab) daemonSets(service string) []appsv1.DaemonSet {
	l.T.Helper()
	list, err := l.Kube.AppsV1().DaemonSets(servicelb.Namespace).List(l.Ctx, metav1.ListOptions{LabelSelector: "svccontroller.flomesh.io/svcname=" + service})
	l.Check(err)
	return list.Items
}

func (l *lab) none(service string) error {
	if n := len(l.daemonSets(service)); n > 0 {
		return fmt.Errorf("there are %d DaemonSets", n)
	}
	return nil
}

// warned waits for an event.
func (l *lab) warned(service, reason, text string) {
	l.T.Helper()
	l.Eventually(service+" is warned of "+reason, func() error {
		events, err := l.Kube.CoreV1().Events("shop").List(l.Ctx, metav1.ListOptions{})
		for _, e := range events.Items {
			if e.InvolvedObject.Name == service && e.Reason == reason && strings.Contains(e.Message, text) {
				return nil
			}
		}
		return errors.Join(fmt.Errorf("%d other events", len(events.Items)), err)
	})
}

// TestAddresses: a Service has the addresses of nodes that run its load balancer,
// those from outside first, and of those only that are for load balancers.
func TestAddresses(t *testing.T) {
	l := newLab(t)
	l.service("web", "  loadBalancerSourceRanges: [192.0.2.0/24]\n", "80/TCP", "53/UDP")
	s := l.has("web", "10.0.0.1", "10.0.0.2")
	if mode := s.Status.LoadBalancer.Ingress[0].IPMode; mode == nil || *mode != corev1.LoadBalancerIPModeProxy {
		t.Errorf("kube-proxy takes the address of the node for itself: %v", mode)
	}
	c := l.daemonSets("web")[0].Spec.Template.Spec.Containers[0]
	for _, arg := range []string{"--forward=tcp/20000=" + s.Spec.ClusterIP + ":80", "--forward=udp/20001=" + s.Spec.ClusterIP + ":53", "--source=192.0.2.0/24"} {
		if !slices.Contains(c.Args, arg) {
			t.Errorf("%s is not in %v", arg, c.Args)
		}
	}
	if p := c.Ports[len(c.Ports)-1]; p.HostPort != 53 || p.ContainerPort != 20001 || p.Protocol != corev1.ProtocolUDP || c.Image != "fsm-proxy:1" {
		t.Errorf("got %+v of image %s", p, c.Image)
	}

	l.unready.Store("a", true)
	l.has("web", "10.0.0.2")
	l.unready.Delete("a")
	l.addresses("a", "InternalIP 10.0.0.1", "ExternalIP 192.0.2.1")
	l.has("web", "192.0.2.1")
	l.Put("apiVersion: v1\nkind: Node\nmetadata: {name: b, labels: {svccontroller.flomesh.io/enablelb: \"true\"}}\n")
	l.has("web", "10.0.0.2")
	l.Eventually("one node runs it", func() error {
		if d := l.daemonSets("web")[0]; d.Status.DesiredNumberScheduled != 1 {
			return fmt.Errorf("wanted on %d", d.Status.DesiredNumberScheduled)
		}
		return nil
	})
	l.Put("apiVersion: v1\nkind: Node\nmetadata: {name: b}\n")
	l.has("web", "192.0.2.1")

	l.settings.Store(&servicelb.Settings{Enabled: true, Image: "fsm-proxy:2"})
	l.balancer.Wake()
	l.Eventually("another image", func() error {
		if got := l.daemonSets("web")[0].Spec.Template.Spec.Containers[0].Image; got != "fsm-proxy:2" {
			return errors.New(got)
		}
		return nil
	})
	l.Check(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		d := l.daemonSets("web")[0]
		d.Spec.Template.Spec.Containers[0].Image = "somebody's"
		_, err := l.Kube.AppsV1().DaemonSets(servicelb.Namespace).Update(l.Ctx, &d, metav1.UpdateOptions{})
		return err
	}))
	l.Eventually("what somebody changed is made good", func() error {
		if got := l.daemonSets("web")[0].Spec.Template.Spec.Containers[0].Image; got != "fsm-proxy:2" {
			return errors.New(got)
		}
		return nil
	})
}

// TestRequestedAddress: a Service gets the address that it asks for, or none.
func TestRequestedAddress(t *testing.T) {
	l := newLab(t)
	l.service("web", "  loadBalancerIP: 10.0.0.9\n", "80/TCP")
	l.warned("web", "AddressNotAvailable", "loadBalancerIP 10.0.0.9 is no address of a node")
	l.has("web")
	l.service("web", "  loadBalancerIP: 10.0.0.2\n", "80/TCP")
	l.has("web", "10.0.0.2")
	l.unready.Store("b", true)
	l.has("web")
	l.Put("apiVersion: v1\nkind: Node\nmetadata: {name: a, labels: {svccontroller.flomesh.io/enablelb: \"true\"}}\n")
	l.service("late", "  loadBalancerIP: 10.0.0.2\n", "81/TCP")
	l.warned("late", "AddressNotAvailable", "loadBalancerIP 10.0.0.2 is no address of a node")
}

// TestConflicts: of two Services that want a port of nodes the older one has it, and
// the other one gets it once it is free.
func TestConflicts(t *testing.T) {
	l := newLab(t)
	l.service("old", "", "80/TCP", "443/TCP")
	l.has("old", "10.0.0.1", "10.0.0.2")
	l.service("young", "", "8080/TCP", "443/TCP")
	l.service("datagrams", "", "443/UDP")
	l.warned("young", "PortConflict", "port 443/TCP of nodes belongs to Service shop/old")
	l.has("datagrams", "10.0.0.1", "10.0.0.2")
	l.has("young")
	l.Check(l.Kube.CoreV1().Services("shop").Delete(l.Ctx, "old", metav1.DeleteOptions{}))
	l.has("young", "10.0.0.1", "10.0.0.2")

	l.service("kubelet", "", "10250/TCP")
	l.warned("kubelet", "PortReserved", "port 10250/TCP of nodes is that of the kubelet")
	l.service("sctp", "", "5000/SCTP")
	l.warned("sctp", "UnsupportedProtocol", "5000/SCTP")
	l.has("kubelet")
	l.has("sctp")
}

// TestOthers: Services of other classes, and those that somebody else gave addresses
// to, are left alone.
func TestOthers(t *testing.T) {
	l := newLab(t)
	l.service("classed", "  loadBalancerClass: example.com/theirs\n", "80/TCP")
	l.service("ours", "  loadBalancerClass: flomesh.io/servicelb\n", "81/TCP")
	l.service("taken", "", "82/TCP")
	l.has("ours", "10.0.0.1", "10.0.0.2")
	l.has("taken", "10.0.0.1", "10.0.0.2")
	const theirs = "apiVersion: v1\nkind: Service\nmetadata: {name: taken, namespace: shop}\nstatus: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}\n"
	l.Check(l.ApplyStatus(l.Ctx, "somebody", theirs))
	l.Eventually("the load balancer goes", func() error { return l.none("taken") })
	l.has("taken", "203.0.113.1")
	if err := l.none("classed"); err != nil {
		t.Error(err)
	}

	l.settings.Store(&servicelb.Settings{})
	l.balancer.Wake()
	l.has("ours")
	l.Eventually("the load balancer goes", func() error { return l.none("ours") })
	l.has("taken", "203.0.113.1")

	// Nor are those that got addresses from somebody else since.
	l.Check(l.ApplyStatus(l.Ctx, "somebody", strings.Replace(theirs, "taken", "ours", 1)))
	l.service("new", "", "83/TCP")
	l.settings.Store(&servicelb.Settings{Enabled: true, Image: "fsm-proxy:1"})
	l.balancer.Wake()
	l.has("new", "10.0.0.1", "10.0.0.2")
	l.has("ours", "203.0.113.1")
	if err := l.none("ours"); err != nil {
		t.Error(err)
	}
}

// TestEnd: a Service that is no load balancer any longer has neither addresses nor
// pods; what was switched off comes back.
func TestEnd(t *testing.T) {
	l := newLab(t)
	l.service("web", "", "80/TCP")
	l.has("web", "10.0.0.1", "10.0.0.2")
	s, err := l.Kube.CoreV1().Services("shop").Get(l.Ctx, "web", metav1.GetOptions{})
	l.Check(err)
	s.Spec.Type = corev1.ServiceTypeClusterIP
	_, err = l.Kube.CoreV1().Services("shop").Update(l.Ctx, s, metav1.UpdateOptions{})
	l.Check(err)
	l.has("web")
	l.Eventually("pods go", func() error { return l.none("web") })

	l.service("api", "", "80/TCP")
	l.has("api", "10.0.0.1", "10.0.0.2")
	l.settings.Store(&servicelb.Settings{})
	l.balancer.Wake()
	l.has("api")
	l.Eventually("pods go", func() error { return l.none("api") })
	l.settings.Store(&servicelb.Settings{Enabled: true, Image: "fsm-proxy:1"})
	l.balancer.Wake()
	l.has("api", "10.0.0.1", "10.0.0.2")
}

// TestRestricted: ports of nodes are the one thing for which the API server would not
// have the pods where the restricted Pod Security Standard holds.
func TestRestricted(t *testing.T) {
	l := newLab(t)
	l.Put("apiVersion: v1\nkind: Namespace\nmetadata: {name: strict, labels: {pod-security.kubernetes.io/enforce: restricted}}\n")
	l.service("web", "", "80/TCP")
	l.has("web", "10.0.0.1", "10.0.0.2")
	template := l.daemonSets("web")[0].Spec.Template
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "strict", Name: "web"}, Spec: template.Spec}
	create := func() error {
		_, err := l.Kube.CoreV1().Pods("strict").Create(l.Ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	pod.Spec.ServiceAccountName = ""
	err := create()
	if err == nil || !strings.Contains(err.Error(), "hostPort") {
		t.Fatalf("with ports of nodes: got %v", err)
	}
	for i := range pod.Spec.Containers[0].Ports {
		pod.Spec.Containers[0].Ports[i].HostPort = 0
	}
	if err := create(); err != nil {
		t.Errorf("without: got %v", err)
	}
}

// TestUnschedulable: a port of a node that another pod has is said.
func TestUnschedulable(t *testing.T) {
	l := newLab(t)
	l.service("web", "", "80/TCP")
	l.has("web", "10.0.0.1", "10.0.0.2")
	l.Check(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		pods, err := l.Kube.CoreV1().Pods(servicelb.Namespace).List(l.Ctx, metav1.ListOptions{LabelSelector: "svccontroller.flomesh.io/svcname=web"})
		l.Check(err)
		p := &pods.Items[0]
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
			Message: "0/2 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
		})
		_, err = l.Kube.CoreV1().Pods(servicelb.Namespace).UpdateStatus(l.Ctx, p, metav1.UpdateOptions{})
		return err
	}))
	l.warned("web", "PortConflict", "another pod has the port of a node: 0/2 nodes are available")
}
