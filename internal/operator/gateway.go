package operator

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/provision"
	"fsm/internal/resource"
	"fsm/internal/status"
)

// gateway finds a Gateway among the objects that were read.
func (c *controlPlane) gateway(key resource.Key) (*gatewayv1.Gateway, bool) {
	return resource.Get[*gatewayv1.Gateway](c.source.Set(), key.Namespace, key.Name)
}

// isGateway reports whether a reference is to a Gateway that exists.
func (c *controlPlane) isGateway(namespace string, owner *metav1.OwnerReference) bool {
	g, ok := resource.Get[*gatewayv1.Gateway](c.source.Set(), namespace, owner.Name)
	return ok && g.UID == owner.UID
}

// isOthers reports whether a Gateway exists and another controller's class is its.
func (c *controlPlane) isOthers(name types.NamespacedName, uid types.UID) bool {
	set := c.source.Set()
	g, ok := resource.Get[*gatewayv1.Gateway](set, name.Namespace, name.Name)
	if !ok || g.UID != uid {
		return false
	}
	class, ok := resource.Get[*gatewayv1.GatewayClass](set, "", string(g.Spec.GatewayClassName))
	return ok && string(class.Spec.ControllerName) != c.ControllerName
}

// parameterMaps are the ConfigMaps with parameters that the class of a Gateway and
// the Gateway itself name; nil for none. Where one is named and cannot be had, the
// class or the Gateway is not accepted.
func (c *controlPlane) parameterMaps(g *gatewayv1.Gateway) (class, own *corev1.ConfigMap) {
	set := c.source.Set()
	find := func(group gatewayv1.Group, kind gatewayv1.Kind, namespace, name string) *corev1.ConfigMap {
		if group != "" || kind != "ConfigMap" {
			return nil
		}
		m, _ := resource.Get[*corev1.ConfigMap](set, namespace, name)
		return m
	}
	gc, ok := resource.Get[*gatewayv1.GatewayClass](set, "", string(g.Spec.GatewayClassName))
	if ok && gc.Spec.ParametersRef != nil && gc.Spec.ParametersRef.Namespace != nil {
		ref := gc.Spec.ParametersRef
		class = find(ref.Group, ref.Kind, string(*ref.Namespace), ref.Name)
	}
	if i := g.Spec.Infrastructure; i != nil && i.ParametersRef != nil {
		own = find(i.ParametersRef.Group, i.ParametersRef.Kind, g.Namespace, i.ParametersRef.Name)
	}
	return class, own
}

// inputs are what the objects of a Gateway depend on, but for the ports.
func (c *controlPlane) inputs(g *gatewayv1.Gateway) inputs {
	in := inputs{gateway: g, settings: c.configured().proxies}
	in.ofTheClass, in.own = c.parameterMaps(g)
	return in
}

// parameters are what users say about the workload of a Gateway: its annotations
// beat its ConfigMap, and that the one of the class. The errors are about those that
// cannot be used.
func parameters(from inputs) (provision.Parameters, []error) {
	p, failures := from.settings.Defaults(), []error(nil)
	for _, m := range []*corev1.ConfigMap{from.ofTheClass, from.own} {
		if m == nil {
			continue
		}
		var more []error
		p, more = p.With(m.Data, "")
		for _, err := range more {
			failures = append(failures, fmt.Errorf("ConfigMap %s/%s: %w", m.Namespace, m.Name, err))
		}
		for _, name := range provision.Unknown(m.Data) {
			failures = append(failures, fmt.Errorf("ConfigMap %s/%s: %s means nothing", m.Namespace, m.Name, name))
		}
	}
	p, more := p.With(from.gateway.Annotations, provision.AnnotationPrefix)
	return p, append(failures, more...)
}

// proxies is what statuses say about the proxies of a Gateway.
func (c *controlPlane) proxies(key resource.Key) status.Proxies {
	g, ok := c.gateway(key)
	if !ok {
		return status.Proxies{Message: "the Gateway is gone"}
	}
	ready, message := c.fleet.ready(key)
	p := status.Proxies{Ready: ready, Message: message}
	if s := c.workloads.inventory.service(g.UID); s != nil {
		p.Addresses = addresses(s)
		p.Unusable = unusable(g, s, p.Addresses)
	}
	// The parameters are looked at here, and not where the workload is made from them:
	// a control plane that has just begun has made none yet.
	_, mistakes := parameters(c.inputs(g))
	for _, mistake := range mistakes {
		p.Invalid = append(p.Invalid, mistake.Error())
	}
	if trouble := c.workloads.trouble(g.UID); !ready && trouble != "" {
		p.Message = trouble
	}
	return p
}

// trouble is why the workload of a Gateway is not as it should be.
func (w *workloads) trouble(uid types.UID) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.made[uid]; m != nil {
		return m.trouble
	}
	return ""
}

// addresses are those at which a Service can be reached.
func addresses(s *corev1.Service) []gatewayv1.GatewayStatusAddress {
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

// unusable names the addresses that a Gateway asks for and that its Service has not
// got; empty if there are none. Who assigns addresses never says that it will not,
// so one that may still come counts as well.
func unusable(g *gatewayv1.Gateway, s *corev1.Service, got []gatewayv1.GatewayStatusAddress) string {
	has := map[netip.Addr]bool{}
	for _, a := range got {
		if ip, err := netip.ParseAddr(a.Value); err == nil {
			has[ip.Unmap()] = true
		}
	}
	var missing []string
	for i, a := range g.Spec.Addresses {
		if ip, err := netip.ParseAddr(a.Value); err == nil && !has[ip.Unmap()] {
			missing = append(missing, fmt.Sprintf("addresses[%d]: %s", i, a.Value))
		}
	}
	switch {
	case len(missing) == 0:
		return ""
	case s.Spec.Type != corev1.ServiceTypeLoadBalancer:
		return fmt.Sprintf("%s is not an address of Service %s; one can be asked for with service-type LoadBalancer only", strings.Join(missing, ", "), s.Name)
	default:
		return fmt.Sprintf("%s has not been assigned to Service %s, which asks for %s", strings.Join(missing, ", "), s.Name, provision.Address(g))
	}
}
