package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"fsm/test/cluster"
	"fsm/test/cluster/node"
)

// The network of a lab is a bridge that the nodes hang on. The same addresses serve
// every lab: none sees another.
const (
	bridge   = "nodes"
	services = "10.96.0.0/16"
)

var (
	// host is where programs in the lab's network namespace are.
	host    = netip.MustParseAddr("172.30.0.1")
	allPods = netip.MustParsePrefix("10.244.0.0/16")
)

const nodePrefix = "node-"

func nodeName(i int) string { return nodePrefix + strconv.Itoa(i) }

// nodeAddress is the address of a node; they count from 1.
func nodeAddress(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{172, 30, 0, byte(10 + i)})
}

// pods are the addresses of a node's pods.
func pods(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(i), 0}), 24)
}

// routes lead a node to the pods of the others.
func routes(self, nodes int) []node.Route {
	var all []node.Route
	for i := range nodes {
		if n := i + 1; n != self {
			all = append(all, node.Route{Pods: pods(n), Via: nodeAddress(n)})
		}
	}
	return all
}

// connect makes the network of the namespace that this process is in.
func connect(ctx context.Context) error {
	// The nodes forward; this is a machine beside them.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0); err != nil {
		return fmt.Errorf("forward nothing: %w", err)
	}
	return ip(ctx,
		[]string{"link", "set", "lo", "up"},
		[]string{"link", "add", bridge, "type", "bridge"},
		[]string{"addr", "add", host.String() + "/24", "dev", bridge},
		[]string{"link", "set", bridge, "up"},
	)
}

// attach gives a node, by its first process, an interface on the bridge.
func attach(ctx context.Context, i, pid int) error {
	name, address := nodeName(i), nodeAddress(i).String()
	err := ip(ctx,
		[]string{"link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(pid)},
		[]string{"link", "set", name, "master", bridge},
		[]string{"link", "set", name, "up"},
		[]string{"route", "add", pods(i).String(), "via", address},
	)
	if err != nil || i > 1 {
		return err
	}
	// Every node serves all Services. One is enough for those who come from outside.
	return ip(ctx,
		[]string{"route", "add", services, "via", address},
		[]string{"route", "add", cluster.LoadBalancers, "via", address},
	)
}

// route leads an address to a node, or to where all go that are not led anywhere.
func route(ctx context.Context, address netip.Addr, node string) error {
	if node == "" {
		return ip(ctx, []string{"route", "del", address.String()})
	}
	i, err := strconv.Atoi(strings.TrimPrefix(node, nodePrefix))
	if err != nil {
		return fmt.Errorf("route %s: there is no node %s", address, node)
	}
	return ip(ctx, []string{"route", "replace", address.String(), "via", nodeAddress(i).String()})
}

func ip(ctx context.Context, commands ...[]string) error {
	for _, args := range commands {
		if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return nil
}
