package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Say whether traffic would get through",
		Args:  usage(noSuchCommand),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(verifyIngressCommand())
	return cmd
}

func verifyIngressCommand() *cobra.Command {
	in := &input{}
	cmd := &cobra.Command{
		Use:   "ingress [-f FILE|DIR]",
		Short: "Say which Ingresses are served, and what of them is not",
		Long: `Prints what there is to say about each Ingress of ours: its class and hosts,
whether its annotations are accepted and its references resolve, and warnings.
Without files it is about the objects of the cluster. Nothing is changed.

The exit code is 1 when some of their requests would fail for what it found, or
when there is no Ingress of ours at all.`,
		Example: `  fsm verify ingress -f ingress.yaml -f services.yaml`,
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := in.checkBind(); err != nil {
				return err
			}
			s, err := in.load(cmd.Context(), cmd.InOrStdin())
			if err != nil {
				return err
			}
			served := s.local != nil || s.config.Ingress.Enabled
			if !served { // what would come of them
				s.config.Ingress.Enabled, s.config.Ingress.HTTP.Enabled, s.config.Ingress.TLS.Enabled = true, true, true
			}
			_, r := translate.Translate(s.set, s.config)
			if err := writeIngresses(cmd.OutOrStdout(), r); err != nil || served {
				return err
			}
			return errors.New("no mesh of the cluster serves Ingresses; 'fsm ingress enable' has one do so")
		},
	}
	in.flagsForBoth(cmd)
	return cmd
}

// writeIngresses prints what a report says about Ingresses. The error says that
// not all is well.
func writeIngresses(out io.Writer, r *report.Report) error {
	total, failing := 0, 0
	for _, e := range r.Entries() {
		if e.Key.Kind != "Ingress" && e.Key.Kind != "IngressClass" {
			continue
		}
		fmt.Fprint(out, e.Text)
		status := r.Ingresses[e.Key]
		if status != nil {
			total++
		}
		if !e.Accepted || status != nil && slices.ContainsFunc(status.Conditions, isFalse) {
			failing++
		}
	}
	var err error
	switch {
	case failing > 0:
		err = fmt.Errorf("requests of %d of the Ingresses would fail", failing)
	case total == 0:
		err = fmt.Errorf("there is no Ingress of ours")
	}
	writeOutcome(out, "Verify that requests for Ingresses get through", err)
	return err
}

// writeOutcome prints how a verification went, as scripts look for it.
func writeOutcome(out io.Writer, context string, err error) {
	const line = "---------------------------------------------"
	status := "Success"
	if err != nil {
		status = "Failure"
	}
	fmt.Fprintf(out, "%s\n[+] Context: %s\nStatus: %s\n%s\n", line, context, status, line)
}

func isFalse(c metav1.Condition) bool { return c.Status == metav1.ConditionFalse }
