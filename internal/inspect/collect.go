package inspect

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// Collection is what to collect for somebody who looks for a mistake.
type Collection struct {
	// Control is the namespace of the control plane.
	Control string
	// Namespaces, Deployments and Pods are those of applications to look at as well;
	// All stands for all namespaces.
	Namespaces        []string
	Deployments, Pods []types.NamespacedName
	All               bool
	// Version of the program that collects.
	Version string
	// Say is told, in a line, what is collected.
	Say func(line string)
}

// Limits of one file of a collection.
const (
	logLines = 20_000
	logBytes = 8 << 20
	// stepTime bounds what one pod or kind may take.
	stepTime = 20 * time.Second
)

// collector writes a collection. What cannot be collected is noted, and the rest
// goes on.
type collector struct {
	*Cluster
	Collection
	dynamic  dynamic.Interface
	zip      *zip.Writer
	problems []string
	// failed is set when the file cannot be written any longer.
	failed error
}

// Collect writes a collection as a zip file. No Secret is read, and what looks like
// one is replaced. It returns how many things could not be collected, which the file
// tells; the error is about the file.
func (c *Cluster) Collect(ctx context.Context, w io.Writer, o Collection) (problems int, err error) {
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return 0, fmt.Errorf("make client of objects: %w", err)
	}
	k := &collector{Cluster: c, Collection: o, dynamic: client, zip: zip.NewWriter(w)}
	k.file("version.txt", []byte(o.Version+"\n"))
	for _, step := range []struct {
		line string
		do   func(context.Context)
	}{
		{"the cluster", k.cluster},
		{"the configuration", k.configuration},
		{"the control plane", k.controlPlane},
		{"the proxies", k.proxies},
		{"applications", k.applications},
	} {
		if err := errors.Join(k.failed, ctx.Err()); err != nil {
			return 0, err
		}
		o.Say("collecting " + step.line)
		step.do(ctx)
	}
	if len(k.problems) > 0 {
		k.file("problems.txt", []byte(strings.Join(k.problems, "\n")+"\n"))
	}
	return len(k.problems), errors.Join(k.failed, k.zip.Close())
}

// file adds a text, without what looks like a secret.
func (k *collector) file(name string, text []byte) {
	w, err := k.zip.Create(name)
	if err == nil {
		_, err = w.Write(redactText(text))
	}
	if err != nil && k.failed == nil {
		k.failed = fmt.Errorf("write %s: %w", name, err)
	}
}

// object adds an object, or a list of them, as YAML.
func (k *collector) object(name string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		k.problem(name, err)
		return
	}
	k.json(name, text)
}

// json adds a text that is JSON as YAML.
func (k *collector) json(name string, text []byte) {
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		k.problem(name, err)
		return
	}
	redactObject(plain)
	text, err := yaml.Marshal(plain)
	if err != nil {
		k.problem(name, err)
		return
	}
	k.file(name, text)
}

func (k *collector) problem(name string, err error) {
	k.problems = append(k.problems, fmt.Sprintf("%s: %v", name, err))
}

// objects adds all objects of a kind, in one namespace or in all.
func (k *collector) objects(ctx context.Context, kind schema.GroupVersionResource, namespace, name string) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	list, err := k.dynamic.Resource(kind).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		k.problem(name, err)
		return
	}
	if len(list.Items) > 0 {
		k.object(name, list.UnstructuredContent())
	}
}

func (k *collector) cluster(ctx context.Context) {
	if info, err := k.client.Discovery().ServerVersion(); err != nil {
		k.problem("cluster/version.yaml", err)
	} else {
		k.object("cluster/version.yaml", info)
	}
	k.objects(ctx, corev1.SchemeGroupVersion.WithResource("nodes"), "", "cluster/nodes.yaml")
	k.objects(ctx, corev1.SchemeGroupVersion.WithResource("namespaces"), "", "cluster/namespaces.yaml")
}

// configuration adds the objects of users: those of the Gateway API, of Ingress and
// of our own groups, and the Services that there are.
func (k *collector) configuration(ctx context.Context) {
	lists, err := discovery.ServerPreferredResources(k.client.Discovery())
	if err != nil {
		k.problem("configuration", err) // about some groups; the others are there
	}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			k.problem(list.GroupVersion, err)
			continue
		}
		for _, r := range list.APIResources {
			if ours(version.Group, r.Name) && slices.Contains(r.Verbs, "list") {
				k.objects(ctx, version.WithResource(r.Name), "", "configuration/"+r.Name+"."+version.Group+".yaml")
			}
		}
	}
	k.objects(ctx, corev1.SchemeGroupVersion.WithResource("services"), "", "configuration/services.yaml")
	endpoints := schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
	k.objects(ctx, endpoints, "", "configuration/endpointslices.yaml")
}

