package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"fsm/internal/install"
)

func uninstallCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Remove FSM from a cluster",
		Args:  usage(noSuchCommand),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(uninstallMeshCommand())
	return cmd
}

// removal are the flags of "fsm uninstall mesh".
type removal struct {
	clusterFlags
	force, wide, deleteNamespace bool
	secret                       string
}

func uninstallMeshCommand() *cobra.Command {
	r := &removal{}
	cmd := &cobra.Command{
		Use:     "mesh",
		Aliases: []string{"delete", "del"},
		Short:   "Remove the control plane of a mesh",
		Long: `Removes what "fsm install" installed. Without -f it shows the meshes of the cluster
and asks. A mesh that is not there is fine.

The definitions of the Gateway API stay, because with them would go the Gateways
and routes of everybody. Proxies of Gateways stay too, and serve what they have;
delete the Gateways to be rid of them.`,
		Example: `  fsm uninstall mesh -f --delete-namespace`,
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.run(cmd) },
	}
	r.bind(cmd, true)
	f := cmd.Flags()
	f.BoolVarP(&r.force, "force", "f", false, "do not ask")
	f.BoolVarP(&r.wide, "delete-cluster-wide-resources", "a", false, "delete the Secret of the certificate authority and the definitions of FSM as well")
	f.BoolVar(&r.deleteNamespace, "delete-namespace", false, "delete the namespace of the control plane as well")
	ignorePort(cmd)
	f.StringVar(&r.secret, "ca-bundle-secret-name", "fsm-ca-bundle", "Secret of the certificate authority")
	return cmd
}

func (r *removal) run(cmd *cobra.Command) error {
	cluster, err := r.open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if !r.force {
		sure, err := r.ask(cmd.Context(), cluster, cmd.InOrStdin(), cmd.OutOrStdout())
		if err != nil || !sure {
			return err
		}
	}
	what := install.Removal{Mesh: r.mesh, Namespace: r.namespace, DeleteNamespace: r.deleteNamespace, Say: lines(cmd.OutOrStdout())}
	if r.wide {
		what.AuthoritySecret, what.Definitions = r.secret, true
	}
	return cluster.Uninstall(cmd.Context(), what)
}

// ask shows the meshes and asks whether to go on.
func (r *removal) ask(ctx context.Context, cluster *install.Cluster, in io.Reader, out io.Writer) (bool, error) {
	meshes, err := cluster.Meshes(ctx)
	if err != nil {
		return false, err
	}
	if err := meshList.write(out, meshes, "text"); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "\nUninstall mesh %s in namespace %s? [y/n]: ", r.mesh, r.namespace)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	case "n", "no":
		return false, nil
	}
	return false, errors.New("neither y nor n: nothing is changed; -f does not ask")
}
