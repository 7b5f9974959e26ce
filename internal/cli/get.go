package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

func getCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get",
		Short: "List objects with what has become of them",
		Args:  usage(noSuchCommand),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(getPoliciesCommand())
	return cmd
}

func getPoliciesCommand() *cobra.Command {
	in := &input{}
	var output, namespace string
	cmd := &cobra.Command{
		Use:   "policies [-f FILE|DIR]",
		Short: "List policies, what they are attached to, and which of them act",
		Long: `Lists the policies in the files, or in the cluster if there are none: what each is
attached to, whether it acts, and if not, why: another policy takes precedence, its target
is not there, a value cannot be used. Nothing is changed.`,
		Example: `  fsm get policies -f .
  fsm get policies --namespace shop -o json`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := in.loadFor(cmd, output)
			if err != nil {
				return err
			}
			_, r := translate.Translate(s.set, s.config)
			rows := policyRows(r, namespace)
			if output == "json" {
				return writeJSON(cmd.OutOrStdout(), rows)
			}
			return writePolicies(cmd.OutOrStdout(), rows)
		},
	}
	in.flagsForBoth(cmd)
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "namespace of the policies; all if not given")
	outputFlag(cmd, &output, "text", "json")
	return cmd
}

// policyRow is a policy with one of the things that it is attached to.
type policyRow struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Target    string `json:"target"`
	// State is "Accepted", the reason for which the policy does not act, or "Unused".
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
}

// policyRows are those of a namespace, or of all.
func policyRows(r *report.Report, namespace string) []policyRow {
	rows := []policyRow{}
	for key, targets := range r.Targets {
		if namespace != "" && key.Namespace != namespace {
			continue
		}
		state, message := policyState(key, r)
		for _, target := range targets {
			rows = append(rows, policyRow{
				Kind: key.Kind, Namespace: key.Namespace, Name: key.Name,
				Target: target.String(), State: state, Message: message,
			})
		}
	}
	slices.SortFunc(rows, func(a, b policyRow) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Target, b.Target))
	})
	return rows
}

// policyState sums up the conditions of a policy. One that counts for some ancestors
// and not for others is shown as it is for the first that it does not count for.
func policyState(key resource.Key, r *report.Report) (state, message string) {
	var conditions []metav1.Condition
	if s := r.Attachments[key]; s != nil {
		conditions = s.Conditions
	}
	if s := r.Policies[key]; s != nil {
		for _, ancestor := range s.Ancestors {
			conditions = append(conditions, ancestor.Conditions...)
		}
	}
	messages := slices.Clone(r.Warnings[key])
	state = "Unused"
	for _, c := range conditions {
		if c.Type != string(gatewayv1.PolicyConditionAccepted) {
			continue
		}
		if c.Status == metav1.ConditionTrue && state == "Unused" || c.Status != metav1.ConditionTrue {
			state = c.Reason
		}
		if c.Message != "" && !slices.Contains(messages, c.Message) {
			messages = append(messages, c.Message)
		}
	}
	return state, strings.Join(messages, "; ")
}

func writePolicies(out io.Writer, rows []policyRow) error {
	if len(rows) == 0 {
		fmt.Fprintln(out, "there are no policies")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAMESPACE\tPOLICY\tTARGET\tSTATE\tMESSAGE")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s/%s\t%s\t%s\t%s\n", r.Namespace, r.Kind, r.Name, r.Target, r.State, r.Message)
	}
	return w.Flush()
}
