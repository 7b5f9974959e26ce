package behavior

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	examples   = "../../examples/gateway"
	pageScript = "test.txtar"
)

// TestFeatures runs the scripts in testdata/feature.
func TestFeatures(t *testing.T) {
	files, err := filepath.Glob("testdata/feature/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	scripts := make(map[string]string, len(files))
	for _, f := range files {
		scripts[strings.TrimSuffix(filepath.Base(f), ".txtar")] = f
	}
	run(t, scripts, func(env *testscript.Env, _ string) error { return newScript(env, "", &usage{}) })
}

// TestPages runs the scripts of the pages in examples/gateway, and makes sure
// that every manifest there has been used by one.
func TestPages(t *testing.T) {
	pages := pageDirectories(t)
	scripts := map[string]string{}
	for name, dir := range pages {
		scripts[name] = filepath.Join(dir, pageScript)
	}
	run(t, scripts, func(env *testscript.Env, name string) error {
		used := &usage{}
		tb := env.T().(testing.TB)
		tb.Cleanup(func() {
			if !tb.Failed() && !tb.Skipped() {
				used.check(tb, pages[name])
			}
		})
		return newScript(env, pages[name], used)
	})
}

func pageDirectories(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(examples)
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, e := range entries {
		if e.IsDir() {
			if pages[e.Name()], err = filepath.Abs(filepath.Join(examples, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	return pages
}

// run runs scripts, given by name, all at a time.
func run(t *testing.T, scripts map[string]string, setup func(env *testscript.Env, name string) error) {
	dir := t.TempDir()
	var files []string
	for name, source := range scripts {
		target := filepath.Join(dir, name+".txtar")
		if err := prepare(source, target); err != nil {
			t.Fatal(err)
		}
		files = append(files, target)
	}
	slices.Sort(files)
	if len(files) == 0 {
		t.Skip("there are no scripts")
	}
	testscript.Run(t, testscript.Params{
		Files: files, Cmds: commands, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			return setup(env, strings.TrimPrefix(filepath.Base(env.WorkDir), "script-"))
		},
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
