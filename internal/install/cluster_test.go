package install_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"

	"fsm/internal/install"
)

// TestLife: install waits for the control plane, upgrade keeps earlier values and
// adds new ones, uninstall leaves the definitions of the Gateway API.
func TestLife(t *testing.T) {
	l := newLab(t)
	// Pods that do not pass the restricted standard are not made there.
	l.Check(l.Apply(l.Ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: life, labels: {pod-security.kubernetes.io/enforce: restricted}}\n"))
	l.kubelet("life")
	l.Check(l.install(l.options("life", "fsm.fsmGateway.enabled=true", "fsm.controllerLogLevel=debug")))
	if !l.heard("fsm-controller: done") {
		t.Error("the end of the wait is not said")
	}
	if d := l.deployment("life"); d.ready != 1 || !strings.Contains(d.args, "--log-level=debug") {
		t.Errorf("got %+v", d)
	}
	meshes, err := l.fsm.Meshes(l.Ctx)
	l.Check(err)
	if len(meshes) != 1 || meshes[0].Name != "fsm" || meshes[0].Namespace != "life" || meshes[0].Version != "v1.0.0" {
		t.Errorf("got %+v", meshes)
	}

	l.Check(l.fsm.Upgrade(l.Ctx, l.options("life", "fsm.fsmController.replicaCount=2")))
	if d := l.deployment("life"); d.ready != 2 || !strings.Contains(d.args, "--log-level=debug") {
		t.Errorf("after the upgrade: %+v", d)
	}
	_, err = l.Kube.RbacV1().ClusterRoles().Get(l.Ctx, "fsm-controller-gateway", metav1.GetOptions{})
	l.Check(err)

	removal := install.Removal{Mesh: "fsm", Namespace: "life", Say: l.say}
	l.Check(l.fsm.Uninstall(l.Ctx, removal))
	l.Check(l.fsm.Uninstall(l.Ctx, removal)) // what is gone already is fine
	if _, err := l.Kube.RbacV1().ClusterRoles().Get(l.Ctx, "fsm-controller", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("cluster role: %v", err)
	}
	if version := l.bundle("gatewayclasses"); version != "v1.7.0" {
		t.Errorf("the definitions are %q", version)
	}
}

// deployment is what a test looks at in the Deployment of a control plane.
type deployment struct {
	ready int32
	args  string
}

func (l *lab) deployment(namespace string) deployment {
	l.T.Helper()
	d, err := l.Kube.AppsV1().Deployments(namespace).Get(l.Ctx, install.Controller, metav1.GetOptions{})
	l.Check(err)
	return deployment{d.Status.ReadyReplicas, strings.Join(d.Spec.Template.Spec.Containers[0].Args, " ")}
}

// TestStuck: a control plane that does not come up is an error that names it and
// says why; with --atomic nothing stays.
func TestStuck(t *testing.T) {
	l := newLab(t)
	o := l.options("stuck")
	o.Atomic = true
	ctx, o := l.impatient(o)
	err := l.fsm.Install(ctx, o)
	for _, want := range []string{"install mesh fsm", "deployment stuck/fsm-controller: ", "0 of 1 replicas", "kubectl describe pods -n stuck"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if !l.heard("taking back") {
		t.Error("taking back is not said")
	}
	if _, err := l.Kube.AppsV1().Deployments("stuck").Get(l.Ctx, install.Controller, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("Deployment: %v", err)
	}
	// And the next attempt is not in its way.
	l.kubelet("stuck")
	l.Check(l.install(l.options("stuck")))
}

// impatient ends the context as soon as an installation waits for pods.
func (l *lab) impatient(o install.Options) (context.Context, install.Options) {
	ctx, cancel := context.WithCancel(l.Ctx)
	say := o.Say
	o.Say = func(line string) {
		say(line)
		if strings.Contains(line, "0 of 1 replicas") {
			cancel()
		}
	}
	return ctx, o
}

// TestUpgradeTakenBack: an upgrade that does not succeed leaves, with --atomic, what
// was there before.
func TestUpgradeTakenBack(t *testing.T) {
	l := newLab(t)
	l.Check(l.install(l.options("back", "fsm.fsmController.replicaCount=0")))
	o := l.options("back", "fsm.fsmController.replicaCount=1", "fsm.trustDomain=example.org")
	o.Atomic = true
	ctx, o := l.impatient(o)
	if err := l.fsm.Upgrade(ctx, o); err == nil || !strings.Contains(err.Error(), "upgrade mesh fsm: deployment back/fsm-controller") {
		t.Errorf("got %v", err)
	}
	if d := l.deployment("back"); !strings.Contains(d.args, "--trust-domain=cluster.local") {
		t.Errorf("got %+v", d)
	}
}

// TestSecondMesh: a mesh in a cluster that has one already is refused, unless both
// accept it.
func TestSecondMesh(t *testing.T) {
	l := newLab(t)
	first := l.options("first", "fsm.fsmController.replicaCount=0")
	l.Check(l.install(first))
	for _, test := range []struct {
		mesh, namespace, want string
	}{
		{"fsm", "first", "mesh fsm is in namespace first already (deployed); change it with 'fsm upgrade'"},
		{"fsm", "second", "choose another name with --mesh-name"},
		{"other", "first", "choose another one with --fsm-namespace"},
		{"other", "second", "several meshes need fsm.enforceSingleMesh=false in all of them"},
	} {
		o := l.options(test.namespace, "fsm.enforceSingleMesh=false", "fsm.fsmController.replicaCount=0")
		o.Mesh = test.mesh
		if err := l.fsm.Install(l.Ctx, o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s in %s: got %v, want %q", test.mesh, test.namespace, err, test.want)
		}
	}
	l.Check(l.fsm.Upgrade(l.Ctx, l.options("first", "fsm.enforceSingleMesh=false")))
	second := l.options("second", "fsm.enforceSingleMesh=false", "fsm.fsmController.replicaCount=0")
	second.Mesh = "other"
	l.Check(l.install(second))
}

// TestDefinitions: definitions of the Gateway API are installed where they are absent
// or older, and left alone where one is newer or the user says so.
func TestDefinitions(t *testing.T) {
	const none = "fsm.fsmController.replicaCount=0"
	for _, test := range []struct {
		name    string
		sets    []string
		there   string // the version of one of them; "" for absent
		want    string
		changed bool
	}{
		{"absent", nil, "", "v1.7.0", true},
		{"older", nil, "v1.2.0", "v1.7.0", true},
		{"newer", nil, "v9.0.0", "v9.0.0", false},
		{"off", []string{"fsm.gatewayAPI.install=false"}, "v1.2.0", "v1.2.0", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t)
			l.Check(l.ApplyFiles(l.Ctx, "../resource/crds/gateway*.yaml"))
			l.setBundle("referencegrants", test.there)
			l.Check(l.install(l.options("defined", append(test.sets, none)...)))
			if got := l.bundle("referencegrants"); got != test.want {
				t.Errorf("the version is %q, want %q", got, test.want)
			}
			if got := l.heard("of 10 definitions installed"); got != test.changed {
				t.Errorf("definitions installed: %v", got)
			}
		})
	}
}

