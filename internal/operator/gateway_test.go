package operator_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// listen runs a control plane and returns its address.
func (l *lab) listen() (controller string) {
	l.T.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	l.Check(err)
	l.operate(ln)
	return ln.Addr().String()
}

// namespace makes one with a name of its own, and our class.
func (l *lab) namespace(name string) {
	l.T.Helper()
	l.Put("apiVersion: v1\nkind: Namespace\nmetadata: {name: fsm-system}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n" +
		"---\napiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: fsm-gateway-cls}\nspec: {controllerName: flomesh.io/gateway-controller}\n")
}

// read reads a Gateway.
func (l *lab) read(namespace, name string) (*gatewayv1.Gateway, error) {
	var g gatewayv1.Gateway
	err := l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: "+name+", namespace: "+namespace+"}\n", &g)
	return &g, err
}

// says waits until a Gateway has a condition, of its latest generation.
func (l *lab) says(namespace, name string, want metav1.Condition) *gatewayv1.Gateway {
	l.T.Helper()
	var g *gatewayv1.Gateway
	l.Eventually(fmt.Sprintf("%s=%s of Gateway %s", want.Type, want.Status, name), func() (err error) {
		if g, err = l.read(namespace, name); err != nil {
			return err
		}
		c := meta.FindStatusCondition(g.Status.Conditions, want.Type)
		if c == nil || c.Status != want.Status || c.Reason != want.Reason || c.ObservedGeneration != g.Generation || !strings.Contains(c.Message, want.Message) {
			return fmt.Errorf("generation %d, status %+v", g.Generation, g.Status)
		}
		return nil
	})
	return g
}

// assign does what a load balancer does that has some addresses: it gives the one
// that is asked for, or none.
func (l *lab) assign(namespace, name, asked string, has ...string) {
	l.T.Helper()
	var s *corev1.Service
	l.Eventually("Service "+name+" asks for "+asked, func() (err error) {
		s, err = l.Kube.CoreV1().Services(namespace).Get(l.Ctx, name, metav1.GetOptions{})
		if err == nil && s.Spec.LoadBalancerIP != asked {
			err = fmt.Errorf("it asks for %q", s.Spec.LoadBalancerIP)
		}
		return err
	})
	s.Status.LoadBalancer.Ingress = nil
	for _, ip := range has {
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: ip})
	}
	_, err := l.Kube.CoreV1().Services(namespace).UpdateStatus(l.Ctx, s, metav1.UpdateOptions{})
	l.Check(err)
}

func gatewayWith(namespace, name, spec string) string {
	return "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: " + name + ", namespace: " + namespace + "}\n" +
		"spec:\n  gatewayClassName: fsm-gateway-cls\n  listeners: [{name: http, port: 8080, protocol: HTTP}]\n" + spec
}

