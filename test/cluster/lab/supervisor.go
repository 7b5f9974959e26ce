package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"

	"fsm/test/cluster"
	"fsm/test/cluster/cgroup"
	"fsm/test/cluster/loadbalancer"
	"fsm/test/cluster/registry"
)

// supervisor starts what a lab consists of, in the namespaces that it is in itself.
type supervisor struct {
	options  Options
	programs string
	begun    time.Time
	starter  io.WriteCloser
	// failed ends the lab.
	failed context.CancelCauseFunc

	hierarchies []cgroup.Hierarchy
	cgroups     cgroup.Group
	cluster     *cluster.Cluster
	client      *cluster.Client
}

// supervise runs a lab until the context ends, and tells the starter how far it is. It
// stops nothing: with the end of this process the kernel does.
func supervise(ctx context.Context, o Options, starter io.WriteCloser) error {
	defer starter.Close()
	ctx, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	s := &supervisor{options: o, begun: time.Now(), starter: starter, failed: failed}
	var err error
	if s.programs, err = cluster.NodePrograms().Built(); err != nil {
		return err
	}
	steps := []struct {
		done string
		run  func(context.Context) error
	}{
		{"network", s.startNetwork},
		{"control plane", s.startControlPlane},
		{"registry", s.startRegistry},
		{"nodes started", s.startNodes},
		{"load balancers", s.startLoadBalancers},
		{"nodes ready", s.awaitNodes},
		{"name server answers", s.awaitDNS},
	}
	for _, step := range steps {
		if err := step.run(ctx); err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		fmt.Fprintf(starter, "%5.1f s  %s\n", time.Since(s.begun).Seconds(), step.done)
	}
	fmt.Fprintln(starter, ready)
	starter.Close()
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (s *supervisor) startNetwork(ctx context.Context) (err error) {
	// What is mounted here, by nodes most of all, is nobody else's.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if s.hierarchies, err = cgroup.Hierarchies(); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(s.options.Dir))
	if s.cgroups, err = cgroup.Place(s.hierarchies, "fsm-cluster-"+hex.EncodeToString(sum[:4])); err != nil {
		return err
	}
	if err := saveCgroups(s.options.Dir, s.cgroups); err != nil {
		return err
	}
	if err := errors.Join(s.cgroups.Make(), s.cgroups.Delegate()); err != nil {
		return err
	}
	return connect(ctx)
}

func (s *supervisor) startControlPlane(ctx context.Context) (err error) {
	s.cluster, err = cluster.Start(ctx, cluster.Options{Dir: filepath.Join(s.options.Dir, "control"), Address: host})
	if err != nil {
		return err
	}
	if s.client, err = cluster.NewClient(s.cluster.Admin()); err != nil {
		return err
	}
	return s.cluster.WriteKubeconfig(kubeconfig(s.options.Dir), "admin")
}

const (
	registryPort = "5000"
	pauseImage   = "cluster.test/pause:1"
	dnsImage     = "cluster.test/coredns:1"
)

// startRegistry serves images, those that the cluster itself needs from the start.
func (s *supervisor) startRegistry(context.Context) error {
	store, err := registry.Open(images(s.options.Dir))
	if err != nil {
		return err
	}
	for image, name := range map[string]string{pauseImage: "pause", dnsImage: "coredns"} {
		if err := store.AddProgram(image, registry.Program{File: filepath.Join(s.programs, name), Name: name, User: "65532"}); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host.String(), registryPort))
	if err != nil {
		return fmt.Errorf("listen for the registry: %w", err)
	}
	go func() { s.failed(fmt.Errorf("serve images: %w", http.Serve(l, store))) }()
	return nil
}

func (s *supervisor) startLoadBalancers(ctx context.Context) error {
	if s.options.NoLoadBalancers {
		return nil
	}
	client, err := kubernetes.NewForConfig(s.cluster.Admin())
	if err != nil {
		return fmt.Errorf("make client for load balancers: %w", err)
	}
	addresses, err := netip.ParsePrefix(cluster.LoadBalancers)
	if err != nil {
		return fmt.Errorf("read range of load balancers: %w", err)
	}
	go func() {
		s.failed(loadbalancer.Run(ctx, client, loadbalancer.Network{Addresses: addresses, Route: route}))
	}()
	return nil
}
