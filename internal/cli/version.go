package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"fsm/internal/install"
)

// Version of this build. The linker sets it; without, that of the module counts.
var Version string

// remoteTime is how long the version command waits for a cluster.
const remoteTime = 3 * time.Second

func versionCommand() *cobra.Command {
	c := &clusterFlags{}
	var client, short bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this build, and those of the meshes in the cluster",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if short {
				fmt.Fprintln(out, buildVersion())
				return nil
			}
			fmt.Fprintf(out, "fsm %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			if client {
				return nil
			}
			meshes, err := c.remote(cmd.Context())
			switch {
			case errors.Is(err, install.ErrNoCluster):
				return nil
			case err != nil:
				// The version of this build, which was asked for, is printed.
				fmt.Fprintln(cmd.ErrOrStderr(), "fsm: versions in the cluster:", err)
				return nil
			}
			return meshList.write(out, meshes, "text")
		},
	}
	c.bind(cmd, false)
	cmd.Flags().BoolVar(&client, "client-only", false, "ask no cluster")
	cmd.Flags().BoolVar(&short, "version-only", false, "print nothing but the version of this build")
	return cmd
}

// remote lists the meshes of the cluster, if it answers soon.
func (c *clusterFlags) remote(ctx context.Context) ([]install.Mesh, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteTime)
	defer cancel()
	cluster, err := install.Open(c.access())
	if err != nil {
		return nil, err
	}
	return cluster.Meshes(ctx)
}

func buildVersion() string {
	if Version != "" {
		return Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
