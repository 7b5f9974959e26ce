package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fsm/internal/install"
)

// componentFlags are those of the commands that switch something on or off.
type componentFlags struct {
	clusterFlags
	timeout time.Duration
}

func (c *componentFlags) bind(cmd *cobra.Command) {
	c.clusterFlags.bind(cmd, true)
	cmd.Flags().DurationVar(&c.timeout, "timeout", 5*time.Minute, "time for everything, until the control plane runs")
}

// component is a command group with "enable" and "disable".
type component struct {
	install.Component
	// settings, if it is not nil, makes the flags of "enable" besides those that all have.
	// What it returns adds what they say.
	settings     func(*cobra.Command) func(install.Component) (install.Component, error)
	use, title   string
	alias        []string
	short        string
	enable, sure string
	disable      string
	// gone says, if it is not nil, what is left without the component.
	gone func(ctx context.Context, cluster *install.Cluster, out io.Writer) error
}

func (c *component) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:     c.use,
		Aliases: c.alias,
		Short:   c.short,
		Args:    usage(noSuchCommand),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.switchCommand(true), c.switchCommand(false))
	return cmd
}

func (c *component) switchCommand(on bool) *cobra.Command {
	f := &componentFlags{}
	configured := func(c install.Component) (install.Component, error) { return c, nil }
	use, short, long := "enable", "Switch "+c.title+" on", c.enable
	if !on {
		use, short, long = "disable", "Switch "+c.title+" off", c.disable
	}
	cmd := &cobra.Command{
		Use: use, Short: short, Args: usage(cobra.NoArgs),
		Long: long + `

Other values and the version of the control plane stay as they are. The mesh configuration
says the same afterwards.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			what, err := configured(c.Component)
			if err != nil {
				return err
			}
			cluster, err := f.open(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			err = cluster.Switch(ctx, what, on, install.Options{Mesh: f.mesh, Namespace: f.namespace, Timeout: f.timeout, Say: lines(out)})
			if err != nil {
				return err
			}
			if !on && c.gone != nil {
				if err := c.gone(ctx, cluster, out); err != nil {
					return err
				}
			}
			fmt.Fprintf(out, "%s is %sd in mesh [%s] successfully\n", c.sure, use, f.mesh)
			return nil
		},
	}
	f.bind(cmd)
	if on && c.settings != nil {
		configured = c.settings(cmd)
	}
	return cmd
}

func gatewayCommand() *cobra.Command {
	c := &component{
		Component: install.Gateway, use: "gateway", alias: []string{"gw"}, title: "Gateways of the Gateway API", sure: "Gateway",
		short:  "Switch Gateways of the Gateway API on and off",
		enable: `Has the control plane serve Gateways of the classes fsm-gateway-cls and fsm.`,
		disable: `Has the control plane serve no Gateways any longer, and takes its rights for that away.
Gateways and their proxies stay, and serve what they have; delete the Gateways first
to be rid of them.`,
		gone: sayGateways,
	}
	return c.command()
}

// sayGateways names the Gateways that nobody looks after any longer.
func sayGateways(ctx context.Context, cluster *install.Cluster, out io.Writer) error {
	names, err := cluster.Gateways(ctx)
	if err != nil || len(names) == 0 {
		return err
	}
	fmt.Fprintf(out, "Gateways that are left as they are: %s\n", strings.Join(names, ", "))
	return nil
}

func serviceLBCommand() *cobra.Command {
	c := &component{
		Component: install.ServiceLB, use: "servicelb", alias: []string{"slb"}, title: "load balancing on nodes", sure: "Service load balancer",
		short: "Switch load balancing for Services on and off, for clusters that have none",
		enable: `Has Services of type LoadBalancer served on the addresses of nodes. It is for clusters
that nobody else gives load balancers to.`,
		disable: `Takes the addresses of nodes back from Services of type LoadBalancer, and leaves them to
others again.`,
	}
	return c.command()
}
