package operator

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/provision"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// workloads has Kubernetes run the proxies of Gateways.
type workloads struct {
	c      *controlPlane
	bundle []byte
	woken  chan struct{}

	// services and deployments are those that belong to Gateways.
	services, deployments cache.SharedIndexInformer

	mu     sync.Mutex
	mesh   *ir.Mesh
	report *report.Report
	// applied are the hashes of objects as they were last applied, and the versions
	// that they got.
	applied map[string][sha256.Size]byte
}

func newWorkloads(c *controlPlane, bundle []byte) *workloads {
	return &workloads{c: c, bundle: bundle, woken: make(chan struct{}, 1), applied: map[string][sha256.Size]byte{}}
}

// watch begins to follow the objects that belong to Gateways.
func (w *workloads) watch(ctx context.Context) error {
	factory := informers.NewSharedInformerFactoryWithOptions(w.c.client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.LabelSelector = provision.GatewayNameLabel
	}))
	w.services, w.deployments = factory.Core().V1().Services().Informer(), factory.Apps().V1().Deployments().Informer()
	wake := func(any) {
		w.wake()
		w.c.writer.Wake() // addresses may be others
	}
	for _, informer := range []cache.SharedIndexInformer{w.services, w.deployments} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: wake, UpdateFunc: func(_, object any) { w.forget(object); wake(object) },
			DeleteFunc: func(object any) { w.forget(object); wake(object) },
		}); err != nil {
			return fmt.Errorf("watch workloads: %w", err)
		}
	}
	factory.Start(ctx.Done())
	for kind, ok := range factory.WaitForCacheSync(ctx.Done()) {
		if !ok {
			return fmt.Errorf("watch workloads: %v: %w", kind, context.Cause(ctx))
		}
	}
	return nil
}

func (w *workloads) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// forget has an object applied again that somebody changed: applying what is
// there already changes nothing.
func (w *workloads) forget(object any) {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	suffix := accessor.GetNamespace() + "/" + accessor.GetName()
	for _, kind := range []string{"Service", "Deployment"} {
		delete(w.applied, kind+" "+suffix)
	}
}

// want takes in the latest result.
func (w *workloads) want(m *ir.Mesh, r *report.Report) {
	w.mu.Lock()
	w.mesh, w.report = m, r
	w.mu.Unlock()
	w.wake()
}

// retry is the time until what failed is tried again.
const retry = 2 * time.Second

// run keeps the workloads as they should be, until the context ends.
func (w *workloads) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.woken:
		}
		if err := w.pass(ctx); err != nil && ctx.Err() == nil {
			w.c.Log.Error("workloads of Gateways not as they should be", "error", err, "retry", retry)
			timer.Reset(retry)
		}
	}
}

// pass looks at every Gateway.
func (w *workloads) pass(ctx context.Context) error {
	w.mu.Lock()
	m, r := w.mesh, w.report
	w.mu.Unlock()
	if r == nil {
		return nil
	}
	var failures []error
	for _, key := range slices.SortedFunc(maps.Keys(r.Gateways), compareKeys) {
		if !meta.IsStatusConditionTrue(r.Gateways[key].Conditions, string(gatewayv1.GatewayConditionAccepted)) {
			continue
		}
		if err := w.gateway(ctx, key, m); err != nil {
			failures = append(failures, fmt.Errorf("gateway %s/%s: %w", key.Namespace, key.Name, err))
		}
	}
	return errors.Join(failures...)
}

func compareKeys(a, b resource.Key) int {
	return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
}

