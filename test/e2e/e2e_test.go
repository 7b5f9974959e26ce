package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// What the environment says about the cluster and about FSM.
const (
	// versionVariable is the version of fsm, and of the images that the cluster can pull.
	versionVariable = "FSM_TEST_VERSION"
	// nextVariable is the version to upgrade to.
	nextVariable = "FSM_TEST_NEXT_VERSION"
	// programsVariable is a directory with the fsm of the one version, and with that of
	// the other in its directory next.
	programsVariable = "FSM_TEST_PROGRAMS"
)

// TestEndToEnd runs the scripts: one after the other those that change what is
// installed, and between them, side by side, those that use it.
func TestEndToEnd(t *testing.T) {
	for _, name := range []string{"KUBECONFIG", versionVariable, nextVariable, programsVariable} {
		if os.Getenv(name) == "" {
			t.Skipf("%s is not set: this installs FSM in a cluster; make e2e", name)
		}
	}
	for _, stage := range []string{"install.txtar", "installed/*.txtar", "policies.txtar", "ingress.txtar", "looking.txtar", "upgrade.txtar", "uninstall.txtar", "older.txtar"} {
		scripts, err := filepath.Glob(filepath.Join("testdata", stage))
		if err != nil || len(scripts) == 0 {
			t.Fatalf("no scripts %s: %v", stage, err)
		}
		name, _, _ := strings.Cut(strings.TrimSuffix(stage, ".txtar"), "/")
		if !t.Run(name, func(t *testing.T) { run(t, scripts) }) && name == "install" {
			t.Fatal("FSM is not installed: the rest would say so again and again")
		}
	}
}

func run(t *testing.T, scripts []string) {
	dir := t.TempDir()
	for i, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		prepared, err := prepare(text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		scripts[i] = filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(scripts[i], prepared, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"sh": cmdShell, "load": cmdLoad, "unload": cmdUnload},
	})
}
