package provision

import (
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"fsm/internal/ir"
)

// Labels of the objects of proxies that serve Ingresses: the one by which users of FSM
// 0.2 look for the Service, the one of FSM 1.2 that says whether it is for one namespace
// only, and the name of the Deployment.
const (
	componentLabel  = "app.kubernetes.io/component"
	namespacedLabel = "ingress.flomesh.io/namespaced"
	workloadLabel   = "ingress.flomesh.io/workload"
)

// Ingress is what the objects of the proxies that serve Ingresses are made from.
type Ingress struct {
	// Namespace and Name of the objects, but for the Service.
	Namespace, Name string
	// Owner of the objects, so that they go when it goes.
	Owner metav1.OwnerReference
	// Service is the name of the Service, and Ports are what it has.
	Service string
	Ports   []IngressPort
	// Identity that the proxies ask for, as a SPIFFE ID.
	Identity   string
	Parameters Parameters
}

// IngressPort is a port of the Service of Ingresses.
type IngressPort struct {
	// Name is http or https, or that of a port besides.
	Name string
	// Port is that of the Service, and Bind that of the pods.
	Port, Bind uint16
	// NodePort of the Service; 0 lets the cluster choose.
	NodePort int32
}

// IngressObjects makes the objects of the proxies that serve Ingresses, in the order in
// which to apply them.
func (s *Settings) IngressObjects(i Ingress) []runtime.Object { return s.objects(i.workload()) }

func (i *Ingress) workload() workload {
	selector := map[string]string{
		appLabel: ir.SharedIngress, namespacedLabel: strconv.FormatBool(i.Name != ir.SharedIngress), workloadLabel: i.Name,
	}
	labels := maps.Clone(selector)
	labels[componentLabel], labels[ManagedByLabel] = "controller", ManagedBy
	w := workload{
		meta: metav1.ObjectMeta{
			Namespace: i.Namespace, Name: i.Name, OwnerReferences: []metav1.OwnerReference{i.Owner}, Annotations: map[string]string{}, Labels: labels,
		},
		selector: selector, identity: i.Identity, service: i.Service, parameters: i.Parameters,
	}
	for _, p := range i.Ports {
		// The node's ports are what users of FSM know, with load balancers as without.
		w.ports = append(w.ports, corev1.ServicePort{
			Name: p.Name, Port: int32(p.Port), NodePort: p.NodePort, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(int32(p.Bind)),
		})
	}
	return w
}
