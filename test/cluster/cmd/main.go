// Command cmd builds and runs the test cluster:
//
//	go run ./test/cluster/cmd build        makes its programs, once
//	go run ./test/cluster/cmd up DIR       runs a control plane until it is interrupted
//
// It is for people who want to look at a cluster. Tests use package cluster and
// need no command, except that the programs have to be built before.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"fsm/test/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "build":
		return cluster.Build(ctx, os.Stderr)
	case len(args) == 2 && args[0] == "up":
		return up(ctx, args[1])
	}
	return errors.New("usage: build | up DIR")
}

func up(ctx context.Context, dir string) error {
	if err := cluster.Build(ctx, os.Stderr); err != nil {
		return err
	}
	c, err := cluster.Start(ctx, cluster.Options{Dir: dir, ControllerManager: true})
	if err != nil {
		return err
	}
	defer c.Stop()
	config := filepath.Join(dir, "kubeconfig")
	if err := c.WriteKubeconfig(config, "admin"); err != nil {
		return err
	}
	fmt.Printf("export KUBECONFIG=%s\n", config)
	<-ctx.Done()
	return nil
}
