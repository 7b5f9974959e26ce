package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/provision"
	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// workloads has Kubernetes run the proxies of Gateways.
type workloads struct {
	c         *controlPlane
	bundle    []byte
	woken     chan struct{}
	inventory *inventory

	mu     sync.Mutex
	mesh   *ir.Mesh
	report *report.Report
	// made is what is known about each Gateway's objects, by its UID.
	made map[types.UID]*made
	// trusting are the owners in each namespace with which the authorities were applied
	// last.
	trusting map[string][]metav1.OwnerReference
	// applied are the objects as they were last applied.
	applied map[string]applied
}

// made is what the objects of a Gateway were made from, and what came of it.
type made struct {
	name string
	from inputs
	// done is set once every object is there as it should be.
	done bool
	// trouble is why the objects are not as they should be.
	trouble string
}

// inputs are what the objects of a Gateway depend on. What did not change keeps its
// pointer.
type inputs struct {
	settings        *provision.Settings
	gateway         *gatewayv1.Gateway
	own, ofTheClass *corev1.ConfigMap
	ports           []provision.Port
}

func (i inputs) equal(o inputs) bool {
	return i.settings == o.settings && i.gateway == o.gateway && i.own == o.own && i.ofTheClass == o.ofTheClass && slices.Equal(i.ports, o.ports)
}

func newWorkloads(c *controlPlane, bundle []byte) *workloads {
	return &workloads{
		c: c, bundle: bundle, woken: make(chan struct{}, 1),
		made: map[types.UID]*made{}, trusting: map[string][]metav1.OwnerReference{}, applied: map[string]applied{},
	}
}

// watch begins to follow the objects that belong to Gateways.
func (w *workloads) watch(ctx context.Context) (err error) {
	w.inventory, err = follow(ctx, w.c.client, w.c.metadata, w.changed)
	if err != nil {
		return fmt.Errorf("watch workloads: %w", err)
	}
	return nil
}

// changed has the objects of a Gateway applied again when somebody changed one.
// What we did ourselves is no news.
func (w *workloads) changed(kind string, before, after metav1.Object) {
	if kind == "Service" {
		w.c.writer.Wake() // addresses may be others
	}
	if same(before, after) {
		return
	}
	o := after
	if o == nil {
		o = before
	}
	key := kind + " " + o.GetNamespace() + "/" + o.GetName()
	w.mu.Lock()
	known := after != nil && w.applied[key].version == after.GetResourceVersion()
	if !known {
		delete(w.applied, key)
		delete(w.trusting, o.GetNamespace())
		for _, owner := range o.GetOwnerReferences() {
			if m := w.made[owner.UID]; m != nil {
				m.done = false
			}
		}
	}
	w.mu.Unlock()
	if !known {
		w.wake()
	}
}

func (w *workloads) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
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
	var said string
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.woken:
		}
		err := w.pass(ctx)
		if err == nil || ctx.Err() != nil {
			said = ""
			continue
		}
		timer.Reset(retry)
		if text := err.Error(); text != said { // once for each kind of trouble
			said = text
			w.c.Log.Error("workloads not as they should be", "error", err, "retry", retry)
		}
	}
}

// pass looks at every Gateway, and at the proxies of Ingresses.
func (w *workloads) pass(ctx context.Context) error {
	w.mu.Lock()
	m, r := w.mesh, w.report
	w.mu.Unlock()
	now, ingresses := w.c.configured(), w.c.ingresses(m)
	if r == nil {
		if now.Ingress.Enabled {
			return nil // not yet
		}
		return w.ingress(ctx, ingresses) // what may be left of them
	}
	present := w.forget(r)
	accepted, owners := w.survey(r)
	trusting := map[string]bool{}
	for _, i := range ingresses {
		if i.wanted {
			trusting[i.Namespace] = true
			i.Owner.Controller = nil // one of many
			owners[i.Namespace] = append(owners[i.Namespace], i.Owner)
		}
	}
	if !now.Gateways { // they stay as they are
		accepted = nil
		maps.DeleteFunc(owners, func(namespace string, _ []metav1.OwnerReference) bool { return !trusting[namespace] })
	}
	// Pods do not start without what they are to trust.
	failures := []error{w.trustEverywhere(ctx, owners)}
	for _, g := range accepted {
		if err := w.gateway(ctx, g, m); err != nil {
			failures = append(failures, fmt.Errorf("gateway %s/%s: %w", g.Namespace, g.Name, err))
		}
	}
	failures = append(failures, w.ingress(ctx, ingresses))
	if now.Gateways {
		failures = append(failures, w.leave(ctx, present))
	}
	return errors.Join(failures...)
}

