package cli

import (
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
	var output string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the meshes of a cluster",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("output", output, "text", "json", "yaml"); err != nil {
				return err
			}
			cluster, err := c.open(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			meshes, err := cluster.Meshes(cmd.Context())
			if err != nil {
				return err
			}
			return writeMeshes(cmd.OutOrStdout(), meshes, output)
		},
	}
	c.bind(cmd, false)
	ignorePort(cmd)
	outputFlag(cmd, &output, "text", "json", "yaml")
	return cmd
}

// writeMeshes prints meshes.
func writeMeshes(out io.Writer, meshes []install.Mesh, output string) error {
	if meshes == nil {
		meshes = []install.Mesh{} // no null
	}
	if output != "text" {
		return encode(out, meshes, output)
	}
	if len(meshes) == 0 {
		fmt.Fprintln(out, "There is no mesh in the cluster.")
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MESH NAME\tMESH NAMESPACE\tVERSION\tADDED NAMESPACES")
	for _, m := range meshes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.Name, m.Namespace, m.Version, strings.Join(m.Members, ","))
	}
	return table.Flush()
}