// ours tells whether objects of a kind configure FSM.
func ours(group, plural string) bool {
	return group == "gateway.networking.k8s.io" || group == "flomesh.io" || strings.HasSuffix(group, ".flomesh.io") ||
		group == "networking.k8s.io" && strings.HasPrefix(plural, "ingress")
}

func (k *collector) controlPlane(ctx context.Context) {
	k.namespace(ctx, "control-plane", k.Control)
	list, err := k.Proxies(ctx, k.Control)
	if err != nil {
		k.problem("control-plane/proxies.yaml", err)
	}
	if list != nil {
		k.object("control-plane/proxies.yaml", list)
	}
}

// proxies adds what proxies have.
func (k *collector) proxies(ctx context.Context) {
	pods, err := k.pods(ctx, metav1.NamespaceAll, proxyApps)
	if err != nil {
		k.problem("proxies", err)
		return
	}
	for i := range pods {
		p := &pods[i]
		dir := "proxies/" + p.Namespace + "/" + p.Name
		k.pod(ctx, dir, p)
		if p.Status.Phase != corev1.PodRunning {
			continue
		}
		for _, query := range []string{"config_dump?format=snapshot", "clusters", "certs", "listeners", "stats"} {
			k.ask(ctx, dir, Pod{p.Namespace, p.Name, ProxyPort}, query)
		}
	}
}

// ask adds an answer of a proxy.
func (k *collector) ask(ctx context.Context, dir string, p Pod, query string) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	name, _, _ := strings.Cut(dir+"/"+query, "?")
	text, err := k.text(ctx, p, query)
	switch {
	case err != nil:
		k.problem(name, err)
	case json.Valid(text):
		k.json(name+".yaml", text)
	default:
		k.file(name+".txt", text)
	}
}

func (k *collector) applications(ctx context.Context) {
	namespaces := k.Namespaces
	if k.All {
		namespaces = nil
		list, err := k.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		if err != nil {
			k.problem("applications", err)
			return
		}
		for _, n := range list.Items {
			if n.Name != k.Control {
				namespaces = append(namespaces, n.Name)
			}
		}
	}
	for _, n := range namespaces {
		k.namespace(ctx, "applications/"+n, n)
	}
	for _, d := range k.Deployments {
		k.deployment(ctx, d)
	}
	for _, name := range k.Pods {
		dir := "applications/" + name.String()
		p, err := k.client.CoreV1().Pods(name.Namespace).Get(ctx, name.Name, metav1.GetOptions{})
		if err != nil {
			k.problem(dir, err)
			continue
		}
		k.pod(ctx, dir, p)
	}
}

// deployment adds one and its pods.
func (k *collector) deployment(ctx context.Context, name types.NamespacedName) {
	dir := "applications/" + name.String()
	d, err := k.client.AppsV1().Deployments(name.Namespace).Get(ctx, name.Name, metav1.GetOptions{})
	if err != nil {
		k.problem(dir, err)
		return
	}
	k.object(dir+"/deployment.yaml", d)
	pods, err := k.client.CoreV1().Pods(name.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)})
	if err != nil {
		k.problem(dir, err)
		return
	}
	for i := range pods.Items {
		k.pod(ctx, dir+"/"+pods.Items[i].Name, &pods.Items[i])
	}
}

// namespace adds the workloads, events, pods and logs of one.
func (k *collector) namespace(ctx context.Context, dir, namespace string) {
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	for _, kind := range []schema.GroupVersionResource{
		apps.WithResource("deployments"), apps.WithResource("daemonsets"), apps.WithResource("replicasets"),
		corev1.SchemeGroupVersion.WithResource("events"), corev1.SchemeGroupVersion.WithResource("serviceaccounts"),
	} {
		k.objects(ctx, kind, namespace, dir+"/"+kind.Resource+".yaml")
	}
	pods, err := k.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		k.problem(dir+"/pods", err)
		return
	}
	for i := range pods.Items {
		k.pod(ctx, dir+"/"+pods.Items[i].Name, &pods.Items[i])
	}
}

// pod adds one and its logs.
func (k *collector) pod(ctx context.Context, dir string, p *corev1.Pod) {
	k.object(dir+"/pod.yaml", p)
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		k.log(ctx, dir, p, corev1.PodLogOptions{Container: s.Name})
		if s.RestartCount > 0 {
			k.log(ctx, dir, p, corev1.PodLogOptions{Container: s.Name, Previous: true})
		}
	}
}

func (k *collector) log(ctx context.Context, dir string, p *corev1.Pod, o corev1.PodLogOptions) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	name := dir + "/" + o.Container + ".log"
	if o.Previous {
		name = dir + "/" + o.Container + ".previous.log"
	}
	o.TailLines, o.LimitBytes, o.Timestamps = new(int64(logLines)), new(int64(logBytes)), true
	text, err := k.client.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &o).DoRaw(ctx)
	if err != nil {
		k.problem(name, err)
		return
	}
	k.file(name, text)
}
