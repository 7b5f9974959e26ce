package grpctest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// direct leaves out the gateway: what fails then is not the gateway's doing.
var direct = flag.Bool("direct", false, "connect clients to servers directly, without the gateway")

// testdata is where the manifests are. The conformance suite starts this program
// in directories of its own choice.
var testdata = must(filepath.Abs("testdata"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestMain is also what the conformance suite starts in place of its programs; see
// front and behind.
func TestMain(m *testing.M) {
	if command := called(); command != nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
		defer stop()
		if err := command(ctx, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if tools.dir != "" {
		_ = os.RemoveAll(tools.dir)
	}
	os.Exit(code)
}

// called is the command that the program was started as, if any.
func called() func(ctx context.Context, args []string) error {
	if len(os.Args) < 3 {
		return nil
	}
	return commands[os.Args[1]]
}

// commands by name, with their arguments.
var commands = map[string]func(ctx context.Context, args []string) error{
	frontCommand:       func(ctx context.Context, args []string) error { return front(ctx, args, false) },
	plainFrontCommand:  func(ctx context.Context, args []string) error { return front(ctx, args, true) },
	behindCommand:      behindTLS,
	plainBehindCommand: func(ctx context.Context, args []string) error { return behind(ctx, &detours{}, args) },
}

// tools are the judges' programs, built when a test first asks for one.
var tools struct {
	once sync.Once
	dir  string
	err  error
}

// tool is the path of one of them, by the name of its command.
func tool(t *testing.T, name string) string {
	t.Helper()
	tools.once.Do(func() {
		if tools.dir, tools.err = os.MkdirTemp("", "fsm-grpc-"); tools.err != nil {
			return
		}
		for output, pkg := range map[string]string{
			interopClient: "google.golang.org/grpc/interop/client", interopServer: "google.golang.org/grpc/interop/server",
		} {
			build("-o", filepath.Join(tools.dir, output), pkg)
		}
		args := []string{"-o", tools.dir + "/"}
		for _, name := range []string{connectConformance, referenceClient, referenceServer, grpcClient, grpcServer} {
			args = append(args, "connectrpc.com/conformance/cmd/"+name)
		}
		build(args...)
	})
	if tools.err != nil {
		t.Fatal(tools.err)
	}
	return filepath.Join(tools.dir, name)
}

func build(args ...string) {
	if tools.err != nil {
		return
	}
	cmd := exec.Command("go", append([]string{"build"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		tools.err = fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
}
