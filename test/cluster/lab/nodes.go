package lab

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"

	corev1 "k8s.io/api/core/v1"

	"fsm/test/cluster"
	"fsm/test/cluster/node"
)

//go:embed node.yaml
var nodeObject string

//go:embed dns.yaml
var dnsObjects string

// startNodes starts the nodes, and puts into the cluster what is to run on them.
func (s *supervisor) startNodes(ctx context.Context) error {
	for i := range s.options.Nodes {
		if err := s.startNode(ctx, i+1); err != nil {
			return fmt.Errorf("start %s: %w", nodeName(i+1), err)
		}
	}
	return s.apply(ctx, dnsObjects, map[string]any{"Address": cluster.DNS, "Image": dnsImage})
}

// apply fills a template in and applies what comes out.
func (s *supervisor) apply(ctx context.Context, text string, values map[string]any) error {
	t, err := template.New("").Parse(text)
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	var objects bytes.Buffer
	if err := t.Execute(&objects, values); err != nil {
		return fmt.Errorf("fill in template: %w", err)
	}
	return s.client.Apply(ctx, objects.String())
}

func (s *supervisor) startNode(ctx context.Context, i int) error {
	// A node that registers itself gets no addresses for pods before the controller
	// manager has seen it.
	if err := s.apply(ctx, nodeObject, map[string]any{"Name": nodeName(i), "Pods": pods(i), "Number": i}); err != nil {
		return err
	}
	config, err := s.nodeConfig(i)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.options.Dir, "log", nodeName(i)+".log"))
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	wait, goAhead, err := os.Pipe()
	if err != nil {
		return err
	}
	defer goAhead.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{initRole, config}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{wait}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true,
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	err = cmd.Start()
	wait.Close()
	if err != nil {
		return err
	}
	go func() {
		err := cmd.Wait()
		said, _ := os.ReadFile(log.Name())
		s.failed(fmt.Errorf("%s ended: %w: %s", nodeName(i), err, bytes.TrimSpace(said)))
	}()
	group := s.cgroups.Child(nodeName(i))
	if err := group.Make(); err != nil {
		return err
	}
	if err := group.Enter(cmd.Process.Pid); err != nil {
		return err
	}
	return attach(ctx, i, cmd.Process.Pid)
}

// nodeConfig writes the configuration of a node and says where.
func (s *supervisor) nodeConfig(i int) (string, error) {
	credentials, err := s.cluster.Node(nodeName(i), nodeAddress(i).String())
	if err != nil {
		return "", err
	}
	c := node.Config{
		Name: nodeName(i),
		Dir:  filepath.Join(s.options.Dir, nodeName(i)), Logs: filepath.Join(s.options.Dir, "log"), Programs: s.programs,
		Address: netip.PrefixFrom(nodeAddress(i), 24), Gateway: host,
		Pods: pods(i), Routes: routes(i, s.options.Nodes), AllPods: allPods,
		Registry: "http://" + net.JoinHostPort(host.String(), registryPort), Pause: pauseImage,
		Credentials: credentials, KubeProxyConfig: s.cluster.KubeProxyConfig(),
		Hierarchies: s.hierarchies,
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", fmt.Errorf("make directory of node: %w", err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode configuration of node: %w", err)
	}
	path := filepath.Join(c.Dir, "node.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return "", fmt.Errorf("write configuration of node: %w", err)
	}
	return path, nil
}

func (s *supervisor) awaitNodes(ctx context.Context) error {
	for i := range s.options.Nodes {
		name := nodeName(i + 1)
		err := await(ctx, name+" to be ready", func(ctx context.Context) bool {
			var n corev1.Node
			if err := s.client.Get(ctx, "apiVersion: v1\nkind: Node\nmetadata: {name: "+name+"}\n", &n); err != nil {
				return false
			}
			for _, c := range n.Status.Conditions {
				if c.Type == corev1.NodeReady {
					return c.Status == corev1.ConditionTrue
				}
			}
			return false
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *supervisor) awaitDNS(ctx context.Context) error {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(cluster.DNS, "53"))
	}}
	return await(ctx, "the name server to answer", func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		found, err := resolver.LookupHost(ctx, "kubernetes.default.svc.cluster.local.")
		return err == nil && strings.Join(found, " ") != ""
	})
}

// startTime is how long a step may take on a machine that is busy with other things.
const startTime = 3 * time.Minute

// await asks again and again until the answer is yes.
func await(ctx context.Context, what string, done func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !done(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
	return nil
}
