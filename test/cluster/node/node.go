package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"fsm/test/cluster"
	"fsm/test/cluster/cgroup"
)

// Config is what a node has to know.
type Config struct {
	Name string
	// Dir is where everything goes that the node writes, Logs where its programs log,
	// Programs where these are.
	Dir, Logs, Programs string
	// Address of the node on its interface eth0, and Gateway, by which it reaches what
	// is not in the cluster.
	Address netip.Prefix
	Gateway netip.Addr
	// Pods are the addresses of the node's pods.
	Pods netip.Prefix
	// Routes to the pods of other nodes.
	Routes []Route
	// AllPods are the addresses of the pods of all nodes.
	AllPods netip.Prefix
	// Registry is the URL that all images come from, Pause the image of sandboxes.
	Registry, Pause string
	Credentials     cluster.NodeCredentials
	KubeProxyConfig string
	// Hierarchies are the cgroup hierarchies that the node gets a part of.
	Hierarchies []cgroup.Hierarchy
}

// Route says by which node to reach pods.
type Route struct {
	Pods netip.Prefix
	Via  netip.Addr
}

// Load reads a configuration that was encoded as JSON.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration of node: %w", err)
	}
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return Config{}, fmt.Errorf("read configuration of node: %w", err)
	}
	return c, nil
}

// Init is the first process of a node, in namespaces of its own. It waits until
// nothing more comes from the starter, who meanwhile puts it where it belongs; then it
// starts the program again, with other arguments, in a cgroup namespace, and ends as
// that does. In between it reaps: processes whose parents ended become its children.
func Init(starter io.Reader, args ...string) (status int, err error) {
	if _, err := io.Copy(io.Discard, starter); err != nil {
		return 1, fmt.Errorf("wait for starter: %w", err)
	}
	child, err := syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWCGROUP},
	})
	if err != nil {
		return 1, fmt.Errorf("start node: %w", err)
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1, fmt.Errorf("wait for node: %w", err)
		case pid == child:
			return status.ExitStatus(), nil
		}
	}
}

// Run makes the node, and runs its programs until one of them cannot be started.
func Run(ctx context.Context, c Config) error {
	if err := c.isolate(); err != nil {
		return err
	}
	if err := c.connect(); err != nil {
		return err
	}
	if err := c.configure(); err != nil {
		return err
	}
	return c.supervise(ctx)
}

func (c Config) connect() error {
	commands := [][]string{
		{"link", "set", "lo", "up"},
		{"addr", "add", c.Address.String(), "dev", "eth0"},
		{"link", "set", "eth0", "up"},
		{"route", "add", "default", "via", c.Gateway.String()},
	}
	for _, r := range c.Routes {
		commands = append(commands, []string{"route", "add", r.Pods.String(), "via", r.Via.String()})
	}
	for _, args := range commands {
		if err := run("ip", args...); err != nil {
			return err
		}
	}
	// What goes to a load balancer that kube-proxy does not know yet is refused. The
	// node would send it on otherwise, and remember for minutes that it did: a client
	// that repeats its SYN would not get through after kube-proxy has learned.
	// Unlike resets, the kernel sends few ICMP messages a second.
	for _, chain := range []string{"FORWARD", "OUTPUT"} {
		for _, refusal := range [][]string{{"-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"}, {"-j", "REJECT"}} {
			if err := run("iptables", append([]string{"-w", "-A", chain, "-d", cluster.LoadBalancers}, refusal...)...); err != nil {
				return err
			}
		}
	}
	settings := []string{
		"net/ipv4/ip_forward",
		// Traffic between pods on the same node crosses a bridge only, and has to be
		// seen by kube-proxy's rules to come back by the address of a Service.
		"net/bridge/bridge-nf-call-iptables",
		// Ports of loopback are redirected to pods too.
		"net/ipv4/conf/all/route_localnet",
	}
	for _, s := range settings {
		err := os.WriteFile(filepath.Join("/proc/sys", s), []byte("1"), 0)
		if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(s, "net/bridge/") {
			return errors.New("the kernel does not filter what bridges forward; run: modprobe br_netfilter")
		}
		if err != nil {
			return fmt.Errorf("set %s: %w", s, err)
		}
	}
	return nil
}

func run(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", program, args, err, out)
	}
	return nil
}
