package inspect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/inspect"
	"fsm/internal/inspect/inspecttest"
	"fsm/internal/ir"
	"fsm/test/cluster"
)

// shared is the cluster of all tests of this package; nil where there is none.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, &shared, cluster.Options{ControllerManager: true}))
}

// lab is a cluster with one node on which tests make pods.
type lab struct {
	*cluster.Session
	*inspect.Cluster
	node *inspecttest.Node
}

func newLab(t *testing.T, namespace string) *lab {
	t.Helper()
	l := &lab{Session: shared.Session(t)}
	var err error
	l.Cluster, err = inspect.New(shared.Admin())
	l.Check(err)
	_, err = l.Kube.CoreV1().Namespaces().Create(l.Ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	l.Check(err)
	l.Eventually("the namespace can have pods", func() error {
		_, err := l.Kube.CoreV1().ServiceAccounts(namespace).Get(l.Ctx, "default", metav1.GetOptions{})
		return err
	})
	l.node = inspecttest.Start(t, l.Kube, namespace)
	return l
}

// serve answers each path with a text.
func (l *lab) serve(answers map[string]string) (address string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.RequestURI()]
		if !ok {
			http.Error(w, "no such path", http.StatusNotFound)
			return
		}
		fmt.Fprint(w, text)
	}))
	l.T.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func pod(namespace, name, app string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": app}}}
}

// TestGet: a port of a pod's loopback interface can be asked, and what is in the way
// is said.
func TestGet(t *testing.T) {
	l := newLab(t, "get")
	large := strings.Repeat("0123456789abcdef", 1<<16)
	l.node.Pod(pod("get", "proxy", "fsm-gateway"), map[uint16]string{15000: l.serve(map[string]string{"/stats": large, "/config_dump?format=text": "lines"})})
	waiting := pod("get", "waiting", "fsm-gateway")
	waiting.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "main", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "not found"}},
	}}}
	l.node.Pod(waiting, nil)

	for path, want := range map[string]string{"stats": large, "config_dump?format=text": "lines", "nothing": "no such path\n"} {
		a, err := l.Get(l.Ctx, inspect.Pod{Namespace: "get", Name: "proxy", Port: 15000}, path)
		l.Check(err)
		text := &strings.Builder{}
		_, err = io.Copy(text, a)
		l.Check(err)
		l.Check(a.Close())
		if text.String() != want || (a.Status == 404) != (path == "nothing") {
			t.Errorf("%s: status %d, %d bytes, want %d", path, a.Status, text.Len(), len(want))
		}
	}
	for _, test := range []struct {
		pod  inspect.Pod
		want string
	}{
		{inspect.Pod{Namespace: "get", Name: "proxy", Port: 15001}, "ask pod get/proxy for stats: connect to get/proxy:15001: connection refused"},
		{inspect.Pod{Namespace: "get", Name: "waiting", Port: 15000}, "ask pod get/waiting for stats: ImagePullBackOff: not found"},
		{inspect.Pod{Namespace: "get", Name: "none", Port: 15000}, `pods "none" not found`},
	} {
		if _, err := l.Get(l.Ctx, test.pod, "stats"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

// TestGetEnds: a pod that does not answer holds nobody up longer than the context.
func TestGetEnds(t *testing.T) {
	l := newLab(t, "ends")
	asked := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	l.node.Pod(pod("ends", "proxy", "fsm-gateway"), map[uint16]string{15000: strings.TrimPrefix(s.URL, "http://")})
	ctx, cancel := context.WithCancel(l.Ctx)
	go func() {
		<-asked
		cancel()
	}()
	if _, err := l.Get(ctx, inspect.Pod{Namespace: "ends", Name: "proxy", Port: 15000}, "stats"); err == nil {
		t.Error("there is an answer")
	}
}

// TestProxies: the list has what each controller knows, a proxy that has changed
// controllers once, and the pods that no controller knows.
func TestProxies(t *testing.T) {
	l := newLab(t, "fleet")
	if _, err := l.Proxies(l.Ctx, "fleet"); err == nil || !strings.Contains(err.Error(), "no controller in namespace fleet: install with 'fsm install'") {
		t.Errorf("without controllers: %v", err)
	}
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
	proxy := func(name string, minute int, state deliver.State) deliver.Proxy {
		id := identity.ID{TrustDomain: "cluster.local", Role: identity.Gateway, Namespace: "fleet", Name: "web"}
		return deliver.Proxy{
			Peer: deliver.Peer{ID: id, Node: name}, Connected: at(minute), Acked: fmt.Sprint("v", minute), State: state,
			Report: deliver.Report{Ready: true, Connections: minute},
		}
	}
	rejected := proxy("moved", 2, deliver.Rejected)
	rejected.Why, rejected.Failures = "does not parse", []ir.Failure{{Resource: "tcp/:80", Reason: "PortUnavailable"}}
	l.controller("fleet", "one", proxy("steady", 1, deliver.Synced), proxy("moved", 1, deliver.Synced))
	l.controller("fleet", "two", rejected)
	l.node.Pod(pod("fleet", "steady", "fsm-gateway"), nil)
	l.node.Pod(pod("fleet", "moved", "fsm-gateway"), nil)
	lost := pod("fleet", "lost", "fsm-gateway")
	lost.Labels["gateway.networking.k8s.io/gateway-name"] = "web"
	l.node.Pod(lost, nil)
	entrance := pod("fleet", "entrance", "fsm-ingress")
	entrance.Labels["ingress.flomesh.io/workload"] = "fsm-ingress"
	l.node.Pod(entrance, nil)

	got, err := l.Proxies(l.Ctx, "fleet")
	l.Check(err)
	want := []inspect.Proxy{
		{Gateway: "fsm-ingress", Pod: "entrance", State: inspect.Disconnected, Why: "no controller knows it; see its log with kubectl logs"},
		{Gateway: "web", Pod: "lost", State: inspect.Disconnected, Why: "no controller knows it; see its log with kubectl logs"},
		{Gateway: "web", Pod: "moved", State: deliver.Rejected, Why: "does not parse", Failures: rejected.Failures, Version: "v2", Ready: true, Connections: 2, Controller: "two", Connected: at(2)},
		{Gateway: "web", Pod: "steady", State: deliver.Synced, Version: "v1", Ready: true, Connections: 1, Controller: "one", Connected: at(1)},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(inspect.Proxy{}, "Namespace")); diff != "" {
		t.Error(diff)
	}

	// A controller that does not answer is an error beside what the others know.
	l.node.Pod(pod("fleet", "three", "fsm-controller"), nil)
	got, err = l.Proxies(l.Ctx, "fleet")
	if err == nil || !strings.Contains(err.Error(), "ask pod fleet/three for proxies: ") || len(got) != 4 {
		t.Errorf("got %v with %d proxies", err, len(got))
	}
}

// controller makes the pod of one that knows proxies.
func (l *lab) controller(namespace, name string, proxies ...deliver.Proxy) {
	l.T.Helper()
	text, err := json.Marshal(proxies)
	l.Check(err)
	l.node.Pod(pod(namespace, name, "fsm-controller"), map[uint16]string{inspect.ControllerPort: l.serve(map[string]string{"/proxies": string(text)})})
}
