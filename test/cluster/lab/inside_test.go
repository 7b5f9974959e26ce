package lab_test

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"fsm/test/cluster"
	"fsm/test/cluster/lab"
	"fsm/test/cluster/registry"
)

//go:embed testdata
var testdata embed.FS

// smoke is the namespace of most pods of the tests.
const smoke = "smoke"

// inside is what tests in the network of a lab use.
type inside struct {
	*testing.T
	cluster *cluster.Client
	objects kubernetes.Interface
	// web are the pods of the DaemonSet web, by node.
	web map[string]corev1.Pod
}

// TestInside tells that a lab is a Kubernetes: pods run, reach each other in all the
// ways there are, and may do what they may.
func TestInside(t *testing.T) {
	running := cluster.NeedNodes(t)
	dir, err := lab.Dir()
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Find(dir)
	if err != nil {
		t.Skip("the cluster of KUBECONFIG is none that this package tests:", err)
	}
	objects, err := kubernetes.NewForConfig(running.Config)
	if err != nil {
		t.Fatal(err)
	}
	addImages(t, l)
	s := &inside{T: t, cluster: running.Client, objects: objects}
	t.Cleanup(func() {
		s.cluster.Delete(context.Background(), "{apiVersion: v1, kind: Namespace, metadata: {name: smoke}}\n---\n"+
			"{apiVersion: v1, kind: Namespace, metadata: {name: restricted}}\n")
	})
	s.apply("pods.yaml", nil)
	s.web = s.awaitWeb()

	for name, test := range map[string]func(*inside){
		"pods reach each other":      (*inside).podsReachEachOther,
		"services":                   (*inside).services,
		"names":                      (*inside).names,
		"ports of nodes":             (*inside).nodePorts,
		"load balancers":             (*inside).loadBalancers,
		"local load balancers":       (*inside).localLoadBalancers,
		"logs":                       (*inside).logs,
		"roles":                      (*inside).roles,
		"sidecars":                   (*inside).sidecars,
		"limits of memory":           (*inside).memoryLimits,
		"pod security":               (*inside).podSecurity,
		"nothing leads to elsewhere": (*inside).isolated,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mine := *s
			mine.T = t
			test(&mine)
		})
	}
}

// addImages makes the image that the pods run, under the names that they call it by.
func addImages(t *testing.T, l *lab.Lab) {
	probe := filepath.Join(t.TempDir(), "probe")
	build := exec.Command("go", "build", "-o", probe, "./probe")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build probe: %v\n%s", err, out)
	}
	images, err := l.Images()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"probe", "ghcr.io/team/probe:1", "quay.io/team/probe:1", "registry.k8s.io/team/probe:1", "localhost:5000/probe:1",
	} {
		if err := images.AddProgram(name, registry.Program{File: probe, Name: "probe"}); err != nil {
			t.Fatal(err)
		}
	}
}

// apply applies a file of testdata, which may be a template.
func (s *inside) apply(name string, value any) {
	s.Helper()
	text, err := s.render(name, value)
	if err == nil {
		// A namespace has to get its service account before pods can be in it.
		s.eventually("objects of "+name+" to be accepted", func() error { return s.cluster.Apply(s.Context(), text) })
	}
	if err != nil {
		s.Fatal(err)
	}
}

func (s *inside) render(name string, value any) (string, error) {
	t, err := template.ParseFS(testdata, "testdata/"+name)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	err = t.Execute(&text, value)
	return text.String(), err
}

// eventually does something until it succeeds.
func (s *inside) eventually(what string, try func() error) {
	s.Helper()
	const patience = 2 * time.Minute
	late := time.After(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-late:
			s.Fatalf("waited for %s: %v", what, err)
		case <-tick.C:
		}
	}
}

