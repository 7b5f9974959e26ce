// Cmd runs a Kubernetes with nodes on this machine, for tests and for people who want to
// try things. Nothing of it is reachable from the machine's own network: what talks to
// it is run by exec.
//
//	go run ./test/cluster/cmd build [control-plane]   makes its programs, once
//	go run ./test/cluster/cmd packages                lists the Debian packages that are missing
//	go run ./test/cluster/cmd up                      starts it, with two nodes
//	go run ./test/cluster/cmd load ARCHIVE...         lets nodes pull the images of OCI archives
//	go run ./test/cluster/cmd kubectl ARGUMENT...     runs kubectl
//	go run ./test/cluster/cmd exec COMMAND...         runs a command in the network of the cluster
//	go run ./test/cluster/cmd down                    ends it, or clears up what a crash has left
//
// The cluster is that of the directory FSM_CLUSTER_DIR, or of one in the user's cache.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"fsm/test/cluster"
	"fsm/test/cluster/lab"
)

func main() {
	lab.Child()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	usage := errors.New("usage: build [control-plane] | packages | up | load ARCHIVE... | kubectl ARGUMENT... | exec COMMAND... | down")
	if len(args) == 0 {
		return usage
	}
	dir, err := lab.Dir()
	if err != nil {
		return err
	}
	command, args := args[0], args[1:]
	switch command {
	case "build":
		return build(ctx, args)
	case "packages":
		fmt.Println(strings.Join(lab.Missing(), " "))
		return nil
	case "up":
		return up(ctx, dir, args)
	case "down":
		return lab.Down(ctx, dir)
	case "load":
		return load(dir, args)
	case "kubectl":
		return inside(ctx, dir, append([]string{"kubectl"}, args...))
	case "exec":
		return inside(ctx, dir, args)
	}
	return usage
}

func build(ctx context.Context, args []string) error {
	tiers := []cluster.Tier{cluster.ControlPlane(), cluster.NodePrograms()}
	if len(args) == 1 && args[0] == "control-plane" {
		tiers = tiers[:1]
	}
	return cluster.Build(ctx, os.Stderr, tiers...)
}

func up(ctx context.Context, dir string, args []string) error {
	o := lab.Options{Dir: dir}
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.IntVar(&o.Nodes, "nodes", 2, "number of nodes")
	flags.BoolVar(&o.NoLoadBalancers, "no-load-balancers", false, "give Services of type LoadBalancer no addresses")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := build(ctx, nil); err != nil {
		return err
	}
	l, err := lab.Up(ctx, o, os.Stderr)
	if err != nil {
		return err
	}
	fmt.Printf("export KUBECONFIG=%s\n", l.Kubeconfig())
	return nil
}

// load lets nodes pull the images of archives.
func load(dir string, args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	var names []string
	flags.Func("as", "`NAME` of the image, instead of those in the archive; may be repeated", func(name string) error {
		names = append(names, name)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := lab.Find(dir)
	if err != nil {
		return err
	}
	images, err := l.Images()
	if err != nil {
		return err
	}
	for _, archive := range flags.Args() {
		loaded, err := images.Load(archive, names...)
		if err != nil {
			return err
		}
		fmt.Println(strings.Join(loaded, "\n"))
	}
	return nil
}

// inside becomes a command in the network of the cluster. That gets what signals are sent
// here, such as those of "go test -exec" to a test that takes too long.
func inside(ctx context.Context, dir string, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: exec COMMAND [ARGUMENT...]")
	}
	l, err := lab.Find(dir)
	if err != nil {
		return err
	}
	cmd := l.Command(ctx, args[0], args[1:]...)
	if cmd.Err != nil {
		return fmt.Errorf("enter network of cluster: %w", cmd.Err)
	}
	return fmt.Errorf("enter network of cluster: %w", syscall.Exec(cmd.Path, cmd.Args, cmd.Environ()))
}
