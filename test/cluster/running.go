package cluster

import (
	"context"
	"os"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// RequiredNodes is the value of [Required] that makes tests fail too that need nodes
// where KUBECONFIG names no cluster.
const RequiredNodes = "nodes"

// Running is a cluster with nodes that runs already, whoever started it.
type Running struct {
	// Kubeconfig leads to the cluster, as KUBECONFIG does.
	Kubeconfig string
	Config     *rest.Config
	*Client
}

// NeedNodes returns the cluster of KUBECONFIG, or else skips the test. This package
// starts none: who runs the tests decides which it is. On the test cluster they have to
// run inside, where its addresses exist:
//
//	go test -exec "$PWD/bin/cluster exec" ./test/...
func NeedNodes(t testing.TB) Running {
	t.Helper()
	file := os.Getenv(clientcmd.RecommendedConfigPathEnvVar)
	if file == "" {
		const message = "KUBECONFIG names no cluster; see docs/development.md, a cluster with nodes"
		if os.Getenv(Required) == RequiredNodes {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	config.QPS = -1 // the server protects itself
	client, err := NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var namespace struct{}
	if err := client.Get(ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n", &namespace); err != nil {
		t.Fatalf("the cluster of %s does not answer (that of this project does so inside its network only): %v", file, err)
	}
	return Running{Kubeconfig: file, Config: config, Client: client}
}
