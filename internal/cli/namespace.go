package cli

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"fsm/internal/install"
)

func namespaceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "namespace",
		Aliases: []string{"ns"},
		Short:   "Say which namespaces belong to a mesh",
		Args:    usage(noSuchCommand),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(namespaceAddCommand(), namespaceRemoveCommand(), namespaceIgnoreCommand(), namespaceListCommand())
	return cmd
}

func namespaceAddCommand() *cobra.Command {
	var without bool
	return memberCommand(&cobra.Command{
		Use:   "add NAMESPACE...",
		Short: "Add namespaces to a mesh",
		Long: `Labels namespaces with flomesh.io/monitored-by, and annotates them with
flomesh.io/sidecar-injection. Namespaces of Kubernetes itself, of control planes, and
those that are to be ignored are refused; then none of the others is added either.`,
		Example: `  fsm namespace add bookstore bookbuyer`,
		Args:    usage(cobra.MinimumNArgs(1)),
	}, func(ctx context.Context, cluster *install.Cluster, m install.Membership) error {
		m.Injection = !without
		return cluster.AddNamespaces(ctx, m)
	}, func(cmd *cobra.Command) {
		cmd.Flags().BoolVar(&without, "disable-sidecar-injection", false, "give pods no sidecars")
	})
}

func namespaceRemoveCommand() *cobra.Command {
	return memberCommand(&cobra.Command{
		Use:   "remove NAMESPACE...",
		Short: "Remove namespaces from a mesh",
		Long:  `Takes the label and the annotation away again.`,
		Args:  usage(cobra.MinimumNArgs(1)),
	}, func(ctx context.Context, cluster *install.Cluster, m install.Membership) error {
		return cluster.RemoveNamespaces(ctx, m)
	}, nil)
}

func namespaceIgnoreCommand() *cobra.Command {
	return memberCommand(&cobra.Command{
		Use:   "ignore NAMESPACE...",
		Short: "Keep namespaces out of every mesh",
		Long:  `Labels namespaces with flomesh.io/ignore, and removes them from their mesh.`,
		Args:  usage(cobra.MinimumNArgs(1)),
	}, func(ctx context.Context, cluster *install.Cluster, m install.Membership) error {
		return cluster.IgnoreNamespaces(ctx, m)
	}, nil)
}

// memberCommand completes a command that changes what namespaces belong to.
func memberCommand(cmd *cobra.Command, change func(context.Context, *install.Cluster, install.Membership) error, flags func(*cobra.Command)) *cobra.Command {
	c := &clusterFlags{}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cluster, err := c.open(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		return change(cmd.Context(), cluster, install.Membership{Mesh: c.mesh, Namespaces: args, Say: lines(cmd.OutOrStdout())})
	}
	c.bindAccess(cmd)
	c.bindMesh(cmd)
	if flags != nil {
		flags(cmd)
	}
	return cmd
}

func namespaceListCommand() *cobra.Command {
	c := &clusterFlags{}
	cmd := listing[install.Namespace]{
		list: func(ctx context.Context, cluster *install.Cluster) ([]install.Namespace, error) {
			return cluster.Namespaces(ctx, c.mesh)
		},
		none:   "No namespace belongs to a mesh.",
		header: "NAMESPACE\tMESH\tSIDECAR-INJECTION",
		row: func(n install.Namespace) string {
			return strings.Join([]string{n.Name, n.Mesh, cmp.Or(n.Injection, "-")}, "\t")
		},
	}.complete(&cobra.Command{Use: "list", Short: "List the namespaces that belong to meshes"}, c)
	c.bindAccess(cmd)
	cmd.Flags().StringVar(&c.mesh, "mesh-name", "", "name of a mesh; all if not given")
	return cmd
}
