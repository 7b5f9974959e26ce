package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"fsm/internal/proxy/process"
)

// gateway serves the listeners of Gateways.
func gateway() *cobra.Command {
	o := process.Defaults()
	var snapshot string
	var controller process.Controller
	var level slog.Level
	cmd := &cobra.Command{
		Use:   "gateway {--snapshot FILE | --controller URL}",
		Short: "Serve what a controller sends, or a snapshot file, and again whenever it changes",
		Example: `  fsm-proxy gateway --snapshot snapshot.json
  fsm-proxy gateway --controller https://fsm-controller.fsm-system:15010 \
    --identity spiffe://cluster.local/ns/shop/gateway/web \
    --token-file /var/run/fsm/token --trust-file /var/run/fsm/ca.crt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			feed := process.SnapshotFile(snapshot)
			if controller.URL != "" {
				var err error
				if feed, err = controller.Feed(); err != nil {
					return err
				}
			}
			return run(cmd, o, level, feed)
		},
	}
	cmd.Flags().StringVar(&snapshot, "snapshot", "", "snapshot as JSON, as fsm translate -o json --with-secrets writes it")
	cmd.Flags().TextVar(&level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	controller.Bind(cmd.Flags())
	o.Bind(cmd.Flags())
	cmd.MarkFlagsOneRequired("snapshot", "controller")
	cmd.MarkFlagsMutuallyExclusive("snapshot", "controller")
	return cmd
}

// run runs a proxy that logs to standard error.
func run(cmd *cobra.Command, o process.Options, level slog.Level, feed process.Feed) error {
	o.Level = new(slog.LevelVar)
	o.Level.Set(level)
	o.Log = slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.Level}))
	o.Stdout = os.Stdout
	return process.Run(cmd.Context(), o, feed)
}
