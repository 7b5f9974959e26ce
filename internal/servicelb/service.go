package servicelb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
)

const (
	// Manager is who writes, to the API server.
	Manager = "fsm-servicelb"
	// Class of the Services that are ours wherever others serve those without one.
	Class = "flomesh.io/servicelb"
	// NodeLabel, where any node has it with the value "true", is on all nodes that are
	// for load balancers.
	NodeLabel = "svccontroller.flomesh.io/enablelb"
	enabled   = "true"
)

// Ports of nodes that everybody else needs: to log in, and to have a cluster. A
// Service on one of them would answer in place of the node.
var reserved = map[int32]string{22: "SSH", 2379: "etcd", 2380: "etcd", 6443: "the API server", 10250: "the kubelet", 10256: "kube-proxy"}

// problem is why a Service has no load balancer, or not on all nodes: what an event
// says.
type problem struct{ reason, message string }

// hostPort is a port of nodes.
type hostPort struct {
	protocol corev1.Protocol
	port     int32
}

// pass looks at every Service.
func (c *Controller) pass(ctx context.Context, v *view) error {
	s, err := v.state()
	if err != nil {
		return err
	}
	var failures []error
	wanted := map[string]bool{}
	held := map[hostPort]string{}
	services := map[string]bool{}
	settings := c.Settings()
	for _, service := range s.services {
		if !isOurs(service) {
			continue
		}
		services[key(service)] = true
		p := s.refuse(service, held)
		if p == nil {
			for _, port := range service.Spec.Ports {
				held[hostPort{port.Protocol, port.Port}] = key(service)
			}
			wanted[name(service)] = true
			failures = append(failures, c.run(ctx, s, service, settings))
			p = s.trouble(service)
		}
		failures = append(failures, c.tell(ctx, service, p))
	}
	for _, d := range s.daemonSets {
		if !wanted[d.Name] && d.DeletionTimestamp == nil {
			failures = append(failures, c.withdraw(ctx, d))
		}
	}
	maps.DeleteFunc(c.told, func(service, _ string) bool { return !services[service] })
	return errors.Join(failures...)
}

// isOurs tells whether a Service is for us to serve.
func isOurs(s *corev1.Service) bool {
	class := s.Spec.LoadBalancerClass
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.DeletionTimestamp == nil && (class == nil || *class == Class) &&
		(len(s.Status.LoadBalancer.Ingress) == 0 || written(s))
}

// written tells whether the addresses of a Service are those that we gave it.
func written(s *corev1.Service) bool {
	for _, entry := range s.ManagedFields {
		if entry.Manager != Manager || entry.Subresource != "status" || entry.FieldsV1 == nil {
			continue
		}
		var fields struct {
			Status struct {
				LoadBalancer map[string]any `json:"f:loadBalancer"`
			} `json:"f:status"`
		}
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) == nil && fields.Status.LoadBalancer["f:ingress"] != nil {
			return true
		}
	}
	return false
}

// refuse tells why a Service cannot be served; nil if it can.
func (s *state) refuse(service *corev1.Service, held map[hostPort]string) *problem {
	for _, port := range service.Spec.Ports {
		at := fmt.Sprintf("port %d/%s", port.Port, port.Protocol)
		if port.Protocol != corev1.ProtocolTCP && port.Protocol != corev1.ProtocolUDP {
			return &problem{"UnsupportedProtocol", at + ": only TCP and UDP are forwarded"}
		}
		if whose, ok := reserved[port.Port]; ok {
			return &problem{"PortReserved", fmt.Sprintf("%s of nodes is that of %s; give the Service another port", at, whose)}
		}
		if other, ok := held[hostPort{port.Protocol, port.Port}]; ok {
			return &problem{"PortConflict", fmt.Sprintf("%s of nodes belongs to Service %s", at, other)}
		}
	}
	if wanted := service.Spec.LoadBalancerIP; wanted != "" && !slices.ContainsFunc(slices.Collect(maps.Values(s.nodes)), func(n *corev1.Node) bool {
		return slices.ContainsFunc(n.Status.Addresses, func(a corev1.NodeAddress) bool { return same(a.Address, wanted) })
	}) {
		return &problem{"AddressNotAvailable", fmt.Sprintf("loadBalancerIP %s is no address of a node that is for load balancers", wanted)}
	}
	return nil
}

// same compares IP addresses.
func same(a, b string) bool {
	x, err := netip.ParseAddr(a)
	y, err2 := netip.ParseAddr(b)
	return err == nil && err2 == nil && x == y
}

// trouble tells why a Service is not served on all nodes; nil if it is, or will be.
func (s *state) trouble(service *corev1.Service) *problem {
	for _, pod := range s.pods[name(service)] {
		for _, cond := range pod.Status.Conditions {
			if cond.Type != corev1.PodScheduled || cond.Status != corev1.ConditionFalse || cond.Reason != corev1.PodReasonUnschedulable {
				continue
			}
			if strings.Contains(cond.Message, "free ports") { // words of the scheduler's plugin NodePorts
				return &problem{"PortConflict", "another pod has the port of a node: " + cond.Message}
			}
			return &problem{"NotScheduled", "a node cannot run the load balancer: " + cond.Message}
		}
	}
	return nil
}

