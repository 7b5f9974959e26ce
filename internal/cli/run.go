package cli

import (
	"time"

	"github.com/spf13/cobra"

	"fsm/internal/proxy"
	"fsm/internal/proxy/process"
	"fsm/internal/source/file"
	"fsm/internal/translate/report"
)

func runCommand() *cobra.Command {
	in := &input{}
	log := &logging{level: "info"}
	options := standaloneProcess()
	cmd := &cobra.Command{
		Use:   "run -f FILE|DIR",
		Short: "Serve the Gateways that files declare",
		Long: `Serves the Gateways, routes and backends that files declare, until it is
interrupted. Edits of the files apply at once, and no connection is closed for them.

What there is to say about each object is printed at the start, and again when it
changes: its conditions as Kubernetes would show them, and warnings. An object that
breaks a rule does not hold up the others; its last good version stays in force.

A Gateway listens on its spec.addresses, or else on the addresses of --bind.`,
		Example: `  fsm run -f gateway.yaml -f routes/
  fsm run -f . --bind 0.0.0.0 --access-log -`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := in.check(); err != nil {
				return err
			}
			if err := log.apply(&options, cmd.ErrOrStderr()); err != nil {
				return err
			}
			source, err := file.Open(in.paths)
			if err != nil {
				return err
			}
			options.Stdout = cmd.OutOrStdout()
			options.Ready = announceAdmin(cmd.OutOrStdout())
			a := &announcer{out: cmd.OutOrStdout()}
			s := &serving{source: source, config: in.standalone(), node: in.node(), process: options, applied: func(p *proxy.Proxy, r *report.Report) error {
				a.announce(r, listening(p))
				return nil
			}}
			return s.run(cmd.Context())
		},
	}
	in.flags(cmd, false)
	options.Bind(cmd.Flags())
	log.flags(cmd)
	return cmd
}

// standaloneProcess are the process options of a gateway that somebody watches:
// no load balancer has to notice its end first.
func standaloneProcess() process.Options {
	o := process.Defaults()
	o.DrainNotice, o.DrainTimeout = 0, 10*time.Second
	return o
}
