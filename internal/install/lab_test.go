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
	*cluster.Session
	admin *rest.Config
	fsm   *install.Cluster

	mu   sync.Mutex
	said []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{Session: shared.Session(t), admin: shared.Admin()}
	t.Setenv("KUBECACHEDIR", t.TempDir())
	kubeconfig := filepath.Join(t.TempDir(), "config")
	l.Check(shared.WriteKubeconfig(kubeconfig, "admin"))
	var err error
	l.fsm, err = install.Open(install.Access{Kubeconfig: kubeconfig})
	l.Check(err)
	return l
}

// delete removes objects when a test ends.
func (l *lab) delete(text string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.Ctx), time.Minute)
	defer cancel()
	if err := l.Delete(ctx, text); err != nil {
		l.T.Error(err)
	}
}

// options for a mesh, with values as "--set" has them.
func (l *lab) options(namespace string, sets ...string) install.Options {
	l.T.Helper()
	values, err := install.Values(nil, sets)
	l.Check(err)
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
	return l.fsm.Install(l.Ctx, o)
}

// uninstall takes care that a mesh is gone when the test ends.
func (l *lab) uninstall(mesh, namespace string) {
	l.T.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.Ctx), time.Minute)
		defer cancel()
		if err := l.fsm.Uninstall(ctx, install.Removal{Mesh: mesh, Namespace: namespace, Say: l.say}); err != nil {
			l.T.Error(err)
		}
	})
}

// kubelet makes the pods of the control plane ready, until the test ends.
func (l *lab) kubelet(namespace string) {
	ctx, cancel := context.WithCancel(l.Ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := l.ready(ctx, namespace); err != nil && ctx.Err() == nil {
				l.T.Error(err)
				return
			}
		}
	})
	l.T.Cleanup(func() { cancel(); wg.Wait() })
}

// ready makes the pods ready that appear, until the API server ends the watch.
func (l *lab) ready(ctx context.Context, namespace string) error {
	watch, err := l.Kube.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{LabelSelector: "app=" + install.Controller})
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
		if _, err := l.Kube.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
			l.T.Logf("pod %s: %v", pod.Name, err) // it changed meanwhile, and comes again
		}
	}
	return nil
}
