package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	// patience is how long a line may take, and how long what it prints may take to
	// become what it should be. Pods start within it on a slow machine.
	patience = 2 * time.Minute
	// pause is that between two attempts.
	pause = 300 * time.Millisecond
)

// session is the state of a running script.
type session struct {
	tb testing.TB
	// exported are the names of variables that lines have exported.
	exported []string
	load     *load
}

type sessionKey struct{}

func sessionOf(ts *testscript.TestScript) *session { return ts.Value(sessionKey{}).(*session) }

func setup(env *testscript.Env) error {
	s := &session{tb: env.T().(testing.TB)}
	env.Values[sessionKey{}] = s
	env.Defer(func() { s.load.end() })
	programs, version := os.Getenv(programsVariable), os.Getenv(versionVariable)
	if err := provide(env.WorkDir); err != nil {
		return err
	}
	env.Setenv("KUBECONFIG", os.Getenv("KUBECONFIG"))
	env.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	env.Setenv("NEXT", filepath.Join(programs, "next"))
	env.Setenv("VERSION", version)
	env.Setenv("NEXT_VERSION", os.Getenv(nextVariable))
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLES", examples)
	env.Setenv("HOME", env.WorkDir)
	s.exported = []string{"KUBECONFIG", "PATH", "NEXT", "VERSION", "NEXT_VERSION", "EXAMPLES", "HOME"}
	curl := "silent\nshow-error\nnoproxy = \"*\"\nmax-time = 20\n"
	return os.WriteFile(filepath.Join(env.WorkDir, ".curlrc"), []byte(curl), 0o644)
}

// provide gives scripts the manifests that they have besides their own files.
func provide(work string) error {
	manifests, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		return err
	}
	for _, path := range manifests {
		manifest, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, filepath.Base(path)), manifest, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// exporting is a line that gives a variable to those that follow.
var exporting = regexp.MustCompile(`^export ([A-Z_]+)=`)

// cmdShell runs the shell lines in a file, once or until they succeed and print what is
// in the file beside it: "sh once|eventually FILE".
func cmdShell(ts *testscript.TestScript, neg bool, args []string) {
	s, file := sessionOf(ts), args[1]
	lines, wanted := ts.ReadFile(file), ts.ReadFile(file+outSuffix)
	ts.Logf("$ %s", strings.TrimSuffix(lines, "\n"))
	want := s.expand(ts, wanted)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var again <-chan time.Time
	if args[0] == "eventually" {
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		again = ticker.C
	}
	var out, problem string
	for {
		printed, err := s.shell(ctx, ts, lines)
		if ctx.Err() == nil || problem == "" { // else it was cut short, and the one before says more
			out, problem = printed, judge(printed, want, err, neg)
		}
		if problem == "" || again == nil || ctx.Err() != nil {
			break
		}
		select {
		case <-again:
		case <-ctx.Done():
		}
	}
	fmt.Fprint(ts.Stdout(), out)
	if problem != "" {
		ts.Fatalf("%s", problem)
	}
	if m := exporting.FindStringSubmatch(lines); m != nil {
		s.exported = append(s.exported, m[1])
		ts.Setenv(m[1], strings.TrimSpace(out))
	}
}

// shell runs lines and returns what a terminal would show. Of a line that exports a
// variable, this is its value.
func (s *session) shell(ctx context.Context, ts *testscript.TestScript, lines string) (string, error) {
	if m := exporting.FindStringSubmatch(lines); m != nil {
		lines += `test -n "$` + m[1] + `" && printf "%s\n" "$` + m[1] + `"`
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", lines)
	cmd.Dir = ts.MkAbs(".")
	cmd.WaitDelay = time.Second
	for _, name := range s.exported {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// judge says what is wrong with the end of a line; nothing if it is what the script wants.
func judge(out, want string, err error, neg bool) string {
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err.Error()
	}
	switch {
	case neg && err == nil:
		return "it succeeded"
	case !neg && err != nil:
		return err.Error()
	case want == "" || matches(out, want):
		return ""
	}
	return "it should print\n" + want
}

// expand puts the values of exported variables into what is to be printed.
func (s *session) expand(ts *testscript.TestScript, text string) string {
	return os.Expand(text, func(name string) string {
		for _, known := range s.exported {
			if name == known {
				return ts.Getenv(name)
			}
		}
		return "$" + name
	})
}
