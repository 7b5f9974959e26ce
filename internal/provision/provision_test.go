package provision

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fsm/internal/ir"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the expected objects")

// TestObjects: the objects of Gateways and of Ingresses, as YAML.
func TestObjects(t *testing.T) {
	s := Settings{
		Image: "flomesh/fsm-proxy:1", PullPolicy: corev1.PullIfNotPresent, Controller: "https://fsm-controller.fsm-system.svc:15443",
		TrustMap: "fsm-trust", Audience: "fsm-controller",
	}
	for name, annotations := range map[string]map[string]string{
		"plain": nil,
		"tuned": {
			"gateway.flomesh.io/cpu": "2", "gateway.flomesh.io/memory-limit": "1Gi", "gateway.flomesh.io/auto-scaling": "true",
			"gateway.flomesh.io/auto-scaling-max-replicas": "9", "gateway.flomesh.io/enable-pod-disruption-budget": "true",
			"gateway.flomesh.io/service-type": "NodePort", "gateway.flomesh.io/node-selector": "{edge: \"yes\"}",
			"gateway.flomesh.io/tolerations": "[{key: edge, operator: Exists}]", "gateway.flomesh.io/external-traffic-policy": "Local",
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "gw", UID: "u", Annotations: annotations}}
			object.Spec.GatewayClassName = "fsm"
			object.Spec.Infrastructure = &gatewayv1.GatewayInfrastructure{
				Labels:      map[gatewayv1.LabelKey]gatewayv1.LabelValue{"team": "a", "app": "mine"},
				Annotations: map[gatewayv1.AnnotationKey]gatewayv1.AnnotationValue{"note": "b"},
			}
			p, failures := Defaults().With(annotations, AnnotationPrefix)
			if failures != nil {
				t.Fatal(failures)
			}
			if annotations == nil {
				object.Spec.Addresses = []gatewayv1.GatewaySpecAddress{{Type: new(gatewayv1.IPAddressType), Value: "192.0.2.7"}}
			}
			golden(t, name, s.Objects(Gateway{
				Object: object, Name: Name("shop", "gw", func(string) bool { return false }), Parameters: p,
				Identity: "spiffe://cluster.local/ns/shop/gateway/gw",
				Ports:    []Port{{8000, corev1.ProtocolTCP}, {443, corev1.ProtocolTCP}, {53, corev1.ProtocolUDP}, {443, corev1.ProtocolTCP}},
			}))
		})
	}
	p := Defaults()
	p.Replicas, p.ServiceType = 2, corev1.ServiceTypeNodePort
	golden(t, "ingress", s.IngressObjects(Ingress{
		Namespace: "fsm-system", Name: ir.SharedIngress, Owner: metav1.OwnerReference{APIVersion: "config.flomesh.io/v1alpha3", Kind: "MeshConfig", Name: "fsm-mesh-config", UID: "u", Controller: new(true)},
		Service: "fsm-ingress-pipy-controller", Identity: "spiffe://cluster.local/ns/fsm-system/ingress/fsm-ingress", Parameters: p,
		Ports: []IngressPort{{"http", 80, 8000, 30508}, {"https", 443, 8443, 0}},
	}))
}

// golden compares objects with what a file has.
func golden(t *testing.T, name string, objects []runtime.Object) {
	t.Helper()
	var got strings.Builder
	for _, o := range objects {
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		got.WriteString("---\n" + string(text))
	}
	path := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("objects differ (-want +got):\n%s", diff)
	}
}

// TestName: the first Gateway of a namespace has the plain name, others their
// own, and none is too long.
// TestPorts: what listeners share stands once, whatever their order and protocols.
func TestPorts(t *testing.T) {
	tcp, udp := Port{53, corev1.ProtocolTCP}, Port{53, corev1.ProtocolUDP}
	g := Gateway{Ports: []Port{udp, {443, corev1.ProtocolTCP}, tcp, udp, tcp}}
	if diff := cmp.Diff([]Port{tcp, udp, {443, corev1.ProtocolTCP}}, g.ports()); diff != "" {
		t.Error(diff)
	}
}

func TestName(t *testing.T) {
	free := func(string) bool { return false }
	first := Name("shop", "one", free)
	second := Name("shop", "two", func(name string) bool { return name == first })
	if first != "fsm-gateway-shop" || second == first || !strings.HasPrefix(second, first+"-") {
		t.Errorf("got %s and %s", first, second)
	}
	long := strings.Repeat("n", 63)
	a, b := Name(long, "one", free), Name(long[:62]+"m", "one", free)
	if len(a) > 63 || len(b) > 63 || a == b || len(LabelValue(strings.Repeat("x", 253))) > 63 {
		t.Errorf("got %s and %s", a, b)
	}
}

// TestParameters: a mistake names the key and what is wanted, and does not cost
// the others.
func TestParameters(t *testing.T) {
	p, failures := Defaults().With(map[string]string{
		"replicas": "many", "cpu": "-1", "service-type": "External", "auto-scaling": "perhaps", "tolerations": "[{kee: x}]", "memory": "1Gi",
		"auto-scaling-min-replicas": "9", "auto-scaling-max-replicas": "3",
	}, "")
	if len(failures) != 6 || p.Resources.Requests.Memory().String() != "1Gi" || p.Replicas != 1 || p.AutoScaling.Min != 3 {
		t.Errorf("got %+v, %v", p, failures)
	}
	fresh := Defaults()
	if memory := fresh.Resources.Requests.Memory().String(); memory != "64Mi" {
		t.Errorf("the defaults were changed to %s", memory)
	}
	if got := Unknown(map[string]string{"cpu": "1", "cpus": "1"}); len(got) != 1 || got[0] != "cpus" {
		t.Errorf("got %v", got)
	}
}