// survey finds the Gateways whose workloads are to be as they say, and, for each
// namespace, those whose proxies run.
func (w *workloads) survey(r *report.Report) (accepted []*gatewayv1.Gateway, owners map[string][]metav1.OwnerReference) {
	owners = map[string][]metav1.OwnerReference{}
	runs := func(g *gatewayv1.Gateway) {
		owners[g.Namespace] = append(owners[g.Namespace], metav1.OwnerReference{
			APIVersion: gatewayv1.GroupVersion.String(), Kind: "Gateway", Name: g.Name, UID: g.UID,
		})
	}
	for _, key := range slices.SortedFunc(maps.Keys(r.Gateways), compareKeys) {
		g, ok := w.c.gateway(key)
		if !ok {
			continue // gone since
		}
		is := meta.IsStatusConditionTrue(r.Gateways[key].Conditions, string(gatewayv1.GatewayConditionAccepted))
		if is {
			accepted = append(accepted, g)
		}
		// What runs stays: a mistake in an edit takes nobody's proxies away.
		if is || len(w.inventory.owned("Deployment", g.UID)) > 0 {
			runs(g)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(r.Orphans), compareKeys) {
		if g, ok := w.c.gateway(key); ok && len(w.inventory.owned("Deployment", g.UID)) > 0 {
			runs(g)
		}
	}
	return accepted, owners
}

func compareKeys(a, b resource.Key) int {
	return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
}

// gateway applies the objects of one, if anything changed that they are made from.
func (w *workloads) gateway(ctx context.Context, g *gatewayv1.Gateway, m *ir.Mesh) error {
	from := w.c.inputs(g)
	from.ports = ports(g, m)
	w.mu.Lock()
	before := w.made[g.UID]
	if before != nil && before.done && before.from.equal(from) {
		w.mu.Unlock()
		return nil
	}
	now := &made{from: from, done: true} // unless something changes meanwhile
	if before != nil {
		now.name, now.trouble = before.name, before.trouble
	}
	w.made[g.UID] = now
	w.mu.Unlock()
	name, err := w.make(ctx, from)
	w.mu.Lock()
	now.name, now.trouble = name, ""
	if err != nil {
		now.done, now.trouble = false, err.Error()
	}
	w.mu.Unlock()
	w.c.writer.Wake()
	if errors.Is(err, errSucceeding) {
		return nil // we hear of it when what is in the way goes
	}
	return err
}

// make makes the objects of a Gateway what they should be, and deletes those that
// are no longer wanted. It returns the name of the objects.
func (w *workloads) make(ctx context.Context, from inputs) (name string, err error) {
	g := from.gateway
	if name, err = w.name(ctx, g); err != nil {
		return "", err
	}
	parameters, _ := parameters(from) // statuses name those that cannot be used
	objects := from.settings.Objects(provision.Gateway{
		Object: g, Name: name, Ports: from.ports, Parameters: parameters,
		Identity: "spiffe://" + w.c.TrustDomain + "/ns/" + g.Namespace + "/gateway/" + g.Name,
	})
	var failures []error
	wanted := map[string]bool{}
	for _, o := range objects {
		wanted[o.GetObjectKind().GroupVersionKind().Kind] = true
		failures = append(failures, w.apply(ctx, o))
	}
	for kind := range resources {
		if !wanted[kind] {
			failures = append(failures, w.remove(ctx, kind, g.UID, ""))
		}
	}
	return name, errors.Join(failures...)
}

// forget drops what is known about Gateways that are gone, whose objects Kubernetes
// deletes, and returns the others. Their names are free then.
func (w *workloads) forget(r *report.Report) (present map[types.UID]bool) {
	present = map[types.UID]bool{}
	for key := range r.Gateways {
		if g, ok := w.c.gateway(key); ok {
			present[g.UID] = true
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.made, func(uid types.UID, _ *made) bool { return !present[uid] })
	return present
}

// leave deletes what belongs to Gateways that another controller has now. A Gateway
// whose class does not exist is nobody else's, and keeps what it has.
func (w *workloads) leave(ctx context.Context, present map[types.UID]bool) error {
	var failures []error
	for uid, name := range w.inventory.controllers() {
		if present[uid] || !w.c.isOthers(name, uid) {
			continue
		}
		for kind := range resources {
			failures = append(failures, w.remove(ctx, kind, uid, ""))
		}
	}
	return errors.Join(failures...)
}

// trustEverywhere applies what proxies trust to each namespace that has some.
func (w *workloads) trustEverywhere(ctx context.Context, owners map[string][]metav1.OwnerReference) error {
	w.mu.Lock()
	maps.DeleteFunc(w.trusting, func(namespace string, _ []metav1.OwnerReference) bool { return owners[namespace] == nil })
	w.mu.Unlock()
	var failures []error
	for _, namespace := range slices.Sorted(maps.Keys(owners)) {
		failures = append(failures, w.trust(ctx, namespace, owners[namespace]))
	}
	return errors.Join(failures...)
}

// trust applies the ConfigMap with the authorities that the proxies of a namespace
// trust. Whoever has proxies there owns it, so that it goes with the last.
func (w *workloads) trust(ctx context.Context, namespace string, owners []metav1.OwnerReference) error {
	w.mu.Lock()
	unchanged := slices.Equal(w.trusting[namespace], owners)
	w.trusting[namespace] = owners
	w.mu.Unlock()
	if unchanged {
		return nil
	}
	err := w.apply(ctx, &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: w.c.Proxies.TrustMap, OwnerReferences: owners,
			Labels: map[string]string{provision.ManagedByLabel: provision.ManagedBy},
		},
		Data: map[string]string{certificateKey: string(w.bundle)},
	})
	if err != nil {
		w.mu.Lock()
		delete(w.trusting, namespace)
		w.mu.Unlock()
	}
	return err
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