// TestAddresses: addresses that a Gateway asks for are asked of its Service; those
// that it does not get are named, and one that is of a strange type is refused.
func TestAddresses(t *testing.T) {
	l := newLab(t)
	l.namespace("addresses")
	controller := l.listen()
	const workload = "fsm-gateway-addresses"
	const accepted, programmed = "Accepted", "Programmed"

	l.Put(gatewayWith("addresses", "gw", "  addresses: [{type: example.com/strange, value: x}, {value: 192.0.2.1}, {value: 192.0.2.2}]\n"))
	l.says("addresses", "gw", metav1.Condition{Type: accepted, Status: "False", Reason: "UnsupportedAddress", Message: "example.com/strange"})
	l.says("addresses", "gw", metav1.Condition{Type: programmed, Status: "False", Reason: "Invalid"})

	l.Put(gatewayWith("addresses", "gw", "  addresses: [{value: 192.0.2.1}, {value: 192.0.2.2}]\n"))
	l.says("addresses", "gw", metav1.Condition{Type: accepted, Status: "True", Reason: accepted})
	l.assign("addresses", workload, "192.0.2.1")
	l.proxy(controller, "addresses", workload, "gw")
	l.says("addresses", "gw", metav1.Condition{Type: programmed, Status: "False", Reason: "AddressNotUsable", Message: "192.0.2.1, addresses[1]: 192.0.2.2"})

	l.Put(gatewayWith("addresses", "gw", "  addresses: [{type: IPAddress, value: 192.0.2.2}]\n"))
	l.assign("addresses", workload, "192.0.2.2", "192.0.2.2")
	g := l.says("addresses", "gw", metav1.Condition{Type: programmed, Status: "True", Reason: programmed})
	want := []gatewayv1.GatewayStatusAddress{{Type: new(gatewayv1.IPAddressType), Value: "192.0.2.2"}}
	if diff := cmp.Diff(want, g.Status.Addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}

	l.assign("addresses", workload, "192.0.2.2", "192.0.2.99")
	g = l.says("addresses", "gw", metav1.Condition{Type: programmed, Status: "False", Reason: "AddressNotUsable", Message: "192.0.2.2 has not been assigned"})
	if a := g.Status.Addresses; len(a) != 1 || a[0].Value != "192.0.2.99" {
		t.Errorf("addresses are %+v", a)
	}

	l.Put(gatewayWith("addresses", "gw", "  addresses: [{type: IPAddress}]\n"))
	l.assign("addresses", workload, "", "192.0.2.99")
	l.says("addresses", "gw", metav1.Condition{Type: programmed, Status: "True", Reason: programmed})
}

// TestInfrastructure: what spec.infrastructure says reaches every object and the
// pods; parameters that are missing or wrong are named, and used once they are right.
func TestInfrastructure(t *testing.T) {
	l := newLab(t)
	l.namespace("infra")
	l.listen()
	name := "long-" + strings.Repeat("x", 248)
	l.Put(gatewayWith("infra", name, `  infrastructure:
    labels: {team: a}
    annotations: {example.com/note: b}
    parametersRef: {group: "", kind: ConfigMap, name: wishes}
`))
	l.says("infra", name, metav1.Condition{Type: "Accepted", Status: "False", Reason: "InvalidParameters", Message: "wishes"})
	l.Put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: wishes, namespace: infra}\ndata: {replicas: '2', cpu: much, colour: red}\n")
	l.says("infra", name, metav1.Condition{Type: "Accepted", Status: "True", Reason: "Accepted"})
	l.says("infra", name, metav1.Condition{Type: "gateway.flomesh.io/OptionsValid", Status: "False", Reason: "InvalidOption", Message: "wishes: cpu"})

	const workload = "fsm-gateway-infra"
	l.workload("infra", workload)
	d, err := l.Kube.AppsV1().Deployments("infra").Get(l.Ctx, workload, metav1.GetOptions{})
	l.Check(err)
	if d.Spec.Replicas == nil || *d.Spec.Replicas != 2 {
		t.Errorf("Deployment has %v replicas", d.Spec.Replicas)
	}
	s, err := l.Kube.CoreV1().Services("infra").Get(l.Ctx, workload, metav1.GetOptions{})
	l.Check(err)
	a, err := l.Kube.CoreV1().ServiceAccounts("infra").Get(l.Ctx, workload, metav1.GetOptions{})
	l.Check(err)
	for what, o := range map[string]metav1.ObjectMeta{
		"Deployment": d.ObjectMeta, "pods": d.Spec.Template.ObjectMeta, "Service": s.ObjectMeta, "ServiceAccount": a.ObjectMeta,
	} {
		if o.Labels["team"] != "a" || o.Annotations["example.com/note"] != "b" || o.Labels["gateway.networking.k8s.io/gateway-name"] == "" {
			t.Errorf("%s: labels %v, annotations %v", what, o.Labels, o.Annotations)
		}
	}

	l.Put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: wishes, namespace: infra}\ndata: {replicas: '3'}\n")
	l.Eventually("three replicas and no complaint", func() error {
		g, err := l.read("infra", name)
		if err != nil {
			return err
		}
		d, err := l.Kube.AppsV1().Deployments("infra").Get(l.Ctx, workload, metav1.GetOptions{})
		if err != nil || *d.Spec.Replicas != 3 || meta.FindStatusCondition(g.Status.Conditions, "gateway.flomesh.io/OptionsValid") != nil {
			return fmt.Errorf("%v, status %+v", err, g.Status.Conditions)
		}
		return nil
	})
}

