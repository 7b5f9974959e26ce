package install_test

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"fsm/internal/install"
)

// TestSwitch: a component can be switched on and off, which changes neither other
// values nor the version of the control plane.
func TestSwitch(t *testing.T) {
	l := newLab(t)
	l.kubelet("switched")
	l.Check(l.install(l.options("switched", "fsm.controllerLogLevel=debug")))
	if l.classExists() {
		t.Fatal("there is a GatewayClass already")
	}
	o := l.options("switched")
	o.Version = "v9.9.9" // of a program that is newer
	l.Check(l.fsm.Switch(l.Ctx, install.Gateway, true, o))
	if !l.classExists() || !l.configured("switched", "gatewayAPI") {
		t.Error("after switching on there is no GatewayClass, or the mesh configuration says otherwise")
	}
	if d := l.deployment("switched"); !strings.Contains(d.args, "--log-level=debug") || !strings.Contains(d.args, "fsm-proxy:v1.0.0") {
		t.Errorf("other things changed: %+v", d)
	}
	l.heard("")
	l.Check(l.fsm.Switch(l.Ctx, install.Gateway, true, o))
	if !l.heard("say so already") {
		t.Error("switching on again is not noticed")
	}
	l.Check(l.fsm.Switch(l.Ctx, install.Gateway, false, o))
	if l.classExists() || l.configured("switched", "gatewayAPI") {
		t.Error("after switching off there is a GatewayClass, or the mesh configuration says otherwise")
	}
	o.Mesh = "other"
	if err := l.fsm.Switch(l.Ctx, install.Gateway, true, o); err == nil || !strings.Contains(err.Error(), "mesh other is not in namespace switched; 'fsm mesh list' shows what is") {
		t.Errorf("got %v", err)
	}
}

// TestSwitchIngress: what is said together with the switch is in the values and in the
// mesh configuration, and what is not said stays; saying more later is noticed.
func TestSwitchIngress(t *testing.T) {
	l := newLab(t)
	l.kubelet("config")
	l.Check(l.install(l.options("config", "fsm.fsmIngress.http.nodePort=0")))
	o := l.options("config")
	on := install.Ingress.With("fsmIngress.tls.enabled", "ingress.tls.enabled", true).With("fsmIngress.replicaCount", "ingress.replicas", int64(2))
	l.Check(l.fsm.Switch(l.Ctx, on, true, o))
	if mc := l.meshConfig().Ingress; !mc.Enabled || !mc.TLS.Enabled || mc.Replicas != 2 || mc.HTTP.NodePort != 0 {
		t.Errorf("got %+v", mc)
	}
	l.heard("")
	l.Check(l.fsm.Switch(l.Ctx, on, true, o))
	if !l.heard("say so already") {
		t.Error("switching on again is not noticed")
	}
	l.Check(l.fsm.Switch(l.Ctx, install.Ingress.With("fsmIngress.tls.port", "ingress.tls.bind", int64(444)), true, o))
	if mc := l.meshConfig().Ingress; l.heard("say so already") || !mc.TLS.Enabled || mc.TLS.Bind != 444 || mc.Replicas != 2 {
		t.Errorf("got %+v", mc)
	}
	l.Check(l.fsm.Switch(l.Ctx, install.Ingress, false, o))
	if mc := l.meshConfig().Ingress; mc.Enabled || mc.TLS.Bind != 444 {
		t.Errorf("after switching off: %+v", mc)
	}
}

func (l *lab) dynamic() dynamic.Interface {
	l.T.Helper()
	client, err := dynamic.NewForConfig(l.admin)
	l.Check(err)
	return client
}

func (l *lab) classExists() bool {
	l.T.Helper()
	classes := schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gatewayclasses"}
	_, err := l.dynamic().Resource(classes).Get(l.Ctx, "fsm-gateway-cls", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false
	}
	l.Check(err)
	return true
}

// configured is the switch of a component in the mesh configuration.
func (l *lab) configured(namespace, section string) bool {
	l.T.Helper()
	configs := schema.GroupVersionResource{Group: "config.flomesh.io", Version: "v1alpha3", Resource: "meshconfigs"}
	c, err := l.dynamic().Resource(configs).Namespace(namespace).Get(l.Ctx, "fsm-mesh-config", metav1.GetOptions{})
	l.Check(err)
	on, _, err := unstructured.NestedBool(c.Object, "spec", section, "enabled")
	l.Check(err)
	return on
}

// TestNamespaces: namespaces can be added to a mesh, kept out, and removed; what has
// no place in it is refused before anything is changed.
func TestNamespaces(t *testing.T) {
	l := newLab(t)
	l.Check(l.Apply(l.Ctx, members))
	t.Cleanup(func() { l.delete(members) })
	member := func(names ...string) install.Membership {
		return install.Membership{Mesh: "fsm", Namespaces: names, Injection: true, Say: l.say}
	}
	refuses := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	refuses(l.fsm.AddNamespaces(l.Ctx, member("member-a")), "mesh fsm is not in the cluster; 'fsm mesh list' shows what is")
	l.Check(l.install(l.options("membership", "fsm.fsmController.replicaCount=0")))

	l.Check(l.fsm.AddNamespaces(l.Ctx, member("member-a")))
	refuses(l.fsm.AddNamespaces(l.Ctx, member("member-b", "kube-system")), "namespace kube-system belongs to Kubernetes")
	refuses(l.fsm.AddNamespaces(l.Ctx, member("member-b", "membership")), "namespace membership has the control plane of mesh fsm")
	refuses(l.fsm.AddNamespaces(l.Ctx, member("member-b", "member-c")), "namespace member-c is to be ignored")
	refuses(l.fsm.AddNamespaces(l.Ctx, member("member-b", "none")), `namespaces "none" not found`)
	other := member("member-a")
	other.Mesh = "other"
	refuses(l.fsm.RemoveNamespaces(l.Ctx, other), "namespace member-a belongs to mesh fsm, not other")
	l.namespaces(install.Namespace{Name: "member-a", Mesh: "fsm", Injection: "enabled"})

	l.heard("")
	l.Check(l.fsm.AddNamespaces(l.Ctx, member("member-a")))
	if !l.heard("Namespace [member-a] already has been added to mesh [fsm]") {
		t.Error("adding twice is not noticed")
	}
	without := member("member-b")
	without.Injection = false
	l.Check(l.fsm.AddNamespaces(l.Ctx, without))
	l.namespaces(install.Namespace{Name: "member-a", Mesh: "fsm", Injection: "enabled"}, install.Namespace{Name: "member-b", Mesh: "fsm", Injection: "disabled"})
	l.Check(l.fsm.IgnoreNamespaces(l.Ctx, member("member-a")))
	l.Check(l.fsm.RemoveNamespaces(l.Ctx, member("member-b")))
	l.Check(l.fsm.RemoveNamespaces(l.Ctx, member("member-b")))
	l.namespaces()
	refuses(l.fsm.AddNamespaces(l.Ctx, member("member-a")), "namespace member-a is to be ignored")
}

func (l *lab) namespaces(want ...install.Namespace) {
	l.T.Helper()
	got, err := l.fsm.Namespaces(l.Ctx, "fsm")
	l.Check(err)
	if len(got) != len(want) {
		l.T.Fatalf("got %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			l.T.Errorf("got %v, want %v", got, want)
		}
	}
}

const members = `
apiVersion: v1
kind: Namespace
metadata: {name: member-a}
---
apiVersion: v1
kind: Namespace
metadata: {name: member-b}
---
apiVersion: v1
kind: Namespace
metadata: {name: member-c, labels: {flomesh.io/ignore: "true"}}
`
