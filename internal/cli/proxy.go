package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"fsm/internal/inspect"
)

func proxyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "proxy",
		Short: "Ask the proxies of a cluster",
		Args:  usage(noSuchCommand),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(proxyGetCommand())
	return cmd
}

// queries are the paths of a proxy's admin interface that only tell something.
var queries = []cobra.Completion{
	cobra.CompletionWithDesc("config_dump", "what is in force"),
	cobra.CompletionWithDesc("listeners", "sockets"),
	cobra.CompletionWithDesc("clusters", "backends, endpoints and connections"),
	cobra.CompletionWithDesc("certs", "certificates and when they end"),
	cobra.CompletionWithDesc("stats", "figures"),
	cobra.CompletionWithDesc("metrics", "figures in Prometheus form"),
	cobra.CompletionWithDesc("ready", "whether it is ready"),
	cobra.CompletionWithDesc("logging", "the log level"),
}

// question is "fsm proxy get".
type question struct {
	clusterFlags
	// podNamespace is that of the pod, and file where the answer goes.
	podNamespace, file string
}

func proxyGetCommand() *cobra.Command {
	q := &question{}
	cmd := &cobra.Command{
		Use:   "get QUERY POD",
		Short: "Print what a proxy answers to a query",
		Long: `Asks the admin interface of a proxy, and prints the answer. Queries are
config_dump, listeners, clusters, certs, stats, metrics, ready and logging; docs/proxy.md
says what each of them is. A query may have parameters, as in config_dump?format=text.

The interface listens on the loopback interface of the pod. The way there is a tunnel
through the API server, for which you need the right to create pods/portforward.`,
		Example: `  fsm proxy get config_dump fsm-gateway-fsm-system-745ddc856b-v64ql -n fsm-system
  fsm proxy get 'config_dump?format=text' fsm-gateway-fsm-system-745ddc856b-v64ql -n fsm-system
  fsm proxy get stats fsm-gateway-httpbin-867768f76c-69s6x -n httpbin -f stats.txt`,
		Args:              usage(cobra.ExactArgs(2)),
		ValidArgsFunction: q.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			return q.ask(cmd.Context(), args[0], args[1], cmd.OutOrStdout())
		},
	}
	q.bindAccess(cmd)
	f := cmd.Flags()
	f.StringVarP(&q.podNamespace, "namespace", "n", "default", "namespace of the pod")
	f.StringVarP(&q.file, "file", "f", "", "file to write to, in place of standard output")
	ignorePort(cmd)
	return cmd
}

// ignorePort accepts the flag with which users of FSM 1.2 chose a local port.
func ignorePort(cmd *cobra.Command) {
	cmd.Flags().Uint16P("local-port", "p", 0, "no local port is opened")
	flag := cmd.Flags().Lookup("local-port")
	flag.Hidden = true
}

func (q *question) ask(ctx context.Context, query, pod string, out io.Writer) error {
	cluster, err := q.inspect()
	if err != nil {
		return err
	}
	asked := inspect.Pod{Namespace: q.podNamespace, Name: pod, Port: inspect.ProxyPort}
	answer, err := cluster.Get(ctx, asked, query)
	if err != nil {
		return err
	}
	defer answer.Close()
	if q.file != "" && answer.Status == http.StatusOK {
		return writeFile(q.file, answer)
	}
	if _, err := io.Copy(out, answer); err != nil {
		return fmt.Errorf("read what %s says: %w", asked, err)
	}
	switch answer.Status {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return fmt.Errorf("%s does not know the query %q", asked, query)
	}
	return fmt.Errorf("%s answers %s with status %d", asked, query, answer.Status)
}

func writeFile(path string, from io.Reader) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, from); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// complete offers queries, and then the pods of proxies.
func (q *question) complete(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return queries, cobra.ShellCompDirectiveNoFileComp
	case 1:
		return q.pods(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// pods are what a shell is offered, as long as it does not take long.
func (q *question) pods(ctx context.Context) []cobra.Completion {
	cluster, err := q.inspect()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, remoteTime)
	defer cancel()
	names, err := cluster.ProxyPods(ctx, q.podNamespace)
	if err != nil {
		return nil // who asked will see when giving the command
	}
	return names
}
