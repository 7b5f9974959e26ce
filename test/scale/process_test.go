package scale

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/inspect"
)

// The controller's namespace and the name of its Deployment, as fsm install has them.
const (
	systemNamespace = "fsm-system"
	controllerName  = "fsm-controller"
)

// process is what a process says about itself.
type process struct {
	resident   float64 // bytes
	cpu        float64 // seconds
	goroutines float64
	files      float64
}

// series are the names of what is read, as the Prometheus client for Go has them.
func (p *process) series() map[string]*float64 {
	return map[string]*float64{
		"process_resident_memory_bytes": &p.resident, "process_cpu_seconds_total": &p.cpu,
		"go_goroutines": &p.goroutines, "process_open_fds": &p.files,
	}
}

// since is the process with the CPU time that it used after another look at it.
func (p process) since(before process) process {
	p.cpu -= before.cpu
	return p
}

// must is what a process says, which has to be known.
func must(t *testing.T, ask func(context.Context) (process, error)) process {
	t.Helper()
	p, err := ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// controller asks the controller.
func (l *lab) controller(ctx context.Context) (process, error) {
	return l.process(ctx, systemNamespace, "app="+controllerName, inspect.ControllerPort)
}

// proxy asks the proxy of a stage.
func (s *stage) proxy(ctx context.Context) (process, error) {
	return s.process(ctx, s.namespace, "app=fsm-gateway", inspect.ProxyPort)
}

// process asks the one pod that runs and has a label.
func (l *lab) process(ctx context.Context, namespace, label string, port uint16) (p process, err error) {
	pods, err := l.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return p, fmt.Errorf("list pods: %w", err)
	}
	var running []string
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			running = append(running, pod.Name)
		}
	}
	if len(running) != 1 {
		return p, fmt.Errorf("pods %s in namespace %s: %q run, want one", label, namespace, running)
	}
	answer, err := l.inside.Get(ctx, inspect.Pod{Namespace: namespace, Name: running[0], Port: port}, "metrics")
	if err != nil {
		return p, err
	}
	defer answer.Close()
	text, err := io.ReadAll(answer)
	if err != nil {
		return p, fmt.Errorf("read metrics of %s: %w", running[0], err)
	}
	return p, p.parse(string(text))
}

// parse reads metrics, all of which have to be there.
func (p *process) parse(text string) error {
	series := p.series()
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		into := series[name]
		if into == nil {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fmt.Errorf("metric %s: %w", name, err)
		}
		*into = n
		delete(series, name)
	}
	if len(series) > 0 {
		return fmt.Errorf("%d metrics are missing of process_* and go_*", len(series))
	}
	return nil
}

// TestParse: figures of a process are found among others.
func TestParse(t *testing.T) {
	var p process
	err := p.parse("# HELP go_goroutines Number.\ngo_goroutines 12\nprocess_cpu_seconds_total 0.5\n" +
		"process_open_fds 7\nprocess_resident_memory_bytes 1.5e+07\nother{a=\"b\"} 1\n")
	if want := (process{1.5e7, 0.5, 12, 7}); err != nil || p != want {
		t.Errorf("got %+v, %v", p, err)
	}
	if p.parse("go_goroutines 12\n") == nil {
		t.Error("metrics that are missing were not missed")
	}
}
