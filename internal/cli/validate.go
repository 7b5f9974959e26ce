package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

func validateCommand() *cobra.Command {
	in := &input{}
	var output string
	cmd := &cobra.Command{
		Use:   "validate [-f FILE|DIR]",
		Short: "Say what is wrong with files, or with a cluster",
		Long: `Prints the conditions of each object in the files, as Kubernetes would show them,
and warnings. Without files it is about the objects of the cluster. Nothing is served,
no address is used, and nothing is changed.

The exit code is 1 when an object is not accepted. Warnings, and references that do
not resolve, are printed and leave it at 0: a backend may be on its way.`,
		Example: `  fsm validate -f gateway.yaml -f routes/
  helm template my-chart | fsm validate -f -`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := in.loadFor(cmd, output)
			if err != nil {
				return err
			}
			mesh, r := translate.Translate(s.set, s.config)
			var conflicts []ir.Failure
			for _, node := range s.nodes(mesh) {
				conflicts = append(conflicts, project.Project(mesh, node).Conflicts...)
			}
			return writeVerdict(cmd.OutOrStdout(), r.Apply(conflicts), output)
		},
	}
	in.flagsForBoth(cmd)
	outputFlag(cmd, &output, "text", "json")
	return cmd
}

// verdict is what the validate command says about an object in JSON.
type verdict struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Accepted  bool   `json:"accepted"`
	// Status is that of the Gateway API for the kind.
	Status   any       `json:"status,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
	Problems []problem `json:"problems,omitempty"`
}

// problem is something wrong with the text of an object.
type problem struct {
	Source  string `json:"source,omitempty"`
	Refused bool   `json:"refused"`
	Message string `json:"message"`
}

// writeVerdict prints a report. The error says that not everything is accepted.
func writeVerdict(out io.Writer, r *report.Report, output string) error {
	rejected := 0
	verdicts := []verdict{}
	for _, e := range r.Entries() {
		if !e.Accepted {
			rejected++
		}
		if output == "text" {
			fmt.Fprint(out, e.Text)
			continue
		}
		verdicts = append(verdicts, verdictOn(e, r))
	}
	if output == "json" {
		if err := writeJSON(out, map[string]any{"accepted": rejected == 0, "objects": verdicts}); err != nil {
			return err
		}
	}
	switch rejected {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("1 object is not accepted")
	}
	return fmt.Errorf("%d objects are not accepted", rejected)
}

func verdictOn(e report.Entry, r *report.Report) verdict {
	v := verdict{
		Group: e.Key.Group, Kind: e.Key.Kind, Namespace: e.Key.Namespace, Name: e.Key.Name,
		Accepted: e.Accepted, Status: statusOf(e.Key, r), Warnings: r.Warnings[e.Key],
	}
	for _, p := range r.Problems {
		if p.Key == e.Key {
			v.Problems = append(v.Problems, problem{p.Source, p.Refused, p.Message})
		}
	}
	return v
}

// statusOf is the status of an object, whatever its kind; nil if it has none.
func statusOf(key resource.Key, r *report.Report) any {
	if s := r.Classes[key]; s != nil {
		return s
	}
	if s := r.Gateways[key]; s != nil {
		return s
	}
	if s := r.ListenerSets[key]; s != nil {
		return s
	}
	if s := r.Ingresses[key]; s != nil {
		return s
	}
	if s := r.Routes[key]; s != nil {
		return s
	}
	if s := r.Policies[key]; s != nil {
		return s
	}
	if s := r.Attachments[key]; s != nil {
		return s
	}
	return nil
}
