package resource

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/config/v1alpha3"
	"fsm/api/gateway/v1alpha1"
	istiov1 "fsm/api/istio/v1"
	multicluster "fsm/api/multicluster/v1alpha1"
	policyv1alpha1 "fsm/api/policy/v1alpha1"
)

// Object is any user object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Kind names a kind of object. The Go type of a kind is that of its newest
// version; older served versions are decoded into it.
type Kind struct {
	// Name is the Kubernetes kind: "HTTPRoute".
	Name string
	// Group is the API group; empty for the core group.
	Group string
	// Versions are the served versions, newest first.
	Versions []string
	// Cluster is set for kinds without a namespace.
	Cluster bool
	// crd is the plural name in the file name of the kind's custom resource
	// definition; empty for kinds that are built into Kubernetes.
	crd string
	// object is a zero value of the Go type.
	object Object
}

// kinds is the one list of kinds that this build understands.
var kinds = []Kind{
	{Name: "Namespace", Versions: []string{"v1"}, Cluster: true, object: &corev1.Namespace{}},
	{Name: "Service", Versions: []string{"v1"}, object: &corev1.Service{}},
	{Name: "Secret", Versions: []string{"v1"}, object: &corev1.Secret{}},
	{Name: "ConfigMap", Versions: []string{"v1"}, object: &corev1.ConfigMap{}},
	{Name: "EndpointSlice", Group: discoveryv1.GroupName, Versions: []string{"v1"}, object: &discoveryv1.EndpointSlice{}},
	{Name: "IngressClass", Group: networkingv1.GroupName, Versions: []string{"v1"}, Cluster: true, object: &networkingv1.IngressClass{}},
	{Name: "Ingress", Group: networkingv1.GroupName, Versions: []string{"v1"}, object: &networkingv1.Ingress{}},

	{Name: "GatewayClass", Group: gatewayv1.GroupName, Versions: []string{"v1", "v1beta1"}, Cluster: true, crd: "gatewayclasses", object: &gatewayv1.GatewayClass{}},
	{Name: "Gateway", Group: gatewayv1.GroupName, Versions: []string{"v1", "v1beta1"}, crd: "gateways", object: &gatewayv1.Gateway{}},
	{Name: "ListenerSet", Group: gatewayv1.GroupName, Versions: []string{"v1"}, crd: "listenersets", object: &gatewayv1.ListenerSet{}},
	{Name: "HTTPRoute", Group: gatewayv1.GroupName, Versions: []string{"v1", "v1beta1"}, crd: "httproutes", object: &gatewayv1.HTTPRoute{}},
	{Name: "GRPCRoute", Group: gatewayv1.GroupName, Versions: []string{"v1"}, crd: "grpcroutes", object: &gatewayv1.GRPCRoute{}},
	{Name: "TLSRoute", Group: gatewayv1.GroupName, Versions: []string{"v1", "v1alpha3", "v1alpha2"}, crd: "tlsroutes", object: &gatewayv1.TLSRoute{}},
	{Name: "TCPRoute", Group: gatewayv1.GroupName, Versions: []string{"v1", "v1alpha2"}, crd: "tcproutes", object: &gatewayv1.TCPRoute{}},
	{Name: "UDPRoute", Group: gatewayv1.GroupName, Versions: []string{"v1", "v1alpha2"}, crd: "udproutes", object: &gatewayv1.UDPRoute{}},
	{Name: "ReferenceGrant", Group: gatewayv1.GroupName, Versions: []string{"v1", "v1beta1"}, crd: "referencegrants", object: &gatewayv1.ReferenceGrant{}},
	{Name: "BackendTLSPolicy", Group: gatewayv1.GroupName, Versions: []string{"v1", "v1alpha3"}, crd: "backendtlspolicies", object: &gatewayv1.BackendTLSPolicy{}},

	policyKind("AccessControlPolicy", "accesscontrolpolicies", &v1alpha1.AccessControlPolicy{}),
	policyKind("RateLimitPolicy", "ratelimitpolicies", &v1alpha1.RateLimitPolicy{}),
	policyKind("FaultInjectionPolicy", "faultinjectionpolicies", &v1alpha1.FaultInjectionPolicy{}),
	policyKind("GatewayTLSPolicy", "gatewaytlspolicies", &v1alpha1.GatewayTLSPolicy{}),
	policyKind("RetryPolicy", "retrypolicies", &v1alpha1.RetryPolicy{}),
	policyKind("SessionStickyPolicy", "sessionstickypolicies", &v1alpha1.SessionStickyPolicy{}),
	policyKind("HealthCheckPolicy", "healthcheckpolicies", &v1alpha1.HealthCheckPolicy{}),
	policyKind("LoadBalancerPolicy", "loadbalancerpolicies", &v1alpha1.LoadBalancerPolicy{}),
	policyKind("CircuitBreakingPolicy", "circuitbreakingpolicies", &v1alpha1.CircuitBreakingPolicy{}),
	policyKind("UpstreamTLSPolicy", "upstreamtlspolicies", &v1alpha1.UpstreamTLSPolicy{}),

	{Name: "NamespacedIngress", Group: multicluster.GroupName, Versions: []string{"v1alpha1"}, crd: "namespacedingresses", object: &multicluster.NamespacedIngress{}},
	{Name: "MeshConfig", Group: v1alpha3.GroupName, Versions: []string{"v1alpha3", "v1alpha2", "v1alpha1"}, crd: "meshconfigs", object: &v1alpha3.MeshConfig{}},
	{Name: "IngressBackend", Group: policyv1alpha1.GroupName, Versions: []string{"v1alpha1"}, crd: "ingressbackends", object: &policyv1alpha1.IngressBackend{}},

	{Name: "Gateway", Group: istiov1.GroupName, Versions: []string{"v1", "v1beta1", "v1alpha3"}, crd: "gateways", object: &istiov1.Gateway{}},
	{Name: "VirtualService", Group: istiov1.GroupName, Versions: []string{"v1", "v1beta1", "v1alpha3"}, crd: "virtualservices", object: &istiov1.VirtualService{}},
}

