package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unreachable is a kubeconfig of a cluster that is not there.
func unreachable(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	const text = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c}}]
current-context: c
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestInstallDryRun: the objects are printed, with the values that were given, and
// no cluster is needed.
func TestInstallDryRun(t *testing.T) {
	t.Setenv("KUBECONFIG", unreachable(t))
	values := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(values, []byte("fsm: {trustDomain: example.org}"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := fsm(t, "", "install", "--dry-run", "--mesh-name", "edge", "--fsm-namespace=edge-system", "--timeout=900s", "-f", values,
		"--set", "fsm.fsmGateway.enabled=true", "--set=fsm.image.tag=t1", "--set=fsm.inboundPortExclusionList=[6379,7070]", "--enforce-single-mesh=false")
	if r.code != 0 {
		t.Fatal(r.err)
	}
	for _, want := range []string{
		"name: edge-controller\n", "namespace: edge-system\n", "--trust-domain=example.org", "fsm-proxy:t1", "name: fsm-gateway-cls\n",
		`flomesh.io/enforce-single-mesh: "false"`,
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is not in\n%s", want, r.out)
		}
	}
}

// TestInstallFailures: what is wrong is said in one line, before anything is done.
func TestInstallFailures(t *testing.T) {
	config := unreachable(t)
	t.Setenv("KUBECACHEDIR", t.TempDir())
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"install", "--set", "fsm.fsmGatway.enabled=true"}, "values: fsm: additional properties 'fsmGatway' not allowed"},
		{[]string{"install", "--set", "fsm.fsmGateway.enabled"}, "want KEY=VALUE"},
		{[]string{"install", "--fsm-chart-path", "none"}, "load chart none"},
		{[]string{"install", "-f", "none.yaml"}, "read values"},
		{[]string{"install"}, "reach the cluster"},
		{[]string{"upgrade"}, "reach the cluster"},
		{[]string{"mesh", "upgrade"}, "reach the cluster"},
		{[]string{"uninstall", "mesh", "-f"}, "reach the cluster"},
		{[]string{"mesh", "list"}, "list Deployments fsm-controller"},
	} {
		r := fsm(t, "", append(test.args, "--kubeconfig", config)...)
		if r.code != 1 || !strings.HasPrefix(r.err, "fsm: ") || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, test.want) {
			t.Errorf("%s: code %d, %q; want 1 and %q", test.args, r.code, r.err, test.want)
		}
	}
}

// TestNoCluster: without a kubeconfig the error says what to do, and the version of
// this build is printed all the same.
func TestNoCluster(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if r := fsm(t, "", "mesh", "list"); r.code != 1 || !strings.Contains(r.err, "no cluster is configured: set KUBECONFIG, or give --kubeconfig") {
		t.Errorf("code %d, %q", r.code, r.err)
	}
	if r := fsm(t, "", "version"); r.code != 0 || r.err != "" || strings.Count(r.out, "\n") != 1 {
		t.Errorf("code %d, %q, %q", r.code, r.out, r.err)
	}
	if r := fsm(t, "", "version", "--version-only"); r.code != 0 || strings.Contains(r.out, "fsm ") {
		t.Errorf("code %d, %q", r.code, r.out)
	}
}
