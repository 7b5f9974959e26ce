package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/config/v1alpha3"
	multicluster "fsm/api/multicluster/v1alpha1"
	"fsm/internal/identity"
	"fsm/internal/ir"
	"fsm/internal/meshconfig"
	"fsm/internal/provision"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// translator says what objects mean under the mesh configuration in force. When that
// changes it begins anew, with an empty memory.
type translator struct {
	c      *controlPlane
	config translate.Config
	last   *translate.Translator
}

// Translate implements controller.Translator.
func (t *translator) Translate(set *resource.Set) (*ir.Mesh, *report.Report) {
	if config := t.c.translation(); t.last == nil || config != t.config {
		t.config, t.last = config, translate.New(config)
	}
	return t.last.Translate(set)
}

// translation is what the configuration in force says about what objects mean.
func (c *controlPlane) translation() translate.Config {
	now := c.configured()
	config := translate.InCluster(c.ControllerName)
	config.NoGateways, config.Ingress = !now.Gateways, translate.IngressOf(now.Config, c.Namespace)
	config.SessionKey = c.sessionKey
	return config
}

// ingressIdentity is that of proxies that serve Ingresses.
func (c *controlPlane) ingressIdentity(namespace, name string) identity.ID {
	return identity.ID{TrustDomain: c.TrustDomain, Role: identity.Ingress, Namespace: namespace, Name: name}
}

// ingressOwner is whom the objects of the proxies belong to that namespaces share: the
// mesh configuration, which asks for them. They go when it goes.
func (c *controlPlane) ingressOwner() (owner metav1.OwnerReference, ok bool) {
	object := c.meshConfig()
	if object == nil {
		return metav1.OwnerReference{}, false
	}
	return metav1.OwnerReference{
		APIVersion: v1alpha3.GroupVersion.String(), Kind: "MeshConfig", Name: object.Name, UID: object.UID, Controller: new(true),
	}, true
}

// ingressProxies are the objects that proxies of Ingresses are to have.
type ingressProxies struct {
	provision.Ingress
	// wanted is not set if there are to be none.
	wanted bool
}

// ingresses are those of everybody who may ask for proxies of Ingresses.
func (c *controlPlane) ingresses(m *ir.Mesh) []ingressProxies {
	now := c.configured()
	var all []ingressProxies
	if owner, ok := c.ingressOwner(); ok {
		all = append(all, ingressProxies{c.sharedIngress(owner, &now.Ingress, m), now.Ingress.Enabled})
	}
	for _, n := range resource.List[*multicluster.NamespacedIngress](c.source.Set()) {
		i := c.namespacedIngress(n)
		served := m != nil && m.Gateways[ir.IngressGateway(i.Namespace, i.Name)] != nil
		all = append(all, ingressProxies{i, now.Ingress.Enabled && now.Ingress.Namespaced && served})
	}
	return all
}

// ingress makes the proxies that serve Ingresses what they are to be.
func (w *workloads) ingress(ctx context.Context, all []ingressProxies) error {
	var failures []error
	for _, i := range all {
		var objects []runtime.Object
		if i.wanted {
			objects = w.c.configured().proxies.IngressObjects(i.Ingress)
		}
		if err := w.hold(ctx, i.Owner, objects); err != nil {
			failures = append(failures, fmt.Errorf("proxies of Ingresses %s/%s: %w", i.Namespace, i.Name, err))
		}
	}
	return errors.Join(failures...)
}

// hold makes objects all that an owner has.
func (w *workloads) hold(ctx context.Context, owner metav1.OwnerReference, objects []runtime.Object) error {
	// What is not wanted any longer goes first: it may have the ports of what is.
	var failures []error
	for kind := range resources {
		failures = append(failures, w.remove(ctx, kind, owner.UID, nameOf(objects, kind)))
	}
	for _, o := range objects {
		if err := w.claim(ctx, o, owner); err != nil {
			return errors.Join(append(failures, err)...)
		}
	}
	for _, o := range objects {
		failures = append(failures, w.apply(ctx, o))
	}
	return errors.Join(failures...)
}

// sharedIngress is what the objects are made from that namespaces share. The Service
// also has the ports of other gateways that these proxies serve.
func (c *controlPlane) sharedIngress(owner metav1.OwnerReference, config *meshconfig.Ingress, m *ir.Mesh) provision.Ingress {
	p := provision.Defaults()
	p.Replicas, p.ServiceType, p.LogLevel = config.Replicas, config.Type, strings.ToLower(config.LogLevel.String())
	i := provision.Ingress{
		Namespace: c.Namespace, Name: ir.SharedIngress, Owner: owner, Service: config.Service, Parameters: p,
		Identity: c.ingressIdentity(c.Namespace, ir.SharedIngress).String(),
	}
	for _, at := range []struct {
		name string
		meshconfig.IngressPort
	}{{"http", config.HTTP}, {"https", config.TLS}} {
		if at.Enabled {
			i.Ports = append(i.Ports, provision.IngressPort{Name: at.name, Port: at.Port, Bind: at.Bind, NodePort: at.NodePort})
		}
	}
	if m != nil {
		i.Ports = append(i.Ports, guestPorts(m, ir.IngressGateway(i.Namespace, i.Name), i.Ports)...)
	}
	return i
}

