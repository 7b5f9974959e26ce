package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"fsm/internal/proxy/process"
)

// serviceLB forwards the ports of a host to a Service.
func serviceLB() *cobra.Command {
	o := process.Defaults()
	var forwards, sources []string
	var level slog.Level
	cmd := &cobra.Command{
		Use:     "servicelb --forward NETWORK/PORT=ADDRESS:PORT...",
		Short:   "Forward ports, each to one address, as the pods of a Service's load balancer do",
		Example: "  fsm-proxy servicelb --forward tcp/20000=10.96.1.2:80 --forward udp/20001=10.96.1.2:53",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			feed, err := process.Forward(forwards, sources)
			if err != nil {
				return err
			}
			return run(cmd, o, level, feed)
		},
	}
	cmd.Flags().StringArrayVar(&forwards, "forward", nil, "port to listen on, and where what arrives goes; may be repeated")
	cmd.Flags().StringSliceVar(&sources, "source", nil, "network that clients may be in, ADDRESS/BITS; may be repeated; all if not given")
	cmd.Flags().TextVar(&level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	o.Bind(cmd.Flags())
	cmd.MarkFlagsOneRequired("forward")
	return cmd
}
