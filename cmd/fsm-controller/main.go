// Command fsm-controller is the control plane in a Kubernetes cluster. What it does
// is in package operator; here is only the process.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := options{namespace: os.Getenv("POD_NAMESPACE"), pod: os.Getenv("POD_NAME"), address: os.Getenv("POD_IP")}
	cmd := &cobra.Command{
		Use: "fsm-controller", Short: "The control plane of FSM in a Kubernetes cluster",
		Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.flags(cmd)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fsm-controller:", err)
		os.Exit(1)
	}
}