// TestLeaving: what is no longer asked for goes, and nothing that is somebody else's.
func TestLeaving(t *testing.T) {
	l := newLab(t)
	l.namespace("leaving")
	l.Put("apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: others}\nspec: {controllerName: example.com/controller}\n")
	// The plain name is taken by something that a user made.
	l.Put("apiVersion: v1\nkind: Service\nmetadata: {name: fsm-gateway-leaving, namespace: leaving}\nspec: {ports: [{port: 1}]}\n")
	l.listen()
	annotated := func(annotations string) string {
		return strings.Replace(gatewayWith("leaving", "gw", ""), "metadata: {", "metadata: {annotations: {"+annotations+"}, ", 1)
	}
	l.Put(annotated("gateway.flomesh.io/auto-scaling: 'true', gateway.flomesh.io/enable-pod-disruption-budget: 'true'"))
	var workload string
	l.Eventually("everything is there", func() error {
		list, err := l.Kube.PolicyV1().PodDisruptionBudgets("leaving").List(l.Ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) != 1 {
			return fmt.Errorf("%v, budgets %v", err, list.Items)
		}
		workload = list.Items[0].Name
		return nil
	})
	if workload == "fsm-gateway-leaving" {
		t.Error("took the name of a user's Service")
	}
	absent := func(what string, get func() error) {
		t.Helper()
		l.Eventually(what+" is gone", func() error {
			if err := get(); !apierrors.IsNotFound(err) {
				return fmt.Errorf("got %v", err)
			}
			return nil
		})
	}
	l.Put(annotated(""))
	absent("HorizontalPodAutoscaler", func() error {
		_, err := l.Kube.AutoscalingV2().HorizontalPodAutoscalers("leaving").Get(l.Ctx, workload, metav1.GetOptions{})
		return err
	})
	absent("PodDisruptionBudget", func() error {
		_, err := l.Kube.PolicyV1().PodDisruptionBudgets("leaving").Get(l.Ctx, workload, metav1.GetOptions{})
		return err
	})

	l.Check(l.Kube.AppsV1().Deployments("leaving").Delete(l.Ctx, workload, metav1.DeleteOptions{}))
	deployment := func() error {
		_, err := l.Kube.AppsV1().Deployments("leaving").Get(l.Ctx, workload, metav1.GetOptions{})
		return err
	}
	l.Eventually("a Deployment that somebody deleted is back", deployment)

	l.Put(strings.Replace(gatewayWith("leaving", "gw", ""), "fsm-gateway-cls", "others", 1))
	absent("Deployment of a Gateway that another controller has", deployment)
	absent("its Service", func() error {
		_, err := l.Kube.CoreV1().Services("leaving").Get(l.Ctx, workload, metav1.GetOptions{})
		return err
	})

	l.Put(gatewayWith("leaving", "gw", ""))
	l.Eventually("Deployment of a Gateway that is ours again", deployment)
	l.Check(l.Delete(l.Ctx, gatewayWith("leaving", "gw", "")))
	absent("Deployment of a deleted Gateway", deployment)
	absent("its authorities", func() error {
		_, err := l.Kube.CoreV1().ConfigMaps("leaving").Get(l.Ctx, "fsm-trust", metav1.GetOptions{})
		return err
	})
	if _, err := l.Kube.CoreV1().Services("leaving").Get(l.Ctx, "fsm-gateway-leaving", metav1.GetOptions{}); err != nil {
		t.Errorf("the user's Service: %v", err)
	}
}