// awaitWeb waits for a ready pod of the DaemonSet on every node.
func (s *inside) awaitWeb() map[string]corev1.Pod {
	web := map[string]corev1.Pod{}
	s.eventually("a pod on every node", func() error {
		nodes, err := s.objects.CoreV1().Nodes().List(s.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		pods, err := s.objects.CoreV1().Pods(smoke).List(s.Context(), metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			return err
		}
		for _, p := range pods.Items {
			if podReady(p) {
				web[p.Spec.NodeName] = p
			}
		}
		if len(web) != len(nodes.Items) {
			return fmt.Errorf("%d pods on %d nodes", len(web), len(nodes.Items))
		}
		return nil
	})
	return web
}

func podReady(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// get fetches from here, the lab's host, what answers at an address.
func (s *inside) get(hostPort string) (string, error) {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + hostPort + "/")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// probe runs the probe in a pod.
func (s *inside) probe(pod string, args ...string) (string, error) {
	return kubectl(s.Context(), append([]string{"exec", pod, "--", "/probe"}, args...)...)
}

func kubectl(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "kubectl", append([]string{"-n", smoke}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// reachable waits until something answers as it should, from here and from every pod.
func (s *inside) reachable(hostPort, want string) {
	s.Helper()
	ask := func(from string, get func() (string, error)) {
		s.eventually("an answer of "+hostPort+" to "+from, func() error {
			answer, err := get()
			if err == nil && !strings.Contains(answer, want) {
				err = fmt.Errorf("%q answered, not %q", answer, want)
			}
			return err
		})
	}
	ask("the lab's host", func() (string, error) { return s.get(hostPort) })
	for _, p := range s.web {
		ask(p.Name, func() (string, error) { return s.probe(p.Name, "get", "http://"+hostPort+"/") })
	}
}

func (s *inside) service(name string) *corev1.Service {
	service, err := s.objects.CoreV1().Services(smoke).Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return service
}

// balancer waits for the address of a load balancer.
func (s *inside) balancer(name string) (address string) {
	s.eventually("an address for "+name, func() error {
		ingress := s.service(name).Status.LoadBalancer.Ingress
		if len(ingress) == 0 {
			return fmt.Errorf("service %s has none", name)
		}
		address = ingress[0].IP
		return nil
	})
	return address
}

func (s *inside) podsReachEachOther() {
	for _, to := range s.web {
		s.reachable(to.Status.PodIP+":8080", to.Name)
	}
}

func (s *inside) services() {
	s.reachable(s.service("web").Spec.ClusterIP+":80", "web-")
	// A pod reaches itself by its Service too.
	for _, p := range s.web {
		s.eventually(p.Name+" to reach itself", func() error {
			answer, err := s.probe(p.Name, "get", "http://web/")
			if err == nil && !strings.Contains(answer, p.Name) {
				err = fmt.Errorf("%q answered", answer)
			}
			return err
		})
	}
}

func (s *inside) names() {
	var want []string
	for _, p := range s.web {
		want = append(want, p.Status.PodIP)
	}
	slices.Sort(want)
	for _, p := range s.web {
		s.eventually("the addresses of pods", func() error {
			answer, err := s.probe(p.Name, "lookup", "headless.smoke.svc.cluster.local")
			if got := slices.Sorted(strings.FieldsSeq(answer)); err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("they are %v, not %v", got, want)
			}
			return err
		})
		if _, err := s.probe(p.Name, "lookup", "outside.example"); err == nil || !strings.Contains(err.Error(), "no such host") {
			s.Errorf("a name of elsewhere: %v", err)
		}
	}
}

func (s *inside) nodePorts() {
	for _, p := range s.web {
		s.reachable(p.Status.HostIP+":30080", "web-")
		s.reachable(p.Status.HostIP+":8088", p.Name)
	}
}

func (s *inside) loadBalancers() {
	addresses := netip.MustParsePrefix(cluster.LoadBalancers)
	any := s.balancer("any-address")
	if a, err := netip.ParseAddr(any); err != nil || !addresses.Contains(a) {
		s.Errorf("the address is %s, none of %s", any, addresses)
	}
	s.reachable(any+":80", "web-")
	const own = "172.30.200.211"
	if got := s.balancer("own-address"); got != own {
		s.Errorf("the address is %s, not %s, which was asked for", got, own)
	}
	s.reachable(own+":80", "web-")
	const nobodys = "172.30.200.249"
	for range 20 { // more than the kernel sends ICMP messages at once
		if _, err := s.get(nobodys + ":80"); !errors.Is(err, syscall.ECONNREFUSED) {
			s.Fatalf("%s, which no Service has: %v, not refused", nobodys, err)
		}
	}
	if got := s.service("foreign-address").Status.LoadBalancer.Ingress; len(got) > 0 {
		s.Errorf("got address %v, not the one asked for", got)
	}
}

// Where traffic has to go to the node of a pod, it does, with the sender's address, and
// goes on doing so when the pod is replaced by one elsewhere.
func (s *inside) localLoadBalancers() {
	address := s.balancer("local")
	for node := range s.web {
		s.apply("local.yaml", node)
		s.reachable(address+":80", "local-"+node)
		answer, err := s.get(address + ":80")
		if err != nil || strings.TrimSpace(answer) != "local-"+node+" 172.30.0.1" {
			s.Errorf("%q answered (%v), not the pod with the address of the lab's host", answer, err)
		}
		object, err := s.render("local.yaml", node)
		if err == nil {
			err = s.cluster.Delete(s.Context(), object)
		}
		if err != nil {
			s.Fatal(err)
		}
	}
}

func (s *inside) logs() {
	for _, p := range s.web {
		if said, err := kubectl(s.Context(), "logs", p.Name); err != nil || said != "serving\n" {
			s.Errorf("the log of %s: %q, %v", p.Name, said, err)
		}
	}
}

func (s *inside) roles() {
	s.apply("roles.yaml", nil)
	const objects = "https://kubernetes.default.svc/api/v1/namespaces/smoke/"
	for _, p := range s.web {
		for kind, want := range map[string]string{"pods": "200", "secrets": "403"} {
			s.eventually(want+" for "+kind, func() error {
				answer, err := s.probe(p.Name, "get", objects+kind)
				if status, _, _ := strings.Cut(answer, "\n"); err == nil && status != want {
					err = fmt.Errorf("it is %s", status)
				}
				return err
			})
		}
	}
}

// ended waits until a pod has ended.
func (s *inside) ended(name string) (pod *corev1.Pod) {
	s.eventually("the end of pod "+name, func() (err error) {
		pod, err = s.objects.CoreV1().Pods(smoke).Get(s.Context(), name, metav1.GetOptions{})
		if err == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			err = fmt.Errorf("it is %s", pod.Status.Phase)
		}
		return err
	})
	return pod
}

func (s *inside) sidecars() {
	if p := s.ended("sidecar"); p.Status.Phase != corev1.PodSucceeded {
		s.Errorf("the pod has %s: %+v", p.Status.Phase, p.Status.ContainerStatuses)
	}
	if said, err := kubectl(s.Context(), "logs", "sidecar", "-c", "main"); err != nil || !strings.Contains(said, "200\nsidecar ") {
		s.Errorf("the sidecar answered %q, %v", said, err)
	}
}

func (s *inside) memoryLimits() {
	p := s.ended("hungry")
	if end := p.Status.ContainerStatuses[0].State.Terminated; end == nil || end.Reason != "OOMKilled" || end.ExitCode != 137 {
		s.Errorf("the container ended with %+v", end)
	}
}

func (s *inside) podSecurity() {
	s.apply("restricted.yaml", nil)
	s.eventually("the pod that is allowed", func() error {
		p, err := s.objects.CoreV1().Pods("restricted").Get(s.Context(), "allowed", metav1.GetOptions{})
		if err == nil && !podReady(*p) {
			err = fmt.Errorf("it is not ready: %+v", p.Status.ContainerStatuses)
		}
		return err
	})
	object, err := s.render("denied.yaml", nil)
	if err != nil {
		s.Fatal(err)
	}
	if err := s.cluster.Apply(s.Context(), object); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		s.Errorf("a privileged pod: %v", err)
	}
}

func (s *inside) isolated() {
	if connection, err := net.DialTimeout("tcp", "198.51.100.1:80", time.Second); err == nil {
		connection.Close()
		s.Error("there is a way out")
	}
}
