package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSettings: settings stand for flags that are not given, and env tells where they
// come from.
func TestSettings(t *testing.T) {
	t.Setenv("KUBECONFIG", unreachable(t))
	t.Setenv("HOME", t.TempDir())
	r := fsm(t, "", "env")
	for _, want := range []string{"namespace: fsm-system\n", "context: c\n", "server: https://127.0.0.1:1\n"} {
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("without settings: code %d, %q is not in\n%s", r.code, want, r.out)
		}
	}
	path := filepath.Join(t.TempDir(), "settings.yaml")
	t.Setenv("FSM_CONFIG", path)
	if r := fsm(t, "", "env"); r.code != 1 || !strings.Contains(r.err, "read settings: ") {
		t.Errorf("with settings that are not there: %+v", r)
	}
	if err := os.WriteFile(path, []byte("install: {kind: self-hosted, namespace: edge}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := fsm(t, "", "env", "-o", "json"); !strings.Contains(r.out, `"namespace": "edge"`) || !strings.Contains(r.out, `"settings": "`+path+`"`) {
		t.Errorf("with settings: %+v", r)
	}
	if r := fsm(t, "", "install", "--dry-run"); !strings.Contains(r.out, "namespace: edge\n") {
		t.Errorf("an installation does not go by settings: %s", r.err)
	}
	if r := fsm(t, "", "install", "--dry-run", "--fsm-namespace", "given"); strings.Contains(r.out, "namespace: edge\n") {
		t.Error("settings count more than a flag")
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if r := fsm(t, "", "env"); r.code != 0 || !strings.Contains(r.out, "problem: 'no cluster is configured") {
		t.Errorf("without a cluster: %+v", r)
	}
}

// TestErrorInfo: what a reason means is said in the words of the documentation.
func TestErrorInfo(t *testing.T) {
	r := fsm(t, "", "support", "error-info", "no_route")
	if want := "no_route (status 404)\n\nNo route of this host matches.\n\nWhat to do: "; r.code != 0 || !strings.HasPrefix(r.out, want) {
		t.Errorf("got %+v, want %q", r, want)
	}
	r = fsm(t, "", "support", "error-info")
	for _, want := range []string{"REASON ", "\nbad_host ", "\nbackend_not_found ", "What you configured cannot be served\n"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is not in\n%s", want, r.out)
		}
	}
	if r := fsm(t, "", "support", "error-info", "E1000"); r.code != 1 || !strings.Contains(r.err, `there is no reason "E1000"`) {
		t.Errorf("got %+v", r)
	}
}