// policyKind is a kind of policy of our own.
func policyKind(name, plural string, object v1alpha1.Policy) Kind {
	return Kind{Name: name, Group: v1alpha1.GroupName, Versions: []string{"v1alpha1"}, crd: plural, object: object}
}

// Kinds lists what this build understands.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

// New returns an empty object of the kind.
func (k Kind) New() Object {
	return reflect.New(reflect.TypeOf(k.object).Elem()).Interface().(Object)
}

// ID names the kind among all kinds: by its name alone, or with its group where a
// kind before it in the list has the same name, "Gateway.networking.istio.io".
func (k Kind) ID() string { return kindID(k.Group, k.Name) }

func kindID(group, name string) string {
	for _, k := range kinds {
		if k.Name == name {
			if k.Group != group && group != "" {
				return name + "." + group
			}
			break
		}
	}
	return name
}

// KindByID finds a kind by what ID returns.
func KindByID(id string) (k Kind, ok bool) {
	for _, k := range kinds {
		if k.ID() == id {
			return k, true
		}
	}
	return Kind{}, false
}

// newest is what the objects of a set carry as apiVersion and kind.
func (k Kind) newest() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: k.Group, Version: k.Versions[0], Kind: k.Name}
}

// lookupKind finds a kind by group and name.
func lookupKind(group, name string) (k Kind, ok bool) {
	for _, k := range kinds {
		if k.Group == group && k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// KindOf is the kind of an object, by its Go type; ok is false for types that
// are not in the list.
func KindOf(o Object) (k Kind, ok bool) {
	t := reflect.TypeOf(o)
	for _, k := range kinds {
		if reflect.TypeOf(k.object) == t {
			return k, true
		}
	}
	return Kind{}, false
}

// Key identifies an object among all kinds.
type Key struct {
	Group, Kind, Namespace, Name string
}

// KeyOf is the key of an object.
func KeyOf(o Object) Key {
	k, _ := KindOf(o)
	return Key{Group: k.Group, Kind: k.Name, Namespace: o.GetNamespace(), Name: o.GetName()}
}

// KindID is the ID of the key's kind.
func (k Key) KindID() string { return kindID(k.Group, k.Kind) }

// String is "Kind namespace/name", with the ID of the kind.
func (k Key) String() string {
	if k.Namespace == "" {
		return k.KindID() + " " + k.Name
	}
	return k.KindID() + " " + k.Namespace + "/" + k.Name
}
