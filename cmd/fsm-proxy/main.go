// Command fsm-proxy is the data plane. It links nothing of Kubernetes.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"fsm/internal/proxy/process"
)

func main() {
	root := &cobra.Command{
		Use:           "fsm-proxy",
		Short:         "The data plane of FSM",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(gateway())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "fsm-proxy:", err)
		os.Exit(1)
	}
}

// gateway serves the listeners of Gateways.
func gateway() *cobra.Command {
	o := process.Defaults()
	var snapshot string
	cmd := &cobra.Command{
		Use:   "gateway --snapshot FILE",
		Short: "Serve a snapshot, and again whenever its file changes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Level = new(slog.LevelVar)
			o.Log = slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: o.Level}))
			o.Stdout = os.Stdout
			return process.Run(cmd.Context(), o, process.SnapshotFile(snapshot))
		},
	}
	cmd.Flags().StringVar(&snapshot, "snapshot", "", "snapshot as JSON, as fsm translate -o json --with-secrets writes it")
	_ = cmd.MarkFlagRequired("snapshot") // fails only for a flag that does not exist
	o.Bind(cmd.Flags())
	return cmd
}
