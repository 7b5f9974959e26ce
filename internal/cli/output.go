package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// outputFlag makes the flag for the form of what is printed, with completion.
func outputFlag(cmd *cobra.Command, output *string, allowed ...string) {
	about := allowed[0]
	for i, form := range allowed[1:] {
		if i == len(allowed)-2 {
			about += " or " + form
		} else {
			about += ", " + form
		}
	}
	cmd.Flags().StringVarP(output, "output", "o", allowed[0], about)
	complete(cmd, "output", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return allowed, cobra.ShellCompDirectiveNoFileComp
	})
}

// complete has the shell ask for the values of a flag.
func complete(cmd *cobra.Command, flag string, values cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, values); err != nil {
		panic(err) // the flag does not exist, or was completed already
	}
}

// encode writes a value as JSON or YAML.
func encode(out io.Writer, v any, form string) error {
	if form == "json" {
		return writeJSON(out, v)
	}
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode as YAML: %w", err)
	}
	_, err = out.Write(text)
	return err
}

func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
