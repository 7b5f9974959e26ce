package cli_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fsm/internal/cli"
)

var update = flag.Bool("update", false, "rewrite docs/cli.md")

// TestReference: docs/cli.md says what the commands and their flags are.
func TestReference(t *testing.T) {
	const path = "../../docs/cli.md"
	root := cli.NewCommand(cli.Streams{})
	root.InitDefaultCompletionCmd()
	text := &strings.Builder{}
	fmt.Fprint(text, "# The fsm command\n\n"+
		"This page is made from the command itself by `go test ./internal/cli -run TestReference -update`.\n\n"+
		"Results go to standard output, logs and errors to standard error. The exit code is 0 for\n"+
		"success, 1 for failure, and 2 for a command line that makes no sense.\n\n")
	fmt.Fprintf(text, "```\n%s\n```\n\n", strings.TrimSpace(root.Long))
	for _, cmd := range root.Commands() {
		if cmd.Name() != "help" {
			writeReference(text, cmd)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readFile(t, path), text.String()); diff != "" {
		t.Errorf("docs/cli.md is not current; run this test with -update (-file +command):\n%s", diff)
	}
}

// writeReference writes the section of a command.
func writeReference(out *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(out, "## %s\n\n%s.\n\n", cmd.CommandPath(), cmd.Short)
	if cmd.Name() == "completion" {
		// Its long text is the library's, for each shell.
		fmt.Fprint(out, "`fsm completion bash|zsh|fish|powershell` prints a script; `--help` says where to put it.\n\n")
		return
	}
	if cmd.Long != "" {
		fmt.Fprintf(out, "%s\n\n", strings.TrimSpace(cmd.Long))
	}
	fmt.Fprintf(out, "    %s\n\n", cmd.UseLine())
	if cmd.Example != "" {
		fmt.Fprintf(out, "Examples:\n\n```sh\n%s\n```\n\n", strings.ReplaceAll(strings.TrimLeft(cmd.Example, " "), "\n  ", "\n"))
	}
	writeFlags(out, cmd)
	for _, sub := range cmd.Commands() {
		writeReference(out, sub)
	}
}

// writeFlags writes the table of a command's flags, if it has some.
func writeFlags(out *strings.Builder, cmd *cobra.Command) {
	if !cmd.HasAvailableLocalFlags() {
		return
	}
	fmt.Fprint(out, "| Flag | Default | Meaning |\n|---|---|---|\n")
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		fallback := strings.Trim(f.DefValue, "[]")
		if fallback != "" {
			fallback = "`" + fallback + "`"
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", name, fallback, strings.ReplaceAll(f.Usage, "|", `\|`))
	})
	fmt.Fprintln(out)
}
