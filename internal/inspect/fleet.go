package inspect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/deliver"
	"fsm/internal/ir"
)

// Labels by which the pods of FSM are found.
const (
	appLabel      = "app"
	controllerApp = "fsm-controller"
	// proxyApps are those of Gateways and of Ingresses.
	proxyApps = "fsm-gateway,fsm-ingress"
	// gatewayLabel is shortened where the name is longer than a label may be. The
	// proxies of Ingresses have ingressLabel in its place.
	gatewayLabel = "gateway.networking.k8s.io/gateway-name"
	ingressLabel = "ingress.flomesh.io/workload"
)

// Disconnected is the state of a proxy that no controller knows. It serves what it
// has.
const Disconnected deliver.State = "DISCONNECTED"

// Proxy is one that runs, or should.
type Proxy struct {
	Namespace string `json:"namespace"`
	// Gateway that it serves; for Ingresses the name of its Deployment.
	Gateway string `json:"gateway"`
	// Pod is the name of its pod.
	Pod string `json:"pod"`
	// Version of its configuration, and Build that of the program.
	Version string        `json:"version,omitempty"`
	Build   string        `json:"build,omitempty"`
	State   deliver.State `json:"state"`
	// Why says what keeps it from being Synced.
	Why string `json:"why,omitempty"`
	// Failures are resources that it could not put to work.
	Failures    []ir.Failure `json:"failures,omitempty"`
	Ready       bool         `json:"ready"`
	Connections int          `json:"connections"`
	// Controller is the pod that it is connected to, and Connected since when.
	Controller string    `json:"controller,omitempty"`
	Connected  time.Time `json:"connected,omitzero"`
}

// Proxies lists the proxies of all Gateways and of Ingresses, by what the controllers in a namespace
// and the pods say. The error is about controllers that did not answer; the list is
// then what the others know.
func (c *Cluster) Proxies(ctx context.Context, namespace string) ([]Proxy, error) {
	pods, err := c.pods(ctx, metav1.NamespaceAll, proxyApps)
	if err != nil {
		return nil, err
	}
	connected, askErr := c.connected(ctx, namespace)
	if askErr != nil && ctx.Err() != nil {
		return nil, askErr
	}
	list, known := []Proxy{}, map[string]bool{}
	for _, p := range connected {
		list = append(list, p)
		known[p.Namespace+"/"+p.Pod] = true
	}
	for i := range pods {
		if p := &pods[i]; !known[p.Namespace+"/"+hostName(p.Name)] {
			list = append(list, absent(p))
		}
	}
	slices.SortFunc(list, func(a, b Proxy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Pod, b.Pod))
	})
	return list, askErr
}

// pods are those of applications, in one namespace or in all.
func (c *Cluster) pods(ctx context.Context, namespace, apps string) ([]corev1.Pod, error) {
	list, err := c.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: appLabel + " in (" + apps + ")"})
	if err != nil {
		return nil, fmt.Errorf("list pods of %s: %w", apps, err)
	}
	return list.Items, nil
}

// connected are the proxies that controllers know. A proxy that has just changed
// from one controller to another may be known to both; the later connection counts.
func (c *Cluster) connected(ctx context.Context, namespace string) (map[string]Proxy, error) {
	pods, err := c.pods(ctx, namespace, controllerApp)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, fmt.Errorf("there is no controller in namespace %s: install with 'fsm install', or say where it is with --fsm-namespace", namespace)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		all   = map[string]Proxy{}
		fails []error
	)
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil {
			continue
		}
		wg.Go(func() {
			list, err := c.knownTo(ctx, pod.Namespace, pod.Name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				fails = append(fails, err)
			}
			for _, p := range list {
				name := p.Namespace + "/" + p.Pod
				if other, ok := all[name]; !ok || other.Connected.Before(p.Connected) {
					all[name] = p
				}
			}
		})
	}
	wg.Wait()
	return all, errors.Join(fails...)
}

// knownTo are the proxies that are connected to a controller.
func (c *Cluster) knownTo(ctx context.Context, namespace, controller string) ([]Proxy, error) {
	pod := Pod{namespace, controller, ControllerPort}
	text, err := c.text(ctx, pod, "proxies")
	if err != nil {
		return nil, err
	}
	var said []deliver.Proxy
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, fmt.Errorf("read what %s says: %w", pod, err)
	}
	var list []Proxy
	for _, s := range said {
		list = append(list, Proxy{
			Namespace: s.ID.Namespace, Gateway: s.ID.Name, Pod: s.Node, Version: s.Acked, Build: s.Build,
			State: s.State, Why: s.Why, Failures: s.Failures, Ready: s.Report.Ready, Connections: s.Report.Connections,
			Controller: controller, Connected: s.Connected,
		})
	}
	return list, nil
}

// absent is the pod of a proxy that no controller knows.
func absent(p *corev1.Pod) Proxy {
	why := "no controller knows it; see its log with kubectl logs"
	switch obstacle := Obstacle(p); {
	case obstacle != "":
		why = obstacle
	case p.DeletionTimestamp != nil:
		why = "the pod is ending"
	case p.Status.Phase != corev1.PodRunning:
		why = "the pod is " + string(p.Status.Phase)
	}
	return Proxy{Namespace: p.Namespace, Gateway: cmp.Or(p.Labels[gatewayLabel], p.Labels[ingressLabel]), Pod: p.Name, State: Disconnected, Why: why}
}

// hostName is what a pod calls itself: its name, cut to what a host name may have.
func hostName(pod string) string {
	const longest = 63
	return pod[:min(len(pod), longest)]
}

// ProxyPods names the pods of proxies in a namespace.
func (c *Cluster) ProxyPods(ctx context.Context, namespace string) ([]string, error) {
	pods, err := c.pods(ctx, namespace, proxyApps)
	var names []string
	for _, p := range pods {
		names = append(names, p.Name)
	}
	return names, err
}
