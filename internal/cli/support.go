package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/inspect"
)

func supportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "support",
		Short: "Find out what is wrong, and report it",
		Args:  usage(noSuchCommand),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(errorInfoCommand(), bugReportCommand())
	return cmd
}

// bugReport is "fsm support bug-report".
type bugReport struct {
	clusterFlags
	inspect.Collection
	pods, deployments []string
	file              string
}

func bugReportCommand() *cobra.Command {
	b := &bugReport{}
	cmd := &cobra.Command{
		Use:   "bug-report",
		Short: "Collect what is needed to find a mistake",
		Long: `Writes a zip file with the objects of FSM and of the Gateway API, the pods, events and
logs of the control plane and of proxies, and what proxies have. With --app-namespaces,
--app-deployments, --app-pods or --all it has pods and logs of applications too.

No Secret is read. Private keys, tokens, passwords and the like are replaced by
"[redacted]" wherever they stand; look yourself before you give the file away. What
could not be collected is said in the file, and the rest is there all the same.`,
		Example: `  fsm support bug-report
  fsm support bug-report --app-namespaces bookstore,bookbuyer -o report.zip`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.check(); err != nil {
				return err
			}
			return b.write(cmd.Context(), cmd.OutOrStdout())
		},
	}
	b.bindAccess(cmd)
	b.bindNamespace(cmd)
	f := cmd.Flags()
	f.BoolVar(&b.All, "all", false, "pods and logs of all namespaces")
	f.StringSliceVar(&b.Namespaces, "app-namespaces", nil, "namespaces whose pods and logs to add")
	f.StringSliceVar(&b.deployments, "app-deployments", nil, "Deployments whose pods and logs to add, NAMESPACE/NAME")
	f.StringSliceVar(&b.pods, "app-pods", nil, "pods to add, with their logs, NAMESPACE/NAME")
	f.StringVarP(&b.file, "out-file", "o", "", "file to write, which must not exist; fsm-bug-report-TIME.zip if not given")
	return cmd
}

func (b *bugReport) check() (err error) {
	if b.file != "" && !strings.HasSuffix(b.file, ".zip") {
		return usagef("--out-file %q: want a name that ends in .zip", b.file)
	}
	if b.Pods, err = objectNames("app-pods", b.pods); err != nil {
		return err
	}
	b.Deployments, err = objectNames("app-deployments", b.deployments)
	return err
}

// objectNames reads names with their namespaces.
func objectNames(flag string, texts []string) (names []types.NamespacedName, err error) {
	for _, text := range texts {
		namespace, name, ok := strings.Cut(text, "/")
		if !ok || namespace == "" || name == "" {
			return nil, usagef("--%s %q: want NAMESPACE/NAME", flag, text)
		}
		names = append(names, types.NamespacedName{Namespace: namespace, Name: name})
	}
	return names, nil
}

func (b *bugReport) write(ctx context.Context, out io.Writer) (err error) {
	cluster, err := b.inspect()
	if err != nil {
		return err
	}
	if b.file == "" {
		b.file = "fsm-bug-report-" + time.Now().UTC().Format("20060102-150405") + ".zip"
	}
	f, err := os.OpenFile(b.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(b.file)
		}
	}()
	b.Control, b.Version, b.Say = b.namespace, buildVersion(), lines(out)
	problems, err := cluster.Collect(ctx, f, b.Collection)
	if err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	if problems > 0 {
		fmt.Fprintf(out, "%d things could not be collected; problems.txt in the report says which\n", problems)
	}
	fmt.Fprintf(out, "The report is %s\n", b.file)
	return nil
}
