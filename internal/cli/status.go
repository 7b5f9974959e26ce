package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fsm/internal/inspect"
)

func statusCommand() *cobra.Command {
	c := &clusterFlags{}
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show each proxy of a cluster, and whether it has what it should have",
		Long: `Asks the control plane which proxies are connected and what they have:

  SYNCED        what it should have
  STALE         something older; the newest is on its way
  REJECTED      something older: it could not make sense of the newest
  DISCONNECTED  what it had last; no controller knows it

VERSION is that of its configuration. Resources that a proxy could not put to work,
such as a port that it could not open, stand below the table.

The way to the control plane is a tunnel through the API server, for which you need
the right to create pods/portforward in its namespace.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("output", output, "text", "json", "yaml"); err != nil {
				return err
			}
			cluster, err := c.inspect()
			if err != nil {
				return err
			}
			proxies, err := cluster.Proxies(cmd.Context(), c.namespace)
			if proxies == nil {
				return err
			}
			// The error is about some of the controllers.
			if writeErr := writeProxies(cmd.OutOrStdout(), proxies, output); writeErr != nil {
				return writeErr
			}
			return err
		},
	}
	c.bindAccess(cmd)
	c.bindNamespace(cmd)
	outputFlag(cmd, &output, "text", "json", "yaml")
	return cmd
}

// versionLength is how much of a version is shown in tables.
const versionLength = 12

func writeProxies(out io.Writer, proxies []inspect.Proxy, output string) error {
	if output != "text" {
		return encode(out, proxies, output)
	}
	if len(proxies) == 0 {
		fmt.Fprintln(out, "There is no proxy in the cluster.")
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAMESPACE\tGATEWAY\tPROXY\tVERSION\tREADY\tCONNECTIONS\tSTATE\tWHY")
	for _, p := range proxies {
		version := p.Version[:min(len(p.Version), versionLength)]
		if version == "" {
			version = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%v\t%d\t%s\t%s\n", p.Namespace, p.Gateway, p.Pod, version, p.Ready, p.Connections, p.State, p.Why)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, p := range proxies {
		for _, f := range p.Failures {
			fmt.Fprintf(out, "\n%s/%s: %s: %s: %s\n", p.Namespace, p.Pod, f.Resource, f.Reason, f.Message)
			for _, o := range f.Origins {
				fmt.Fprintf(out, "    because of %s\n", o)
			}
		}
	}
	return nil
}
