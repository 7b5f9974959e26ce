// Command fsm-proxy is the data plane. It links nothing of Kubernetes.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{
		Use:           "fsm-proxy",
		Short:         "The data plane of FSM",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(gateway(), serviceLB())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "fsm-proxy:", err)
		os.Exit(1)
	}
}
