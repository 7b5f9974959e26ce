package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/config/v1alpha3"
	"fsm/internal/install"
	"fsm/internal/ir"
	"fsm/internal/meshconfig"
	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/source/file"
	"fsm/internal/source/kube"
	"fsm/internal/translate"
)

// subject is what a command is about: the objects of files, which one proxy on this
// machine serves, or those of a cluster, in which every Gateway has proxies of its
// own.
type subject struct {
	set    *resource.Set
	places file.Places
	config translate.Config
	// local is the proxy on this machine; nil for a cluster.
	local *project.Node
	// addresses are those of Gateways in a cluster.
	addresses map[ir.GatewayName][]string
}

// load reads the files of a command, or the cluster if there are none.
func (in *input) load(ctx context.Context, stdin io.Reader) (*subject, error) {
	if len(in.paths) == 0 {
		return in.loadCluster(ctx)
	}
	set, places, err := file.Locate(in.paths, stdin)
	if err != nil {
		return nil, err
	}
	node := in.node()
	return &subject{set: set, places: places, config: in.standalone(), local: &node}, nil
}

// loadFor is load for a command that prints text or JSON.
func (in *input) loadFor(cmd *cobra.Command, output string) (*subject, error) {
	if err := in.checkBind(); err != nil {
		return nil, err
	}
	if err := oneOf("output", output, "text", "json"); err != nil {
		return nil, err
	}
	return in.load(cmd.Context(), cmd.InOrStdin())
}

// loadTime bounds reading a cluster.
const loadTime = time.Minute

// loadCluster reads the objects of a cluster once, as the control plane does.
func (in *input) loadCluster(ctx context.Context) (*subject, error) {
	config, err := in.access().Config()
	if errors.Is(err, install.ErrNoCluster) {
		return nil, usagef("no files and no cluster: say which files with -f FILE or -f DIRECTORY, or set KUBECONFIG")
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, loadTime, fmt.Errorf("this took more than %s", loadTime))
	defer cancel()
	t := translate.InCluster("")
	source, err := kube.Open(ctx, kube.Options{Config: config, ControllerName: t.ControllerName, Referred: referred})
	if err != nil {
		return nil, err
	}
	t.Ingress = ingressOf(source.Set())
	s := &subject{set: source.Set(), config: t, addresses: map[ir.GatewayName][]string{}}
	for _, g := range resource.List[*gatewayv1.Gateway](s.set) {
		recorded, _ := source.Recorded(resource.KeyOf(g))
		if status, ok := recorded.Status.(*gatewayv1.GatewayStatus); ok {
			for _, a := range status.Addresses {
				name := ir.GatewayName(g.Namespace + "/" + g.Name)
				s.addresses[name] = append(s.addresses[name], a.Value)
			}
		}
	}
	cancel()
	source.Run(ctx, func() {}) // ends it
	return s, nil
}

// referred is what the mesh configuration of a cluster refers to.
func referred(set *resource.Set) []resource.Key {
	if name := ingressOf(set).Certificate; name.Name != "" {
		return []resource.Key{{Kind: "Secret", Namespace: name.Namespace, Name: name.Name}}
	}
	return nil
}

// ingressOf is how the mesh configuration of a cluster has Ingresses served.
func ingressOf(set *resource.Set) translate.Ingress {
	for _, mc := range resource.List[*v1alpha3.MeshConfig](set) {
		if mc.Name != v1alpha3.Name {
			continue
		}
		if c, mistakes := (meshconfig.Config{}).With(&mc.Spec); len(mistakes) == 0 {
			return translate.IngressOf(c, mc.Namespace)
		}
	}
	return translate.Ingress{}
}

// nodes are the proxies that serve a mesh.
func (s *subject) nodes(m *ir.Mesh) []project.Node {
	if s.local != nil {
		return []project.Node{*s.local}
	}
	var nodes []project.Node
	for _, name := range slices.Sorted(maps.Keys(m.Gateways)) {
		nodes = append(nodes, podOf(name))
	}
	return nodes
}

// podOf is a proxy of a Gateway in a cluster.
func podOf(name ir.GatewayName) project.Node {
	return project.Node{Name: string(name), Role: project.RoleGateway, Pod: true, Gateways: []ir.GatewayName{name}}
}

// choose finds the proxy that a command is about: that of a Gateway, if one is
// named, and otherwise that of the only one, or of the one that has an address.
func (s *subject) choose(m *ir.Mesh, gateway ir.GatewayName, address string) (project.Node, error) {
	if s.local != nil {
		return *s.local, nil
	}
	names := slices.Sorted(maps.Keys(m.Gateways))
	if gateway != "" {
		if !slices.Contains(names, gateway) {
			return project.Node{}, fmt.Errorf("there is no Gateway %s of ours; there are: %s", gateway, s.describe(names))
		}
		return podOf(gateway), nil
	}
	if with := slices.DeleteFunc(slices.Clone(names), func(name ir.GatewayName) bool {
		return !slices.Contains(s.addresses[name], address)
	}); len(with) > 0 {
		names = with
	}
	switch len(names) {
	case 0:
		return project.Node{}, fmt.Errorf("there is no Gateway of ours in the cluster")
	case 1:
		return podOf(names[0]), nil
	}
	return project.Node{}, fmt.Errorf("several Gateways can be meant; choose one with --gateway: %s", s.describe(names))
}

// describe names Gateways with their addresses.
func (s *subject) describe(names []ir.GatewayName) string {
	if len(names) == 0 {
		return "none"
	}
	var words []string
	for _, name := range names {
		word := string(name)
		if list := s.addresses[name]; len(list) > 0 {
			word += " (" + strings.Join(list, ", ") + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}
