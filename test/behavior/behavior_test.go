package behavior

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

const pageScript = "test.txtar"

// TestFeatures runs the scripts in testdata/feature.
func TestFeatures(t *testing.T) {
	files, err := filepath.Glob("testdata/feature/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		runScript(t, strings.TrimSuffix(filepath.Base(f), ".txtar"), f, "")
	}
}

// pageRoots are the directories of pages.
func pageRoots() []string {
	return []string{"../../examples/gateway", "../../examples/ingress", "../../examples/istio"}
}

// TestPages runs the scripts of the pages in all of them, and makes sure
// that every manifest there has been used by one.
func TestPages(t *testing.T) {
	for name, dir := range pageDirectories(t) {
		runScript(t, name, filepath.Join(dir, pageScript), dir)
	}
}

func pageDirectories(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, root := range pageRoots() {
		entries, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() {
				if pages[e.Name()], err = filepath.Abs(filepath.Join(root, e.Name())); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return pages
}

// run is what one run of a script differs by.
type run struct {
	example  string // the page's directory; empty for features
	policies bool   // the script has its own
	versions versions
	// migration is nil for what has nothing to do with it.
	migration *migration
}

// runScript runs a script with all the versions that it allows.
func runScript(t *testing.T, name, path, example string) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		limits, err := limitsOf(text)
		if err != nil {
			t.Fatal(err)
		}
		runs, files := map[string]run{}, []string(nil)
		dir := t.TempDir()
		for _, v := range matrix(limits) {
			runs[v.String()] = run{example: example, policies: bytes.Contains(text, []byte("\nkind: BackendTLSPolicy\n")), versions: v}
			file := filepath.Join(dir, v.String()+".txtar")
			if err := os.WriteFile(file, prepare(text), 0o644); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		if len(files) == 0 {
			t.Fatal("its limits leave nothing")
		}
		testscript.Run(t, testscript.Params{
			Files: files, Cmds: commands, RequireUniqueNames: true,
			Setup: func(env *testscript.Env) error {
				return newScript(env, runs[strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")])
			},
		})
	})
}

// usage is which files a script read.
type usage struct {
	mu    sync.Mutex
	files map[string]bool
}

func (u *usage) add(path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.files == nil {
		u.files = map[string]bool{}
	}
	u.files[path] = true
}

// check fails when a manifest below a directory was not used.
func (u *usage) check(tb testing.TB, dir string) {
	tb.Helper()
	if tb.Failed() || tb.Skipped() {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && slices.Contains(manifestExtensions, filepath.Ext(path)) && !u.files[path] {
			tb.Errorf("%s is used by no script", path)
		}
		return err
	})
	if err != nil {
		tb.Error(err)
	}
}

// TestPagesAreComplete makes sure that each page has its script and its text, and
// that the commands in the text are run by the script.
func TestPagesAreComplete(t *testing.T) {
	for name, dir := range pageDirectories(t) {
		script, err := os.ReadFile(filepath.Join(dir, pageScript))
		if err != nil {
			t.Error(err)
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil {
			t.Error(err)
			continue
		}
		commands := pageCommands(string(text))
		if len(commands) == 0 {
			t.Errorf("%s: the README shows no command", name)
		}
		for _, c := range commands {
			if !strings.Contains(string(script), "$ "+c+"\n") {
				t.Errorf("%s: the script does not run %q", name, c)
			}
		}
	}
}

// pageCommands are the commands of a page that send traffic or make something
// for it. Those that start and stop things are the script's to translate.
func pageCommands(text string) []string {
	var commands []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside:
			first, _, _ := strings.Cut(line, " ")
			if slices.Contains([]string{"curl", "nc", "echo", "openssl", "grpcurl", "printf"}, first) {
				commands = append(commands, line)
			}
		}
	}
	return commands
}
