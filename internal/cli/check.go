package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fsm/internal/install"
)

func checkCommand() *cobra.Command {
	c := &clusterFlags{}
	var before bool
	var output string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check whether FSM in a cluster is in order",
		Long: `Looks at the cluster and says what is not in order, and what to do about it. With
--pre it checks whether FSM can be installed. The exit code is 1 when something is
not in order.`,
		Example: `  fsm check --pre && fsm install`,
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("output", output, "text", "json"); err != nil {
				return err
			}
			cluster, err := c.open(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			var checks []install.Check
			if before {
				checks = cluster.CheckBefore(cmd.Context(), c.mesh, c.namespace)
			} else {
				checks = cluster.CheckAfter(cmd.Context(), c.namespace)
			}
			return writeChecks(cmd.OutOrStdout(), checks, output)
		},
	}
	c.bind(cmd, true)
	cmd.Flags().BoolVar(&before, "pre", false, "check whether FSM can be installed")
	outputFlag(cmd, &output, "text", "json")
	return cmd
}

// writeChecks prints checks. The error says that not all are in order.
func writeChecks(out io.Writer, checks []install.Check, output string) error {
	failed := 0
	for i, c := range checks {
		mark := "ok  "
		if !c.OK {
			failed++
			mark = "FAIL"
		}
		if output != "text" {
			continue
		}
		fmt.Fprintf(out, "%2d  %s  %s: %s\n", i+1, mark, c.Name, c.Found)
		if c.Fix != "" {
			fmt.Fprintf(out, "          fix: %s\n", c.Fix)
		}
	}
	if output == "json" {
		if err := writeJSON(out, map[string]any{"ok": failed == 0, "checks": checks}); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(checks))
	}
	return nil
}
