package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"fsm/internal/migrate"
	"fsm/internal/resource"
	"fsm/internal/source/file"
)

func migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Write the objects of others as objects of the Gateway API",
		Args:  usage(noSuchCommand),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(migrateNGINXCommand())
	return cmd
}

// migration is what 'fsm migrate ingress-nginx' is to do.
type migration struct {
	clusterFlags
	paths   []string
	live    bool
	gateway string
	options migrate.Options
}

func migrateNGINXCommand() *cobra.Command {
	m := &migration{}
	cmd := &cobra.Command{
		Use:   "ingress-nginx {-f FILE|DIR | --live}",
		Short: "Write Ingresses of ingress-nginx as objects of the Gateway API",
		Long: `Prints Gateways, routes and policies that do what the Ingresses do. Nothing is changed,
neither in files nor in the cluster. On standard error is a table of what is lost, what
differs, and what is assumed since it was not read. Snippets are never read.

Converted are Ingresses of class nginx, those whose IngressClass is of ingress-nginx, and
those without a class where that is the default. A request that would go elsewhere than
before, or past what protected it, is answered with 500.

The exit code is 1 when something is lost.`,
		Example: `  fsm migrate ingress-nginx -f ingresses/ > gateway.yaml
  fsm migrate ingress-nginx --live --gateway infra/public > gateway.yaml`,
		Args: usage(cobra.NoArgs),
		RunE: m.run,
	}
	m.bindAccess(cmd)
	f := cmd.Flags()
	f.StringArrayVarP(&m.paths, "filename", "f", nil, `file or directory of YAML or JSON; may be given several times; "-" for standard input`)
	f.BoolVar(&m.live, "live", false, "read the Ingresses of the cluster")
	f.StringSliceVar(&m.options.Classes, "ingress-class", nil, "class of the Ingresses to convert, in place of those of ingress-nginx; may be given several times")
	f.StringVar(&m.gateway, "gateway", "", "NAMESPACE/NAME of the Gateway to write")
	f.Int32Var(&m.options.HTTP, "http-port", 80, "port of the Gateway without TLS")
	f.Int32Var(&m.options.HTTPS, "https-port", 443, "port of the Gateway with TLS")
	return cmd
}

func (m *migration) run(cmd *cobra.Command, _ []string) error {
	if m.live == (len(m.paths) > 0) {
		return usagef("say what to convert: files with -f FILE or -f DIRECTORY, or the cluster with --live")
	}
	if m.gateway != "" {
		name := gatewayName(m.gateway)
		m.options.Gateway.Namespace, m.options.Gateway.Name, _ = strings.Cut(string(name), "/")
	}
	set, err := m.load(cmd)
	if err != nil {
		return err
	}
	result, err := migrate.Convert(set, m.options)
	if err != nil && !errors.Is(err, migrate.ErrNone) {
		return fmt.Errorf("convert: %w", err)
	}
	if writeErr := result.WriteFindings(cmd.ErrOrStderr()); writeErr != nil || err != nil {
		return errors.Join(err, writeErr)
	}
	if err := result.WriteYAML(cmd.OutOrStdout()); err != nil {
		return err
	}
	if result.Lossy() {
		return errors.New("something that the Ingresses ask for is lost; see above")
	}
	return nil
}

func (m *migration) load(cmd *cobra.Command) (*resource.Set, error) {
	if !m.live {
		set, _, err := file.Locate(m.paths, cmd.InOrStdin())
		return set, err
	}
	in := &input{clusterFlags: m.clusterFlags}
	s, err := in.loadCluster(cmd.Context())
	if err != nil {
		return nil, err
	}
	return s.set, nil
}
