package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"fsm/internal/inspect"
	"fsm/internal/install"
)

// clusterFlags say which cluster and which mesh in it a command is about.
type clusterFlags struct {
	kubeconfig, context string
	mesh, namespace     string
	verbose             bool
}

// bind makes the flags of commands that use Helm; named tells whether they are about
// a mesh that has a name.
func (c *clusterFlags) bind(cmd *cobra.Command, named bool) {
	c.bindAccess(cmd)
	cmd.Flags().BoolVar(&c.verbose, "verbose", false, "print what Helm does")
	if named {
		c.bindNamespace(cmd)
		c.bindMesh(cmd)
	}
}

func (c *clusterFlags) bindAccess(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.kubeconfig, "kubeconfig", "", "file that says how to reach the cluster; what KUBECONFIG names if not given")
	f.StringVar(&c.context, "context", "", "name of the context in it")
}

func (c *clusterFlags) bindNamespace(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.namespace, namespaceFlag, "fsm-system", "namespace of the control plane")
}

func (c *clusterFlags) bindMesh(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.mesh, "mesh-name", "fsm", "name of the mesh")
}

// access is how to reach the cluster.
func (c *clusterFlags) access() install.Access {
	return install.Access{Kubeconfig: c.kubeconfig, Context: c.context}
}

// open is for commands that change what is installed, or look at it.
func (c *clusterFlags) open(errs io.Writer) (*install.Cluster, error) {
	access := c.access()
	if c.verbose {
		access.Log = slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return install.Open(access)
}

// inspect is for commands that ask what runs.
func (c *clusterFlags) inspect() (*inspect.Cluster, error) {
	config, err := c.access().Config()
	if err != nil {
		return nil, err
	}
	return inspect.New(config)
}

// chartFlags are those of the commands that install something.
type chartFlags struct {
	clusterFlags
	chart       string
	sets, files []string
	timeout     time.Duration
	atomic, dry bool
}

func (c *chartFlags) bind(cmd *cobra.Command) {
	c.clusterFlags.bind(cmd, true)
	f := cmd.Flags()
	f.StringVar(&c.chart, "fsm-chart-path", "", "chart to install in place of the one that is built in; a directory or an archive")
	f.StringArrayVar(&c.sets, "set", nil, "value for the chart, KEY=VALUE; a list is {a,b} or [a,b]")
	f.StringArrayVarP(&c.files, "values", "f", nil, "file with values for the chart")
	f.DurationVar(&c.timeout, "timeout", 5*time.Minute, "time for everything, until the control plane runs")
	f.BoolVar(&c.atomic, "atomic", false, "take everything back if it does not succeed")
	f.BoolVar(&c.dry, "dry-run", false, "print the objects and change nothing")
}

// options for the installation; out is told how far it is.
func (c *chartFlags) options(out io.Writer) (install.Options, error) {
	values, err := install.Values(c.files, c.sets)
	if err != nil {
		return install.Options{}, err
	}
	return install.Options{
		Mesh: c.mesh, Namespace: c.namespace, ChartPath: c.chart, Version: Version, Values: values,
		Timeout: c.timeout, Atomic: c.atomic, Say: lines(out),
	}, nil
}

// lines prints a line whenever it is called.
func lines(out io.Writer) func(string) {
	return func(line string) { fmt.Fprintln(out, line) }
}

// render prints what would be installed.
func render(ctx context.Context, out io.Writer, o install.Options) error {
	text, err := install.Render(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprint(out, text)
	return nil
}
