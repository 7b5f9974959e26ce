package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/spf13/cobra"

	"fsm/internal/proxy"
	"fsm/internal/proxy/process"
	"fsm/internal/translate/report"
)

func demoCommand() *cobra.Command {
	d := &demo{options: standaloneProcess()}
	log := &logging{level: "warn"}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve an example with its backends, and print what to try",
		Long: `Serves the manifests of examples/quickstart: a Gateway, some routes, and backends
that this command starts, of which one speaks gRPC. It prints curl lines to try,
with what they answer, and goes on until it is interrupted.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.in.checkBind(); err != nil {
				return err
			}
			if err := log.apply(&d.options, cmd.ErrOrStderr()); err != nil {
				return err
			}
			d.out = cmd.OutOrStdout()
			d.options.Stdout = cmd.OutOrStdout()
			return d.run(cmd.Context())
		},
	}
	d.in.bindFlag(cmd)
	cmd.Flags().Uint16Var(&d.port, "port", quickstartPort, "port to listen on")
	d.options.Bind(cmd.Flags())
	log.flags(cmd)
	return cmd
}

// demo is a gateway with its backends.
type demo struct {
	in      input
	port    uint16
	options process.Options
	out     io.Writer
}

func (d *demo) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	backends, err := startBackends(ctx)
	if err != nil {
		return err
	}
	defer backends.wait()
	defer stop()
	source, err := quickstart(quickstartPorts{gateway: d.port, backends: backends.ports})
	if err != nil {
		return err
	}
	admin := ""
	d.options.Ready = func(a net.Addr) { admin = a.String() }
	told := false
	s := &serving{source: source, config: d.in.standalone(), node: d.in.node(), process: d.options, applied: func(p *proxy.Proxy, r *report.Report) error {
		sockets := listening(p)
		if len(sockets) == 0 {
			return d.notListening(r)
		}
		if !told {
			told = true
			d.tell(sockets, admin)
		}
		return nil
	}}
	return s.run(ctx)
}

// notListening ends the demo: without its port there is nothing to try.
func (d *demo) notListening(r *report.Report) error {
	for _, g := range r.Gateways {
		for _, l := range g.Listeners {
			for _, c := range l.Conditions {
				if c.Type == "Programmed" && c.Message != "" {
					return fmt.Errorf("%s; choose another port with --port", c.Message)
				}
			}
		}
	}
	return errors.New("no listener can serve")
}

// tell prints what there is to try.
func (d *demo) tell(sockets []string, admin string) {
	for _, s := range sockets {
		fmt.Fprint(d.out, s)
	}
	if admin != "" {
		fmt.Fprintf(d.out, "admin interface on http://%s\n", admin)
	}
	fmt.Fprintf(d.out, "\nTry this from another terminal; Ctrl-C ends it.\n\n%s", tour(d.host(), d.port))
}

// host is where to ask.
func (d *demo) host() string {
	ip := netip.MustParseAddr(d.in.bind[0]) // checked before
	switch {
	case ip.IsUnspecified() && ip.Is6():
		return "::1"
	case ip.IsUnspecified():
		return quickstartHost
	}
	return ip.String()
}
