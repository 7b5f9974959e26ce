package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func installCommand() *cobra.Command {
	c := &chartFlags{}
	var single bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install FSM in a Kubernetes cluster",
		Long: `Installs the control plane, and waits until it runs. It is a Helm release with the
name of the mesh, from the chart that is built in.

The definitions of the Gateway API (experimental channel) are installed where they
are absent or older. Newer ones are never replaced; fsm.gatewayAPI.install=false
leaves them alone altogether.`,
		Example: `  fsm install --set=fsm.fsmGateway.enabled=true
  fsm install --mesh-name edge --fsm-namespace edge-system --timeout=900s -f values.yaml`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("enforce-single-mesh") {
				c.sets = append(c.sets, fmt.Sprintf("fsm.enforceSingleMesh=%v", single))
			}
			o, err := c.options(cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if c.dry {
				return render(cmd.Context(), cmd.OutOrStdout(), o)
			}
			cluster, err := c.open(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := cluster.Install(cmd.Context(), o); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "FSM installed successfully in namespace [%s] with mesh name [%s]\n", c.namespace, c.mesh)
			return nil
		},
	}
	c.bind(cmd)
	cmd.Flags().BoolVar(&single, "enforce-single-mesh", true, "accept no other mesh in the cluster")
	return cmd
}

// upgradeCommand is "fsm mesh upgrade", and "fsm upgrade".
func upgradeCommand() *cobra.Command {
	c := &chartFlags{}
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Change FSM in a cluster to this version and to other values",
		Long: `Upgrades the control plane to the chart of this version, and waits until it runs.
Values that were given before stay, those that are given now come on top. Proxies
serve what they have meanwhile.`,
		Example: `  fsm upgrade --set=fsm.fsmGateway.enabled=true`,
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := c.options(cmd.OutOrStdout())
			if err != nil {
				return err
			}
			cluster, err := c.open(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if c.dry {
				if o, err = cluster.Changed(o); err != nil {
					return err
				}
				return render(cmd.Context(), cmd.OutOrStdout(), o)
			}
			if err := cluster.Upgrade(cmd.Context(), o); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "FSM successfully upgraded mesh [%s] in namespace [%s]\n", c.mesh, c.namespace)
			return nil
		},
	}
	c.bind(cmd)
	return cmd
}
