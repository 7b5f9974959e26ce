package install_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"fsm/internal/install"
	"fsm/test/cluster"
)

// shared is the cluster of all tests of this package; nil where there is none.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, &shared, cluster.Options{ControllerManager: true}))
}

// lab is a cluster without nodes, in which the test does what a kubelet would.
type lab struct {
	*cluster.Client
	t      *testing.T
	ctx    context.Context
	admin  *rest.Config
	client kubernetes.Interface
	fsm    *install.Cluster

	mu   sync.Mutex
	said []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	c := shared.Need(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	l := &lab{t: t, ctx: ctx, admin: c.Admin()}
	t.Setenv("KUBECACHEDIR", t.TempDir())
	kubeconfig := filepath.Join(t.TempDir(), "config")
	l.check(c.WriteKubeconfig(kubeconfig, "admin"))
	var err error
	l.fsm, err = install.Open(install.Access{Kubeconfig: kubeconfig})
	l.check(err)
	l.Client, err = cluster.NewClient(c.Admin())
	l.check(err)
	l.client, err = kubernetes.NewForConfig(c.Admin())
	l.check(err)
	return l
}

func (l *lab) check(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// eventually waits until a state is there.
func (l *lab) eventually(what string, holds func() error) {
	l.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// delete removes objects when a test ends.
func (l *lab) delete(text string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), time.Minute)
	defer cancel()
	if err := l.Delete(ctx, text); err != nil {
		l.t.Error(err)
	}
}

// options for a mesh, with values as "--set" has them.
func (l *lab) options(namespace string, sets ...string) install.Options {
	l.t.Helper()
	values, err := install.Values(nil, sets)
	l.check(err)
	return install.Options{
		Mesh: "fsm", Namespace: namespace, Version: "v1.0.0", Values: values, Timeout: time.Minute, Say: l.say,
	}
}

func (l *lab) say(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, line)
}

// heard tells whether a line with a text was said, and forgets all lines.
func (l *lab) heard(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Join(l.said, "\n")
	l.said = nil
	return strings.Contains(all, text)
}

// install installs a mesh, and takes care that it is gone when the test ends.
func (l *lab) install(o install.Options) error {
	l.uninstall(o.Mesh, o.Namespace)
	return l.fsm.Install(l.ctx, o)
}

// uninstall takes care that a mesh is gone when the test ends.
func (l *lab) uninstall(mesh, namespace string) {
	l.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), time.Minute)
		defer cancel()
		if err := l.fsm.Uninstall(ctx, install.Removal{Mesh: mesh, Namespace: namespace, Say: l.say}); err != nil {
			l.t.Error(err)
		}
	})
}

// kubelet makes the pods of the control plane ready, until the test ends.
func (l *lab) kubelet(namespace string) {
	ctx, cancel := context.WithCancel(l.ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := l.ready(ctx, namespace); err != nil && ctx.Err() == nil {
				l.t.Error(err)
				return
			}
		}
	})
	l.t.Cleanup(func() { cancel(); wg.Wait() })
}

// ready makes the pods ready that appear, until the API server ends the watch.
func (l *lab) ready(ctx context.Context, namespace string) error {
	watch, err := l.client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{LabelSelector: "app=" + install.Controller})
	if err != nil {
		return fmt.Errorf("watch pods: %w", err)
	}
	defer watch.Stop()
	for event := range watch.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok || pod.Status.Phase == corev1.PodRunning || pod.DeletionTimestamp != nil {
			continue
		}
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(),
		}}
		if _, err := l.client.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
			l.t.Logf("pod %s: %v", pod.Name, err) // it changed meanwhile, and comes again
		}
	}
	return nil
}