// TestIstioDefinitions: those of Istio's kinds are installed where they are absent.
// Where Istio has installed them they stay as they are, and when FSM goes, too.
func TestIstioDefinitions(t *testing.T) {
	l := newLab(t)
	const name = "virtualservices.networking.istio.io"
	text, err := os.ReadFile("../../charts/fsm/crds/networking.istio.io_virtualservices.yaml")
	l.Check(err)
	theirs := strings.Replace(string(text), "app.kubernetes.io/name: flomesh.io", "app.kubernetes.io/name: istio", 1)
	if theirs == string(text) {
		t.Fatal("the definition carries no label of ours")
	}
	l.Check(l.Delete(l.Ctx, string(text)))
	l.Eventually("no definition", func() error {
		if _, err := l.definitions().Get(l.Ctx, name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("there is one: %v", err)
		}
		return nil
	})
	l.Lend(theirs)
	before, err := l.definitions().Get(l.Ctx, name, metav1.GetOptions{})
	l.Check(err)

	o := l.options("fsm-system", "fsm.fsmController.replicaCount=0")
	l.Check(l.install(o))
	if _, err := l.definitions().Get(l.Ctx, "gateways.networking.istio.io", metav1.GetOptions{}); err != nil {
		t.Errorf("the definition that was absent: %v", err)
	}
	l.Check(l.fsm.Uninstall(l.Ctx, install.Removal{Mesh: "fsm", Namespace: o.Namespace, Definitions: true, Say: l.say}))
	after, err := l.definitions().Get(l.Ctx, name, metav1.GetOptions{})
	l.Check(err)
	if after.UID != before.UID || after.Generation != before.Generation || after.Labels["app.kubernetes.io/name"] != "istio" {
		t.Errorf("the definition of Istio is another one: %+v, was %+v", after.ObjectMeta, before.ObjectMeta)
	}
	l.Eventually("the definition of ours goes", func() error {
		_, err := l.definitions().Get(l.Ctx, "gateways.networking.istio.io", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is there: %v", err)
	})
}

func (l *lab) definitions() metadata.ResourceInterface {
	l.T.Helper()
	client, err := metadata.NewForConfig(l.admin)
	l.Check(err)
	return client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
}

// bundle is the version of a definition; "" if it is absent.
func (l *lab) bundle(plural string) string {
	l.T.Helper()
	d, err := l.definitions().Get(l.Ctx, plural+".gateway.networking.k8s.io", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return ""
	}
	l.Check(err)
	return d.Annotations["gateway.networking.k8s.io/bundle-version"]
}

// setBundle makes a definition one of a version, or absent, until the test ends.
func (l *lab) setBundle(plural, version string) {
	l.T.Helper()
	name := plural + ".gateway.networking.k8s.io"
	if version == "" {
		l.Check(l.Delete(l.Ctx, "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: "+name+"}\n"))
		return
	}
	patch := func(ctx context.Context, version string) error {
		_, err := l.definitions().Patch(ctx, name, types.MergePatchType,
			fmt.Appendf(nil, `{"metadata":{"annotations":{"gateway.networking.k8s.io/bundle-version":%q}}}`, version), metav1.PatchOptions{})
		return err
	}
	l.Check(patch(l.Ctx, version))
	l.T.Cleanup(func() {
		if err := patch(context.WithoutCancel(l.Ctx), "v1.7.0"); err != nil {
			l.T.Error(err)
		}
	})
}

// TestChecks: what is not in order is found, with a way out.
func TestChecks(t *testing.T) {
	l := newLab(t)
	if c := l.fsm.CheckAfter(l.Ctx, "checked"); c[2].OK || !strings.Contains(c[2].Fix, "fsm install") {
		t.Errorf("without a mesh: %+v", c)
	}
	l.uninstall("fsm", "checked")
	ctx, o := l.impatient(l.options("checked"))
	if err := l.fsm.Install(ctx, o); err == nil {
		t.Fatal("installed without a kubelet")
	}
	if c := l.fsm.CheckAfter(l.Ctx, "checked"); c[2].OK || !strings.Contains(c[2].Found, "0 of 1 replicas") || !strings.Contains(c[2].Fix, "kubectl describe") {
		t.Errorf("with a mesh that does not run: %+v", c)
	}
	if c := l.fsm.CheckBefore(l.Ctx, "other", "other"); c[1].OK || !strings.Contains(c[1].Found, "mesh fsm is in namespace checked") {
		t.Errorf("before a second mesh: %+v", c)
	}

	// A user who may do nothing but see.
	_, err := shared.User("viewer")
	l.Check(err)
	l.Check(l.Apply(l.Ctx, viewer))
	kubeconfig := filepath.Join(t.TempDir(), "config")
	l.Check(shared.WriteKubeconfig(kubeconfig, "viewer"))
	fsm, err := install.Open(install.Access{Kubeconfig: kubeconfig})
	l.Check(err)
	c := fsm.CheckBefore(l.Ctx, "fsm", "fsm-system")
	if c[2].OK || !strings.Contains(c[2].Found, "create clusterroles") || !strings.Contains(c[2].Fix, "cluster-admin") {
		t.Errorf("as a viewer: %+v", c)
	}
}

const viewer = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: viewer}]
`