// run has the pods of a Service run, and gives it the addresses of those that are
// ready.
func (c *Controller) run(ctx context.Context, s *state, service *corev1.Service, settings Settings) error {
	if err := c.apply(ctx, daemonSet(service, settings, s.chosen), s); err != nil {
		return err
	}
	return c.write(ctx, service, s.addresses(service))
}

// addresses are those of the nodes whose pods are ready: external ones, if there are
// any, else internal ones. Only the one that a Service asks for, if it does.
func (s *state) addresses(service *corev1.Service) []string {
	byType := map[corev1.NodeAddressType]map[netip.Addr]bool{}
	wanted, _ := netip.ParseAddr(service.Spec.LoadBalancerIP)
	for _, pod := range s.pods[name(service)] {
		node := s.nodes[pod.Spec.NodeName]
		if node == nil || !isReady(pod) {
			continue
		}
		for _, a := range node.Status.Addresses {
			ip, err := netip.ParseAddr(a.Address)
			if err != nil || !hasFamily(service, ip) {
				continue
			}
			if wanted.IsValid() && ip == wanted {
				return []string{ip.String()}
			}
			if byType[a.Type] == nil {
				byType[a.Type] = map[netip.Addr]bool{}
			}
			byType[a.Type][ip] = true
		}
	}
	found := byType[corev1.NodeExternalIP]
	if len(found) == 0 {
		found = byType[corev1.NodeInternalIP]
	}
	if service.Spec.LoadBalancerIP != "" {
		return nil
	}
	var list []string
	for _, ip := range slices.SortedFunc(maps.Keys(found), netip.Addr.Compare) {
		list = append(list, ip.String())
	}
	return list
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// hasFamily tells whether a Service is for the IP version of an address.
func hasFamily(service *corev1.Service, ip netip.Addr) bool {
	family := corev1.IPv4Protocol
	if ip.Is6() {
		family = corev1.IPv6Protocol
	}
	return len(service.Spec.IPFamilies) == 0 || slices.Contains(service.Spec.IPFamilies, family)
}

// write gives a Service addresses, if it has others. They are reached by way of the
// node, so kube-proxy must not treat them as the Service's own (ipMode Proxy): where
// it does that by IPVS, nodes would no longer reach each other.
func (c *Controller) write(ctx context.Context, service *corev1.Service, addresses []string) error {
	var has []string
	for _, i := range service.Status.LoadBalancer.Ingress {
		has = append(has, i.IP)
	}
	if slices.Equal(has, addresses) {
		return nil
	}
	status := corev1ac.LoadBalancerStatus()
	for _, address := range addresses {
		status.WithIngress(corev1ac.LoadBalancerIngress().WithIP(address).WithIPMode(corev1.LoadBalancerIPModeProxy))
	}
	_, err := c.Client.CoreV1().Services(service.Namespace).ApplyStatus(ctx,
		corev1ac.Service(service.Name, service.Namespace).WithUID(service.UID).WithStatus(corev1ac.ServiceStatus().WithLoadBalancer(status)),
		metav1.ApplyOptions{FieldManager: Manager, Force: true})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) { // else it is gone, or another one
		return fmt.Errorf("write addresses of Service %s: %w", key(service), err)
	}
	return nil
}

// withdraw takes back the addresses that a Service got, and then its pods.
func (c *Controller) withdraw(ctx context.Context, d *appsv1.DaemonSet) error {
	namespace, service := d.Labels[namespaceLabel], d.Labels[nameLabel]
	s, err := c.Client.CoreV1().Services(namespace).Get(ctx, service, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("read Service %s/%s: %w", namespace, service, err)
	case string(s.UID) == d.Annotations[uidAnnotation] && written(s):
		if err := c.write(ctx, s, nil); err != nil {
			return err
		}
	}
	err = c.Client.AppsV1().DaemonSets(Namespace).Delete(ctx, d.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &d.UID}, PropagationPolicy: new(metav1.DeletePropagationBackground),
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete DaemonSet %s: %w", d.Name, err)
	}
	delete(c.applied, d.Name)
	return nil
}

// tell makes an event of a problem that is new.
func (c *Controller) tell(ctx context.Context, service *corev1.Service, p *problem) error {
	if p == nil {
		delete(c.told, key(service))
		return nil
	}
	text := p.reason + ": " + p.message
	if c.told[key(service)] == text {
		return nil
	}
	now := metav1.Now()
	_, err := c.Client.CoreV1().Events(service.Namespace).Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: service.Namespace, GenerateName: service.Name + "."},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: service.Namespace, Name: service.Name, UID: service.UID},
		Type:           corev1.EventTypeWarning, Reason: p.reason, Message: p.message,
		Source: corev1.EventSource{Component: Manager}, FirstTimestamp: now, LastTimestamp: now, Count: 1,
		ReportingController: Manager, ReportingInstance: c.Pod,
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return fmt.Errorf("create event about Service %s: %w", key(service), err)
	}
	c.told[key(service)] = text
	return nil
}
