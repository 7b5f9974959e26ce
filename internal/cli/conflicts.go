package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Look at policies",
		Args:  usage(noSuchCommand),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(checkConflictsCommand())
	return cmd
}

func checkConflictsCommand() *cobra.Command {
	in := &input{}
	var namespaces []string
	cmd := &cobra.Command{
		Use:   "check-conflicts [KIND] [-n NAMESPACE] [-f FILE|DIR]",
		Short: "Say which objects want the same thing",
		Long: `Prints the objects of a kind, or of all kinds, that have no effect or not their whole
effect because another one wants the same: policies with one target, Ingresses with one
path or with TLS for one host, listeners that cannot share a port. Without files it is
about the objects of the cluster. Nothing is changed.

The exit code is 1 when there is a conflict.`,
		Example: `  fsm policy check-conflicts BackendTLSPolicy -n shop
  fsm policy check-conflicts -f manifests/`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := ""
			if len(args) > 0 {
				var err error
				if kind, err = kindNamed(args[0]); err != nil {
					return err
				}
			}
			if err := in.checkBind(); err != nil {
				return err
			}
			s, err := in.load(cmd.Context(), cmd.InOrStdin())
			if err != nil {
				return err
			}
			_, r := translate.Translate(s.set, s.config)
			return writeConflicts(cmd.OutOrStdout(), r, kind, namespaces)
		},
	}
	in.flagsForBoth(cmd)
	cmd.Flags().StringSliceVarP(&namespaces, "namespace", "n", nil, "namespace to look at, in place of all; may be given several times")
	return cmd
}

// kindNamed finds a kind by its name, in any case and number.
func kindNamed(name string) (string, error) {
	for _, k := range resource.Kinds() {
		singular, given := strings.ToLower(k.Name), strings.ToLower(name)
		if slices.Contains([]string{singular, singular + "s", singular + "es", strings.TrimSuffix(singular, "y") + "ies"}, given) {
			return k.Name, nil
		}
	}
	return "", usagef("%q is no kind of object that FSM knows", name)
}

// writeConflicts prints conflicts. The error says that there are some.
func writeConflicts(out io.Writer, r *report.Report, kind string, namespaces []string) error {
	count := 0
	for _, c := range r.Conflicts() {
		if kind != "" && c.Key.Kind != kind || len(namespaces) > 0 && !slices.Contains(namespaces, c.Key.Namespace) {
			continue
		}
		count++
		fmt.Fprintf(out, "%s  %s\n", c.Key, c.Message)
	}
	switch count {
	case 0:
		fmt.Fprintln(out, "There are no conflicts.")
		return nil
	case 1:
		return fmt.Errorf("there is 1 conflict")
	}
	return fmt.Errorf("there are %d conflicts", count)
}
