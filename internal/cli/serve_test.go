package cli_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/cli"
)

// running is a command that goes on.
type running struct {
	t     *testing.T
	lines chan string
	stop  context.CancelFunc
	code  chan int
	mu    sync.Mutex
	log   strings.Builder
}

// Write takes what the command says on standard error.
func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *running) errors() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// start starts a command, which ends with the test.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, lines: make(chan string, 1000), stop: cancel, code: make(chan int, 1)}
	in, out := io.Pipe()
	go func() {
		r.code <- cli.Main(ctx, args, cli.Streams{In: strings.NewReader(""), Out: out, Err: r})
		_ = out.Close()
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(in); s.Scan(); {
			r.lines <- s.Text()
		}
		close(r.lines)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return r
}

// until reads lines up to one that has a text, and returns them.
func (r *running) until(text string) (lines []string) {
	r.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case line, ok := <-r.lines:
			if !ok {
				r.t.Fatalf("ended without %q:\n%s\n%s", text, strings.Join(lines, "\n"), r.errors())
			}
			lines = append(lines, line)
			if strings.Contains(line, text) {
				return lines
			}
		case <-timeout:
			r.t.Fatalf("no line with %q in:\n%s\n%s", text, strings.Join(lines, "\n"), r.errors())
		}
	}
}

// ends waits for the command to end.
func (r *running) ends() int {
	r.t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-time.After(20 * time.Second):
		r.t.Fatal("does not end")
		return 0
	}
}

// get asks a running gateway.
func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s %s", response.StatusCode, response.Header.Get("Fsm-Reason"), strings.TrimSpace(string(body)))
}

// Addresses of the tests' own, since ports are fixed in manifests.
const (
	runAddress  = "127.0.72.1"
	demoAddress = "127.0.72.2"
	portAddress = "127.0.72.3"
)

// hello starts a backend and returns its manifests.
func hello(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	return strings.NewReplacer(`name: "", port: 80`, `name: "", port: `+port, "10.0.0.1", "127.0.0.1").Replace(backend)
}

// TestRun edits the files of a running gateway: every edit applies, and what
// changes about the objects is printed, and nothing else is.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("gateway.yaml", gateway)
	write("route.yaml", route)
	r := start(t, "run", "-f", dir, "--bind", runAddress, "--admin", "127.0.0.1:0", "--log-format", "json")

	lines := r.until("listening on")
	if !strings.HasPrefix(lines[0], "admin interface on http://127.0.0.1:") {
		t.Errorf("the first line is %q", lines[0])
	}
	want := []string{
		"Gateway default/gw  Accepted=True  Programmed=True  ResolvedRefs=True",
		"Gateway default/gw  listener http  kinds=HTTPRoute,GRPCRoute  routes=1  Accepted=True  Programmed=True  ResolvedRefs=True",
		"HTTPRoute default/web  parent Gateway gw  Accepted=True  ResolvedRefs=False/BackendNotFound: Service default/web does not exist",
		"listening on http://" + runAddress + ":8000  Gateway default/gw listener http",
	}
	if diff := cmp.Diff(want, lines[1:]); diff != "" {
		t.Errorf("at the start (-want +got):\n%s", diff)
	}
	const url = "http://" + runAddress + ":8000/"
	if got := get(t, url); got != "500 backend_not_found Internal server error" {
		t.Errorf("without a Service: %s", got)
	}
	if got := get(t, strings.TrimPrefix(lines[0], "admin interface on ")+"/ready"); got != "200  LIVE" {
		t.Errorf("/ready: %s", got)
	}

	expect := func(edit string, want ...string) {
		t.Helper()
		lines := r.until(want[len(want)-1])
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", edit, diff)
		}
	}
	write("backend.yaml", hello(t))
	expect("a new file", "HTTPRoute default/web  parent Gateway gw  Accepted=True  ResolvedRefs=True")
	if got := get(t, url); got != "200  hello" {
		t.Errorf("with a Service: %s", got)
	}

	write("route.yaml", strings.Replace(route, "port: 80}", "port: 99999}", 1))
	path := filepath.Join(dir, "route.yaml")
	expect("a broken edit",
		"warning: the last good version stays in use: HTTPRoute default/web ("+path+")",
		"HTTPRoute default/web  Accepted=False/Invalid: spec.rules[0].backendRefs[0].port: should be less than or equal to 65535 ("+path+":3)")
	if got := get(t, url); got != "200  hello" {
		t.Errorf("with a broken edit: %s", got)
	}

	write("route.yaml", route)
	expect("mending it", "HTTPRoute default/web  parent Gateway gw  Accepted=True  ResolvedRefs=True")

	write("gateway.yaml", strings.Replace(gateway, "8000", "8001", 1))
	expect("another port",
		"listening on http://"+runAddress+":8001  Gateway default/gw listener http",
		"no longer listening on http://"+runAddress+":8000  Gateway default/gw listener http")
	if got := get(t, "http://"+runAddress+":8001/"); got != "200  hello" {
		t.Errorf("at the other port: %s", got)
	}

	if err := os.Remove(filepath.Join(dir, "gateway.yaml")); err != nil {
		t.Fatal(err)
	}
	r.until("Gateway default/gw  is gone")
	r.until("not listening")

	r.stop()
	if code := r.ends(); code != 0 {
		t.Errorf("code %d: %s", code, r.errors())
	}
	if !strings.Contains(r.errors(), `"msg":"draining"`) {
		t.Errorf("the log is %s", r.errors())
	}
}

