package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"fsm/test/cluster/node"
)

// What a program that starts labs is, by its zeroth argument, when it is not itself.
const (
	supervisorRole = "cluster-supervisor"
	initRole       = "cluster-node-init"
	nodeRole       = "cluster-node"
)

// Child makes this process what [Up] has started it for. A program that starts labs
// calls it before anything else; unless it is a lab's process, nothing happens.
func Child() {
	var status int
	var err error
	switch os.Args[0] {
	default:
		return
	case supervisorRole:
		err = runSupervisor(os.Args[1])
	case initRole:
		status, err = node.Init(os.NewFile(3, "starter"), nodeRole, os.Args[1])
	case nodeRole:
		err = runNode(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = max(status, 1)
	}
	os.Exit(status)
}

func runSupervisor(options string) error {
	var o Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		return fmt.Errorf("read options: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return supervise(ctx, o, os.NewFile(3, "starter"))
}

func runNode(config string) error {
	c, err := node.Load(config)
	if err != nil {
		return err
	}
	return node.Run(context.Background(), c)
}