// TestClass: a GatewayClass says that it is accepted, and whether the definitions
// that the cluster has are known.
func TestClass(t *testing.T) {
	l := newLab(t)
	l.namespace("class")
	l.listen()
	version := func(status, reason string) {
		t.Helper()
		l.Eventually("SupportedVersion="+status, func() error {
			var c gatewayv1.GatewayClass
			if err := l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: fsm-gateway-cls}\n", &c); err != nil {
				return err
			}
			for _, want := range []metav1.Condition{
				{Type: "Accepted", Status: "True", Reason: "Accepted"}, {Type: "SupportedVersion", Status: metav1.ConditionStatus(status), Reason: reason},
			} {
				got := meta.FindStatusCondition(c.Status.Conditions, want.Type)
				if got == nil || got.Status != want.Status || got.Reason != want.Reason || got.ObservedGeneration != c.Generation {
					return fmt.Errorf("conditions are %+v", c.Status.Conditions)
				}
			}
			return nil
		})
	}
	version("True", "SupportedVersion")
	definitions, err := metadata.NewForConfig(shared.Admin())
	l.Check(err)
	comeFrom := func(release string) {
		_, err := definitions.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).
			Patch(l.Ctx, "httproutes.gateway.networking.k8s.io", types.MergePatchType,
				[]byte(`{"metadata": {"annotations": {"gateway.networking.k8s.io/bundle-version": "`+release+`"}}}`), metav1.PatchOptions{})
		l.Check(err)
	}
	comeFrom("v1.99.0")
	version("False", "UnsupportedVersion")
	comeFrom("v1.7.0")
	version("True", "SupportedVersion")
}

// TestNothingIsAppliedTwice: what changes nothing for a workload writes nothing, and
// neither does what we wrote ourselves.
func TestNothingIsAppliedTwice(t *testing.T) {
	l := newLab(t)
	namespace := fmt.Sprintf("twice-%d", time.Now().UnixNano()) // nothing is there that an earlier run made
	var mu sync.Mutex
	writes := map[string]int{}
	l.requested = func(q *http.Request) {
		if q.Method != http.MethodGet && strings.Contains(q.URL.Path, "/namespaces/"+namespace+"/") && !strings.HasSuffix(q.URL.Path, "/status") {
			mu.Lock()
			writes[q.Method+" "+strings.TrimPrefix(q.URL.Path[strings.Index(q.URL.Path, namespace):], namespace+"/")]++
			mu.Unlock()
		}
	}
	l.namespace(namespace)
	l.listen()
	l.Put(gatewayWith(namespace, "gw", ""))
	l.says(namespace, "gw", metav1.Condition{Type: "Programmed", Status: "Unknown", Reason: "Pending"})
	l.Put("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: " + namespace + "}\nspec: {ports: [{port: 80}]}\n")
	for _, version := range []string{"1", "2", "3"} {
		l.Put(strings.NewReplacer("namespace: shop", "namespace: "+namespace, "VERSION", version).Replace(route))
		l.Eventually("route is accepted", func() error { return l.acceptedIn(namespace) })
	}
	// The next Gateway is applied by a pass that looked at the first one as well.
	l.Put(gatewayWith(namespace, "next", ""))
	l.Eventually("workload of the next Gateway", func() error {
		list, err := l.Kube.CoreV1().Services(namespace).List(l.Ctx, metav1.ListOptions{LabelSelector: "gateway.networking.k8s.io/gateway-name=next"})
		if err != nil || len(list.Items) != 1 {
			return fmt.Errorf("%v, Services %v", err, list.Items)
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	// Kubernetes annotates a new Deployment, which is then applied once more.
	for kind, most := range map[string]int{"serviceaccounts": 1, "deployments": 2, "services": 1} {
		if n := writes["PATCH "+kind+"/fsm-gateway-"+namespace]; n < 1 || n > most {
			t.Errorf("%d writes to %s, want at most %d", n, kind, most)
		}
	}
}