// TestRunPortTaken: a port that cannot be had is a condition that says what to do.
func TestRunPortTaken(t *testing.T) {
	ln, err := net.Listen("tcp", portAddress+":8000")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	path := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(path, []byte(gateway), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "run", "-f", path, "--bind", portAddress, "--admin", "")
	lines := strings.Join(r.until("not listening"), "\n")
	if !strings.Contains(lines, "Programmed=False/PortUnavailable") || !strings.Contains(lines, "another process has the port: stop it, or choose another port or address") {
		t.Errorf("it says\n%s", lines)
	}

	demo := start(t, "demo", "--bind", portAddress, "--admin", "")
	if code := demo.ends(); code != 1 || !strings.Contains(demo.errors(), "choose another port with --port") {
		t.Errorf("the demo: code %d, %s", code, demo.errors())
	}
}

// TestRunAdminTaken: so does an admin interface that cannot be had.
func TestRunAdminTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := start(t, "demo", "--bind", demoAddress, "--port", "8009", "--admin", ln.Addr().String())
	if code := r.ends(); code != 1 || !strings.Contains(r.errors(), "choose another address with --admin") {
		t.Errorf("code %d, %s", code, r.errors())
	}
}

// TestDemo runs each line of the tour that the demo prints, which is that of
// examples/quickstart, and compares what it answers with what is printed.
func TestDemo(t *testing.T) {
	for _, tool := range []string{"sh", "curl", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test needs %s: %v", tool, err)
		}
	}
	r := start(t, "demo", "--bind", demoAddress, "--port", "8010", "--admin", "127.0.0.1:0")
	r.until("listening on http://" + demoAddress + ":8010")
	r.until("Try this")
	printed := strings.Join(r.until("Fsm-Reason: no_route"), "\n")
	steps := tourSteps(printed)
	if want := strings.Count(readFile(t, "../../examples/quickstart/tour.txt"), "\n$ "); len(steps) != want || want < 5 {
		t.Fatalf("there are %d steps in\n%s", len(steps), printed)
	}
	for _, s := range steps {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", s.command).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			t.Fatal(exit)
		}
		if diff := cmp.Diff(s.answer, strings.TrimSpace(string(out))); diff != "" {
			t.Errorf("$ %s\n(-printed +answered):\n%s", s.command, diff)
		}
	}
	r.stop()
	if code := r.ends(); code != 0 {
		t.Errorf("code %d: %s", code, r.errors())
	}
}

type step struct{ command, answer string }

// tourSteps are the commands of a tour, with the lines below them up to an empty
// one.
func tourSteps(text string) []step {
	var steps []step
	for _, block := range strings.Split(text, "\n\n") {
		for block != "" {
			var line string
			line, block, _ = strings.Cut(block, "\n")
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				steps = append(steps, step{command, strings.TrimSpace(block)})
				break
			}
		}
	}
	return steps
}

// TestQuickstartFiles: the manifests that the demo carries are accepted as files.
func TestQuickstartFiles(t *testing.T) {
	r := fsm(t, "", "validate", "-f", "../../examples/quickstart")
	if r.code != 0 || strings.Contains(r.out, "=False") || strings.Contains(r.out, "warning") {
		t.Errorf("code %d %s\n%s", r.code, r.err, r.out)
	}
}
