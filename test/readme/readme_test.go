package readme

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fsm/internal/cli"
)

const (
	root = "../.."
	// printed is the address that the README uses, local one that no other test
	// and no running gateway has.
	printed = "127.0.0.1"
	local   = "127.0.9.1"
	admin   = local + ":15000"
)

// patience bounds a command and the wait for a gateway.
const patience = time.Minute

func TestREADME(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := parse(string(text))
	if len(blocks) < 3 {
		t.Fatalf("found %d blocks of commands", len(blocks))
	}
	r := &reader{t: t, dir: checkout(t)}
	defer r.stop()
	for _, b := range blocks {
		out := ""
		for _, line := range b.lines {
			out += r.enter(line)
		}
		want := strings.ReplaceAll(b.output, printed, local)
		if !strings.HasPrefix(out, want) {
			t.Errorf("%s\ngives\n%s\nand not, as the README says,\n%s", strings.Join(b.lines, "\n"), out, want)
		}
	}
}

// TestManifests: the manifests in the documents are accepted.
func TestManifests(t *testing.T) {
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, dir: checkout(t)}
	checked := 0
	for _, file := range documents {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range manifest.FindAllStringSubmatch(string(text), -1) {
			if err := os.WriteFile(filepath.Join(r.dir, "manifest.yaml"), []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			if out := r.enter("bin/fsm validate -f manifest.yaml"); strings.Contains(out, "False") || strings.Contains(out, "warning") {
				t.Errorf("%s:\n%s", file, out)
			}
			checked++
		}
	}
	if checked == 0 {
		t.Fatal("no manifests in the documents")
	}
}

// manifest is a yaml block of whole objects.
var manifest = regexp.MustCompile("(?ms)^```yaml\n(apiVersion:.*?)^```\n")

// block is a sh block and, if a text block follows at once, its output.
type block struct {
	lines  []string
	output string
}

var fenced = regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?")

func parse(text string) []block {
	var blocks []block
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, block{strings.Split(strings.TrimSpace(m[1]), "\n"), m[2]})
	}
	return blocks
}

// TestMain is the fsm command when it is called by that name, so that the test
// runs what this checkout has, and runs it with the race detector.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "fsm" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	os.Exit(m.Run())
}

// checkout makes a directory with the examples and bin/fsm.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "bin", "fsm")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// reader does what the README says.
type reader struct {
	t   *testing.T
	dir string
	// server is the gateway that runs at the moment, and its output.
	server *exec.Cmd
	output *lockedBuffer
}

// enter executes a command and returns its output. One that serves stays until
// the next one that does.
func (r *reader) enter(line string) string {
	r.t.Helper()
	switch {
	case line == "make run":
		r.serve(r.recipe("run"))
		return ""
	case strings.HasPrefix(line, "bin/fsm run "):
		r.serve(line)
		return ""
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	cmd := r.command(ctx, line)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Errorf("%s: %v\n%s%s", line, err, out, stderr.String())
	}
	return string(out)
}

func (r *reader) command(ctx context.Context, line string) *exec.Cmd {
	for _, tool := range []string{"curl", "make"} {
		if _, err := exec.LookPath(tool); err == nil || !strings.HasPrefix(line, tool+" ") {
			continue
		}
		if os.Getenv("CI") != "" {
			r.t.Fatalf("%s is not installed", tool)
		}
		r.t.Skipf("%s is not installed", tool)
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -eo pipefail; "+strings.ReplaceAll(line, printed, local))
	cmd.Dir = r.dir
	return cmd
}

// recipe is the last command that make would execute for a target.
func (r *reader) recipe(target string) string {
	r.t.Helper()
	cmd := r.command(r.t.Context(), "make --no-print-directory -n "+target)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("make -n %s: %v", target, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// serve starts a gateway in place of the one before, and waits until it is ready.
func (r *reader) serve(line string) {
	r.t.Helper()
	r.stop()
	line += fmt.Sprintf(" --bind %s --admin %s", local, admin)
	r.output = new(lockedBuffer)
	r.server = r.command(context.Background(), "exec "+line)
	r.server.Stdout, r.server.Stderr = r.output, r.output
	if err := r.server.Start(); err != nil {
		r.t.Fatalf("%s: %v", line, err)
	}
	if err := ready(r.t.Context()); err != nil {
		r.t.Fatalf("%s: %v\n%s", line, err, r.output)
	}
}

// ready waits until the admin interface says so.
func ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/ready", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the gateway is not ready")
		case <-poll.C:
		}
	}
}

// stop ends the gateway as Ctrl-C does.
func (r *reader) stop() {
	r.t.Helper()
	if r.server == nil {
		return
	}
	overdue := time.AfterFunc(patience, func() { _ = r.server.Process.Kill() })
	defer overdue.Stop()
	_ = r.server.Process.Signal(syscall.SIGINT)
	if err := r.server.Wait(); err != nil {
		r.t.Errorf("the gateway did not end well: %v\n%s", err, r.output)
	}
	r.server = nil
}

// lockedBuffer is written by a process while the test reads it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
