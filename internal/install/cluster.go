package install

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"helm.sh/helm/v3/pkg/action"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// ErrNoCluster says that nothing tells which cluster is meant.
var ErrNoCluster = errors.New("no cluster is configured")

// Access says how to reach a cluster. The zero value is what kubectl does without
// flags.
type Access struct {
	// Kubeconfig is the path of a file and Context the name of one in it; empty for
	// those of the environment.
	Kubeconfig, Context string
	// Log gets what Helm says while it works; may be nil.
	Log *slog.Logger
}

// Cluster is one to install into.
type Cluster struct {
	access  Access
	log     *slog.Logger
	client  kubernetes.Interface
	objects dynamic.Interface
}

// Config is how to reach the cluster.
func (a Access) Config() (*rest.Config, error) {
	flags := a.flags("")
	raw, err := flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	// Without this the cluster would be whatever is on port 8080.
	if _, err := rest.InClusterConfig(); err != nil && len(raw.Clusters) == 0 {
		return nil, fmt.Errorf("%w: set KUBECONFIG, or give --kubeconfig", ErrNoCluster)
	}
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	return config, nil
}

// Names are those of the context and of the API server.
func (a Access) Names() (context, server string, err error) {
	config, err := a.Config()
	if err != nil {
		return "", "", err
	}
	raw, err := a.flags("").ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return "", "", fmt.Errorf("read kubeconfig: %w", err)
	}
	if context = a.Context; context == "" {
		context = raw.CurrentContext
	}
	return context, config.Host, nil
}

// Open makes the clients of a cluster; it does not ask yet whether it is there.
func Open(a Access) (*Cluster, error) {
	config, err := a.Config()
	if err != nil {
		return nil, err
	}
	c := &Cluster{access: a, log: a.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("make Kubernetes client: %w", err)
	}
	if c.objects, err = dynamic.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("make client of objects: %w", err)
	}
	return c, nil
}

// flags are those of kubectl that say the same.
func (a Access) flags(namespace string) *genericclioptions.ConfigFlags {
	f := genericclioptions.NewConfigFlags(true)
	f.KubeConfig, f.Context, f.Namespace = &a.Kubeconfig, &a.Context, &namespace
	f.WrapConfigFn = func(config *rest.Config) *rest.Config {
		config.QPS = -1 // the API server itself limits, by priority and fairness
		return config
	}
	return f
}

// helm is Helm for the releases of a namespace, which it keeps in Secrets there.
func (c *Cluster) helm(namespace string) (*action.Configuration, error) {
	h := new(action.Configuration)
	err := h.Init(c.access.flags(namespace), namespace, "secret", func(format string, args ...any) {
		c.log.Debug(fmt.Sprintf(format, args...))
	})
	if err != nil {
		return nil, fmt.Errorf("prepare Helm: %w", err)
	}
	return h, nil
}

// reachable asks whether the API server answers, so that a cluster that is not there
// is the first thing to be said.
func (c *Cluster) reachable(ctx context.Context) error {
	if err := c.client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Error(); err != nil {
		return fmt.Errorf("reach the cluster: %w", err)
	}
	return nil
}
