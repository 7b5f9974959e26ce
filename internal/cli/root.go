package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Streams are those of the process.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit codes of the command.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// Main runs the command with arguments and returns its exit code.
func Main(ctx context.Context, args []string, s Streams) int {
	root := NewCommand(s)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(s.Err, "fsm:", err)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(s.Err, "fsm: see '%s --help'\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailure
}

// NewCommand makes the command with all its subcommands.
func NewCommand(s Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "fsm",
		Short: "A traffic gateway from files, and in Kubernetes",
		Long: `fsm serves the Gateways and routes of the Gateway API from YAML files.

Try it with 'fsm demo'. Serve your own files with 'fsm run -f FILE|DIR', see what
is wrong with them with 'fsm validate', and ask with 'fsm explain' why a request
gets the answer that it gets.

In a Kubernetes cluster 'fsm install' installs a control plane that does the same
with the objects of the cluster.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          usage(noSuchCommand),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// Before every command, as long as none has its own.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return applySettings(cmd) },
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(
		runCommand(),
		demoCommand(),
		validateCommand(),
		verifyCommand(),
		migrateCommand(),
		policyCommand(),
		translateCommand(),
		explainCommand(),
		getCommand(),
		checkCommand(),
		installCommand(),
		upgradeCommand(),
		uninstallCommand(),
		meshCommand(),
		gatewayCommand(),
		ingressCommand(),
		serviceLBCommand(),
		namespaceCommand(),
		statusCommand(),
		proxyCommand(),
		supportCommand(),
		envCommand(),
		versionCommand(),
	)
	return root
}

// usageError is a mistake in the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// usage makes what is wrong with arguments a usage error.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// noSuchCommand refuses what is not the name of a subcommand.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	const near = 2 // typing mistakes
	cmd.SuggestionsMinimumDistance = near
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		return fmt.Errorf("there is no command %q; is it %s?", args[0], strings.Join(names, " or "))
	}
	return fmt.Errorf("there is no command %q", args[0])
}

// oneOf refuses a flag's value that is not among the allowed ones.
func oneOf(flag, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return usagef("--%s %q: want %s", flag, value, strings.Join(allowed, " or "))
}
