package install_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/cli"
)

// TestCommands: the life of a mesh by the commands that users type.
func TestCommands(t *testing.T) {
	l := newLab(t)
	l.kubelet("by-command")
	kubeconfig := filepath.Join(t.TempDir(), "config")
	l.Check(shared.WriteKubeconfig(kubeconfig, "admin"))
	t.Setenv("KUBECONFIG", kubeconfig)
	// fsm runs a command that must succeed, and print the texts.
	fsm := func(stdin, args string, want ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		code := cli.Main(context.WithoutCancel(l.Ctx), strings.Fields(args), cli.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs})
		if code != 0 {
			t.Fatalf("fsm %s: code %d: %s", args, code, &errs)
		}
		for _, text := range want {
			if !strings.Contains(out.String(), text) {
				t.Errorf("fsm %s: %q is not in\n%s", args, text, &out)
			}
		}
	}
	l.T.Cleanup(func() { fsm("", "uninstall mesh -f --fsm-namespace by-command") })

	fsm("", "mesh list", "There is no mesh in the cluster.")
	fsm("", "check --pre", " 2  ok    no other mesh is in the way: 0 others\n")
	fsm("", "install --fsm-namespace by-command --set=fsm.fsmGateway.enabled=true",
		"fsm-controller: done\n", "FSM installed successfully in namespace [by-command] with mesh name [fsm]\n")
	fsm("", "check --fsm-namespace by-command", " 3  ok    the control plane runs: version ")
	fsm("", "mesh list", "MESH NAME  MESH NAMESPACE", "fsm        by-command")
	fsm("", "mesh list -o json", `"namespace": "by-command"`)
	fsm("", "version", "by-command")
	fsm("", "upgrade --dry-run --fsm-namespace by-command --set fsm.controllerLogLevel=warn", "--log-level=warn", "fsm-gateway-cls")
	if d := l.deployment("by-command"); !strings.Contains(d.args, "--log-level=info") {
		t.Errorf("a dry run changed %s", d.args)
	}
	fsm("", "mesh upgrade --fsm-namespace by-command --set fsm.controllerLogLevel=warn", "FSM successfully upgraded mesh [fsm] in namespace [by-command]\n")
	fsm("", "gateway disable --fsm-namespace by-command", "Gateway is disabled in mesh [fsm] successfully\n")
	fsm("", "gw enable --fsm-namespace by-command", "fsm-controller: done\n", "Gateway is enabled in mesh [fsm] successfully\n")
	fsm("", "namespace add default", "Namespace [default] successfully added to mesh [fsm]\n")
	fsm("", "ns list", "NAMESPACE  MESH  SIDECAR-INJECTION\ndefault    fsm   enabled\n")
	fsm("", "namespace list -o yaml", "- mesh: fsm\n  namespace: default\n")
	fsm("", "namespace remove default", "Namespace [default] successfully removed from mesh [fsm]\n")
	fsm("", "namespace list", "No namespace belongs to a mesh.")
	fsm("n\n", "uninstall mesh --fsm-namespace by-command", "by-command", "[y/n]")
	if d := l.deployment("by-command"); !strings.Contains(d.args, "--log-level=warn") {
		t.Errorf("got %s", d.args)
	}
	fsm("y\n", "uninstall mesh -a --delete-namespace --fsm-namespace by-command", "is not in namespace by-command any longer")
	l.Eventually("namespace is gone", func() error {
		_, err := l.Kube.CoreV1().Namespaces().Get(l.Ctx, "by-command", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it is there: %v", err)
	})
}
