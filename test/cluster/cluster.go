package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
)

// Options of a cluster.
type Options struct {
	// Dir is where the cluster keeps everything; it must be empty or absent.
	Dir string
	// ControllerManager adds the controller manager: garbage collection, deletion
	// of namespaces, service accounts, EndpointSlices.
	ControllerManager bool
	// Address is where nodes and pods reach the API server. With one, the control
	// plane is that of a cluster with nodes: it has a scheduler and the controller
	// manager, pods get service accounts, and nodes may do what nodes may. Without
	// one it listens on loopback only.
	Address netip.Addr
}

// Cluster is a control plane that runs.
type Cluster struct {
	options   Options
	programs  string
	authority *authority
	etcdPort  int
	peerPort  int
	apiPort   int

	etcd, apiServer, controllerManager, scheduler *process
}

// Start starts a cluster and waits until it answers. The programs must be built.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	programs, err := ControlPlane().Built()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, "log"), 0o755); err != nil {
		return nil, fmt.Errorf("make directory of cluster: %w", err)
	}
	c := &Cluster{options: o, programs: programs}
	if c.authority, err = newAuthority(filepath.Join(o.Dir, "pki")); err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		c.Stop()
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	c.etcdPort, c.peerPort, c.apiPort = ports[0], ports[1], ports[2]
	a := c.authority
	err = errors.Join(a.server("apiserver", c.apiServerNames()...), a.client("admin", "admin", "system:masters"),
		a.client("controller-manager", "system:kube-controller-manager"))
	if err != nil {
		return err
	}
	if c.hasNodes() {
		if err := c.nodeCredentials(); err != nil {
			return err
		}
	}
	if err := c.startEtcd(); err != nil {
		return err
	}
	if err := c.StartAPIServer(ctx); err != nil {
		return err
	}
	if c.hasNodes() || c.options.ControllerManager {
		if err := c.startControllerManager(); err != nil {
			return err
		}
	}
	if c.hasNodes() {
		return c.startScheduler()
	}
	return nil
}

func (c *Cluster) hasNodes() bool { return c.options.Address.IsValid() }

// Ports that tests listen on are below those that the kernel gives to connections:
// somebody's connection would else have one before its test does.
const (
	firstPort  = 10_000
	endOfPorts = 32_768
)

// freePorts finds ports that are free now, on all addresses.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range 100 * n {
		port := firstPort + rand.IntN(endOfPorts-firstPort)
		l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue // somebody has it
		}
		defer l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("find %d free ports from %d to %d: there are none", n, firstPort, endOfPorts-1)
}

// run starts one of the programs of the control plane.
func (c *Cluster) run(name string, args ...string) (*process, error) {
	return c.runFrom(c.programs, name, args...)
}

func (c *Cluster) runFrom(programs, name string, args ...string) (*process, error) {
	return command{
		binary: filepath.Join(programs, name),
		log:    filepath.Join(c.options.Dir, "log", name+".log"),
		args:   args,
	}.start()
}

// Stop ends everything. Files stay.
func (c *Cluster) Stop() {
	for _, p := range []*process{c.scheduler, c.controllerManager, c.apiServer} {
		if p != nil {
			p.stop()
		}
	}
	if c.etcd != nil {
		c.etcd.kill() // the data is of no use any more
	}
}

func (c *Cluster) url() string {
	host := "127.0.0.1"
	if c.hasNodes() {
		host = c.options.Address.String()
	}
	return "https://" + net.JoinHostPort(host, strconv.Itoa(c.apiPort))
}

// Admin is the configuration of a client that may do everything.
func (c *Cluster) Admin() *rest.Config { return c.config("admin") }

// User is the configuration of a client with a certificate of its own. It may do
// what roles allow the user or its groups.
func (c *Cluster) User(user string, groups ...string) (*rest.Config, error) {
	if err := c.authority.client(user, user, groups...); err != nil {
		return nil, err
	}
	return c.config(user), nil
}

func (c *Cluster) config(name string) *rest.Config {
	return &rest.Config{
		Host: c.url(),
		TLSClientConfig: rest.TLSClientConfig{
			CAFile:   c.authority.path("ca.crt"),
			CertFile: c.authority.path(name + ".crt"),
			KeyFile:  c.authority.path(name + ".key"),
		},
		QPS: -1, // the server protects itself
	}
}

// wait asks again and again until the answer is yes. It gives up when the process
// ends or the context does.
func wait(ctx context.Context, p *process, ready func(context.Context) bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx) {
		select {
		case <-p.ended:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", p.name, context.Cause(ctx))
		case <-tick.C:
		}
	}
	return nil
}
