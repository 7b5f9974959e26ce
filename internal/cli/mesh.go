package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"fsm/internal/install"
)

func meshCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mesh",
		Short: "List and upgrade what is installed in a cluster",
		Args:  usage(noSuchCommand),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(meshListCommand(), upgradeCommand())
	return cmd
}

func meshListCommand() *cobra.Command {
	c := &clusterFlags{}
	cmd := meshList.complete(&cobra.Command{Use: "list", Short: "List the meshes of a cluster"}, c)
	c.bind(cmd, false)
	ignorePort(cmd)
	return cmd
}

// meshList shows meshes, wherever a command does.
var meshList = listing[install.Mesh]{
	list: func(ctx context.Context, cluster *install.Cluster) ([]install.Mesh, error) {
		return cluster.Meshes(ctx)
	},
	none:   "There is no mesh in the cluster.",
	header: "MESH NAME\tMESH NAMESPACE\tVERSION\tADDED NAMESPACES",
	row: func(m install.Mesh) string {
		return strings.Join([]string{m.Name, m.Namespace, m.Version, strings.Join(m.Members, ",")}, "\t")
	},
}

// listing is a command that lists things of one kind in a cluster.
type listing[T any] struct {
	list func(context.Context, *install.Cluster) ([]T, error)
	// none is said where there are none.
	none string
	// header of the columns, and the row of one thing, with tabs between them.
	header string
	row    func(T) string
}

// complete makes the command do it.
func (l listing[T]) complete(cmd *cobra.Command, c *clusterFlags) *cobra.Command {
	var output string
	cmd.Args = usage(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := oneOf("output", output, "text", "json", "yaml"); err != nil {
			return err
		}
		cluster, err := c.open(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		all, err := l.list(cmd.Context(), cluster)
		if err != nil {
			return err
		}
		return l.write(cmd.OutOrStdout(), all, output)
	}
	outputFlag(cmd, &output, "text", "json", "yaml")
	return cmd
}

// write prints what was listed.
func (l listing[T]) write(out io.Writer, all []T, output string) error {
	if output != "text" {
		return encode(out, append([]T{}, all...), output) // no null
	}
	if len(all) == 0 {
		fmt.Fprintln(out, l.none)
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, l.header)
	for _, one := range all {
		fmt.Fprintln(table, l.row(one))
	}
	return table.Flush()
}