// gateway applies the objects of one.
func (w *workloads) gateway(ctx context.Context, key resource.Key, m *ir.Mesh) error {
	object, ok := w.c.gateway(key)
	if !ok {
		return nil // gone since
	}
	parameters, failures := w.c.parameters(object)
	for _, err := range failures {
		w.c.Log.Warn("parameter of a Gateway not used", "gateway", key.Namespace+"/"+key.Name, "error", err)
	}
	g := provision.Gateway{
		Object: object, Name: w.name(object), Ports: ports(object, m), Parameters: parameters,
		Identity: "spiffe://" + w.c.TrustDomain + "/ns/" + key.Namespace + "/gateway/" + key.Name,
	}
	objects := append([]runtime.Object{w.trust(key.Namespace)}, w.c.Proxies.Objects(g)...)
	for _, o := range objects {
		if err := w.apply(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// trust is the ConfigMap with the authorities that the proxies of a namespace
// trust.
func (w *workloads) trust(namespace string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: w.c.Proxies.TrustMap},
		Data:       map[string]string{certificateKey: string(w.bundle)},
	}
}

// ports are those of a Gateway's listeners, whether they can serve or not: a
// Service that loses and regains its last port would lose its address.
func ports(g *gatewayv1.Gateway, m *ir.Mesh) []provision.Port {
	var list []provision.Port
	add := func(port int32, protocol string) {
		p := provision.Port{Port: port, Protocol: corev1.ProtocolTCP}
		if protocol == string(gatewayv1.UDPProtocolType) {
			p.Protocol = corev1.ProtocolUDP
		}
		list = append(list, p)
	}
	for _, l := range g.Spec.Listeners {
		add(int32(l.Port), string(l.Protocol))
	}
	if served := m.Gateways[ir.GatewayName(g.Namespace+"/"+g.Name)]; served != nil {
		for _, l := range served.Listeners {
			add(int32(l.Port), string(l.Protocol))
		}
	}
	return list
}

// name is what the objects of a Gateway are called: what they are called already,
// if they are there.
func (w *workloads) name(g *gatewayv1.Gateway) string {
	taken := map[string]bool{}
	for _, o := range w.deployments.GetStore().List() {
		d, err := meta.Accessor(o)
		if err != nil || d.GetNamespace() != g.Namespace {
			continue
		}
		owner := metav1.GetControllerOfNoCopy(d)
		if owner != nil && owner.UID == g.UID {
			return d.GetName()
		}
		taken[d.GetName()] = true
	}
	return provision.Name(g.Namespace, g.Name, func(name string) bool { return taken[name] })
}

// apply makes an object what it should be, if that was not done already.
func (w *workloads) apply(ctx context.Context, o runtime.Object) error {
	body, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode object: %w", err)
	}
	accessor, err := meta.Accessor(o)
	if err != nil {
		return fmt.Errorf("look at object: %w", err)
	}
	kind := o.GetObjectKind().GroupVersionKind().Kind
	key, sum := kind+" "+accessor.GetNamespace()+"/"+accessor.GetName(), sha256.Sum256(body)
	w.mu.Lock()
	done := w.applied[key] == sum
	w.mu.Unlock()
	if done {
		return nil
	}
	client, plural, err := w.place(kind)
	if err != nil {
		return err
	}
	err = client.Patch(types.ApplyPatchType).Namespace(accessor.GetNamespace()).Resource(plural).Name(accessor.GetName()).
		Param("fieldManager", Name).Param("force", "true").Body(body).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("apply %s: %w", key, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.applied[key] = sum
	return nil
}

// place is where objects of a kind are.
func (w *workloads) place(kind string) (rest.Interface, string, error) {
	switch kind {
	case "ServiceAccount":
		return w.c.client.CoreV1().RESTClient(), "serviceaccounts", nil
	case "ConfigMap":
		return w.c.client.CoreV1().RESTClient(), "configmaps", nil
	case "Service":
		return w.c.client.CoreV1().RESTClient(), "services", nil
	case "Deployment":
		return w.c.client.AppsV1().RESTClient(), "deployments", nil
	case "HorizontalPodAutoscaler":
		return w.c.client.AutoscalingV2().RESTClient(), "horizontalpodautoscalers", nil
	case "PodDisruptionBudget":
		return w.c.client.PolicyV1().RESTClient(), "poddisruptionbudgets", nil
	}
	return nil, "", fmt.Errorf("kind %s is not one of a workload", kind)
}

// addresses at which a Gateway can be reached: those of its Service.
func (w *workloads) addresses(gateway resource.Key) []gatewayv1.GatewayStatusAddress {
	object, ok := w.c.gateway(gateway)
	if !ok {
		return nil
	}
	for _, o := range w.services.GetStore().List() {
		s, ok := o.(*corev1.Service)
		if !ok || s.Namespace != gateway.Namespace {
			continue
		}
		if owner := metav1.GetControllerOfNoCopy(s); owner != nil && owner.UID == object.UID {
			return serviceAddresses(s)
		}
	}
	return nil
}

func serviceAddresses(s *corev1.Service) []gatewayv1.GatewayStatusAddress {
	var list []gatewayv1.GatewayStatusAddress
	add := func(kind gatewayv1.AddressType, value string) {
		if value != "" && value != corev1.ClusterIPNone {
			list = append(list, gatewayv1.GatewayStatusAddress{Type: &kind, Value: value})
		}
	}
	for _, i := range s.Status.LoadBalancer.Ingress {
		add(gatewayv1.IPAddressType, i.IP)
		add(gatewayv1.HostnameAddressType, i.Hostname)
	}
	if len(list) == 0 && s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		for _, ip := range s.Spec.ClusterIPs {
			add(gatewayv1.IPAddressType, ip)
		}
	}
	return list
}
