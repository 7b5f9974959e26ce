package cli

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fsm/docs"
)

// reason is a row of docs/reasons.md.
type reason struct {
	Reason string `json:"reason"`
	Status string `json:"status"`
	About  string `json:"about"`
	// Meaning and Fix are for people.
	Meaning string `json:"meaning"`
	Fix     string `json:"fix"`
}

var reasonRow = regexp.MustCompile("^\\| `([a-z0-9_]+)` \\|([^|]*)\\|([^|]*)\\|([^|]*)\\|$")

// reasons are those of the document, in its order.
func reasons() (list []reason) {
	section := ""
	for line := range strings.Lines(docs.Reasons) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		if m := reasonRow.FindStringSubmatch(line); m != nil {
			for i := range m {
				m[i] = strings.TrimSpace(m[i])
			}
			list = append(list, reason{m[1], m[2], section, m[3], m[4]})
		}
	}
	return list
}

func errorInfoCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "error-info [REASON]",
		Short: "Say what a reason means, and what to do",
		Long: `Explains the words that a proxy gives as reasons when it answers a request itself: in
the header fsm-reason, in the access log and in metrics. Without one it lists all.`,
		Example: `  fsm support error-info no_route`,
		Args:    usage(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			for _, r := range reasons() {
				names = append(names, r.Reason)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("output", output, "text", "json", "yaml"); err != nil {
				return err
			}
			list := reasons()
			if len(args) == 1 {
				i := slices.IndexFunc(list, func(r reason) bool { return r.Reason == args[0] })
				if i < 0 {
					return fmt.Errorf("there is no reason %q; 'fsm support error-info' lists all", args[0])
				}
				list = list[i : i+1]
			}
			return writeReasons(cmd.OutOrStdout(), list, output)
		},
	}
	outputFlag(cmd, &output, "text", "json", "yaml")
	return cmd
}

func writeReasons(out io.Writer, list []reason, output string) error {
	switch {
	case output != "text":
		return encode(out, list, output)
	case len(list) == 1:
		r := list[0]
		_, err := fmt.Fprintf(out, "%s (status %s)\n\n%s.\n\nWhat to do: %s.\n", r.Reason, r.Status, r.Meaning, r.Fix)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REASON\tSTATUS\tABOUT")
	for _, r := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.Reason, r.Status, r.About)
	}
	return table.Flush()
}