// guestPorts are the ports of gateways that another one's proxies serve, but for those
// that the other has.
func guestPorts(m *ir.Mesh, host ir.GatewayName, taken []provision.IngressPort) []provision.IngressPort {
	ports := map[uint16]bool{}
	for _, g := range m.Gateways {
		if g.With == host {
			for _, l := range g.Listeners {
				ports[l.Port] = true
			}
		}
	}
	for _, p := range taken {
		delete(ports, p.Port)
	}
	var list []provision.IngressPort
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		list = append(list, provision.IngressPort{Name: "tcp-" + strconv.Itoa(int(port)), Port: port, Bind: ir.PodPort(port)})
	}
	return list
}

// namespacedIngress is what those of a namespace are made from.
func (c *controlPlane) namespacedIngress(n *multicluster.NamespacedIngress) provision.Ingress {
	s, p := &n.Spec, provision.Defaults()
	p.Replicas, p.ServiceType, p.ServiceAnnotations = s.Replicas, s.ServiceType, s.ServiceAnnotations
	p.NodeSelector, p.Affinity, p.Tolerations = s.NodeSelector, s.Affinity, s.Tolerations
	p.LogLevel = strings.ToLower(meshconfig.Level(v1alpha3.LogLevel(s.LogLevel)).String())
	if len(s.Resources.Requests)+len(s.Resources.Limits) > 0 {
		p.Resources = s.Resources
	}
	i := provision.Ingress{
		Namespace: n.Namespace, Name: n.Workload(), Service: n.Workload(), Parameters: p,
		Identity: c.ingressIdentity(n.Namespace, n.Workload()).String(),
		Owner: metav1.OwnerReference{
			APIVersion: multicluster.GroupVersion.String(), Kind: "NamespacedIngress", Name: n.Name, UID: n.UID, Controller: new(true),
		},
	}
	for _, at := range []struct {
		name    string
		enabled bool
		multicluster.NamespacedPort
	}{{"http", s.HTTP.Enabled, s.HTTP.Port}, {"https", s.TLS.Enabled, s.TLS.Port}} {
		if at.enabled {
			i.Ports = append(i.Ports, provision.IngressPort{Name: at.name, Port: uint16(at.Port), Bind: uint16(at.TargetPort), NodePort: at.NodePort})
		}
	}
	return i
}

// ingressOf is the one whose proxies have a service account; false for none.
func (c *controlPlane) ingressOf(namespace, account string, owner types.UID) (identity.ID, bool) {
	for _, i := range c.ingresses(nil) {
		if i.Namespace == namespace && i.Name == account && i.Owner.UID == owner {
			return c.ingressIdentity(namespace, account), true
		}
	}
	return identity.ID{}, false
}

// nameOf is the name of the object of a kind; empty for none.
func nameOf(objects []runtime.Object, kind string) string {
	for _, o := range objects {
		if accessor, err := meta.Accessor(o); err == nil && o.GetObjectKind().GroupVersionKind().Kind == kind {
			return accessor.GetName()
		}
	}
	return ""
}

// claim finds out whether an object's name is free for an owner. Applying ours over
// somebody else's would make it a mixture of both.
func (w *workloads) claim(ctx context.Context, o runtime.Object, owner metav1.OwnerReference) error {
	accessor, err := meta.Accessor(o)
	if err != nil {
		return fmt.Errorf("look at object: %w", err)
	}
	kind, name := o.GetObjectKind().GroupVersionKind().Kind, accessor.GetName()
	for _, mine := range w.inventory.owned(kind, owner.UID) {
		if mine.GetName() == name {
			return nil
		}
	}
	there, err := w.c.metadata.Resource(resources[kind]).Namespace(accessor.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("look for %s %s/%s: %w", kind, accessor.GetNamespace(), name, err)
	case metav1.IsControlledBy(there, &metav1.ObjectMeta{UID: owner.UID}):
		return nil
	}
	return fmt.Errorf("%s %s/%s is there already and belongs to somebody else; delete it, or have Ingresses served by that", kind, accessor.GetNamespace(), name)
}

// ingressAddresses are those at which the Ingresses of a namespace are reached; ok is
// false while that is not known.
func (c *controlPlane) ingressAddresses(namespace string) (list []networkingv1.IngressLoadBalancerIngress, ok bool) {
	var owner types.UID
	for _, i := range c.ingresses(c.workloads.served()) {
		// Those that namespaces share come first.
		if i.wanted && (i.Name == ir.SharedIngress || i.Namespace == namespace) {
			owner = i.Owner.UID
		}
	}
	service := c.workloads.inventory.service(owner)
	if service == nil {
		return nil, false
	}
	for _, a := range addresses(service) {
		entry := networkingv1.IngressLoadBalancerIngress{IP: a.Value}
		if a.Type != nil && *a.Type == gatewayv1.HostnameAddressType {
			entry = networkingv1.IngressLoadBalancerIngress{Hostname: a.Value}
		}
		list = append(list, entry)
	}
	return list, true
}

// served is the latest mesh; nil for none yet.
func (w *workloads) served() *ir.Mesh {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mesh
}
