package golden_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fsm/internal/golden"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// failures records what a check would report.
type failures struct {
	testing.TB
	messages []string
}

func (*failures) Helper() {}

func (f *failures) Errorf(format string, args ...any) {
	f.messages = append(f.messages, fmt.Sprintf(format, args...))
}

const example = `Why it is there.

-- input.yaml --
# include: base.yaml
b
-- out --
expected
`

func load(t *testing.T, dir string) *golden.Case {
	t.Helper()
	cases, err := golden.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != 1 {
		t.Fatalf("found %d cases, want 1", len(cases))
	}
	return cases[0]
}

func TestInputHasIncludesInPlace(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "area/case.txtar", example)
	write(t, dir, "include/base.yaml", "a\n")
	c := load(t, dir)
	if c.Name != "area/case" || string(c.Input) != "a\n---\nb\n" {
		t.Errorf("case %q has input %q", c.Name, c.Input)
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name    string
		results []golden.Section
		// want is part of the only failure; empty for none.
		want string
	}{
		{"equal", []golden.Section{{Name: "out", Text: "expected\n"}}, ""},
		{"different", []golden.Section{{Name: "out", Text: "other\n"}}, "section out"},
		{"no expectation", []golden.Section{{Name: "more", Text: ""}}, "section more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "area/case.txtar", example)
			write(t, dir, "include/base.yaml", "a\n")
			var f failures
			load(t, dir).Check(&f, false, test.results...)
			got := strings.Join(f.messages, "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("failed with %q, want %q", got, test.want)
			}
			load(t, dir).Check(t, true, test.results...)
			load(t, dir).Check(t, false, test.results...)
		})
	}
}

func TestLoadRefusesCasesThatSayNothing(t *testing.T) {
	for name, text := range map[string]string{
		"no reason":       "-- input.yaml --\na\n",
		"no input":        "Why.\n-- out --\na\n",
		"missing include": "Why.\n-- input.yaml --\n# include: nope.yaml\n",
	} {
		dir := t.TempDir()
		write(t, dir, "area/case.txtar", text)
		if _, err := golden.Load(dir); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
}
