// Package inspecttest is a node for tests in clusters without nodes: it runs no pod,
// and forwards ports of those that are assigned to it to addresses of the machine.
// What is between a test and such a pod is real: the client's tunnel, the API
// server, and the protocol of kubelets.
package inspecttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// Node is a node.
type Node struct {
	t      testing.TB
	client kubernetes.Interface
	name   string

	mu        sync.Mutex
	addresses map[string]string // by namespace/pod:port
}

// Start makes a node, until the test ends.
func Start(t testing.TB, client kubernetes.Interface, name string) *Node {
	t.Helper()
	n := &Node{t: t, client: client, name: name, addresses: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/portForward/{namespace}/{pod}/{uid}", n.forward)
	mux.HandleFunc("/portForward/{namespace}/{pod}", n.forward)
	kubelet := httptest.NewTLSServer(mux)
	t.Cleanup(kubelet.Close)
	address, err := url.Parse(kubelet.URL)
	n.check(err)
	port, err := strconv.ParseInt(address.Port(), 10, 32)
	n.check(err)
	ctx := t.Context()
	_, err = client.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	n.check(err)
	t.Cleanup(func() {
		n.check(client.CoreV1().Nodes().Delete(context.WithoutCancel(ctx), name, metav1.DeleteOptions{}))
	})
	status := corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address.Hostname()}}}
	status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	_, err = client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, n.statusPatch(status), metav1.PatchOptions{}, "status")
	n.check(err)
	return n
}

func (n *Node) check(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// statusPatch writes a status whatever has become of its object meanwhile.
func (n *Node) statusPatch(status any) []byte {
	n.t.Helper()
	text, err := json.Marshal(map[string]any{"status": status})
	n.check(err)
	return text
}

// Pod makes a pod on the node, running until the test ends. Its ports are served by
// addresses.
func (n *Node) Pod(pod *corev1.Pod, ports map[uint16]string) {
	n.t.Helper()
	n.mu.Lock()
	for port, address := range ports {
		n.addresses[fmt.Sprintf("%s/%s:%d", pod.Namespace, pod.Name, port)] = address
	}
	n.mu.Unlock()
	pod.Spec.NodeName, pod.Spec.AutomountServiceAccountToken = n.name, new(false)
	pod.Spec.Containers = []corev1.Container{{Name: "main", Image: "main"}}
	pods, ctx := n.client.CoreV1().Pods(pod.Namespace), n.t.Context()
	_, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	n.check(err)
	n.t.Cleanup(func() {
		_ = pods.Delete(context.WithoutCancel(ctx), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}) // may be gone
	})
	if pod.Status.Phase == "" {
		pod.Status.Phase = corev1.PodRunning
	}
	_, err = pods.Patch(ctx, pod.Name, types.MergePatchType, n.statusPatch(pod.Status), metav1.PatchOptions{}, "status")
	n.check(err)
}

// forward serves a tunnel as a kubelet does.
func (n *Node) forward(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
		n.t.Errorf("handshake: %v", err)
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	streams := make(chan httpstream.Stream, 2)
	session := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, replied <-chan struct{}) error {
		wg.Go(func() {
			<-replied
			streams <- s
		})
		return nil
	})
	if session == nil {
		return // the answer is given
	}
	defer session.Close()
	session.SetIdleTimeout(time.Minute)
	pair := map[string]httpstream.Stream{}
	for len(pair) < 2 {
		select {
		case s := <-streams:
			pair[s.Headers().Get(corev1.StreamType)] = s
		case <-session.CloseChan():
			return
		}
	}
	data, failure := pair[corev1.StreamTypeData], pair[corev1.StreamTypeError]
	name := fmt.Sprintf("%s/%s:%s", r.PathValue("namespace"), r.PathValue("pod"), data.Headers().Get(corev1.PortHeader))
	if err := n.relay(data, name); err != nil {
		fmt.Fprint(failure, err)
	}
	_ = failure.Close()
	_ = data.Close()
	<-session.CloseChan()
}

func (n *Node) relay(stream io.ReadWriter, name string) error {
	n.mu.Lock()
	address := n.addresses[name]
	n.mu.Unlock()
	if address == "" {
		return fmt.Errorf("connect to %s: connection refused", name)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	go func() { // ends with the session
		_, _ = io.Copy(conn, stream)
		_ = conn.Close()
	}()
	_, _ = io.Copy(stream, conn) // the client sees how it ends
	return nil
}
