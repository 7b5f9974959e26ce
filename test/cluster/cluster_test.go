package cluster_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"

	"fsm/test/cluster"
)

// A cluster answers, its controllers work, a kubeconfig leads to it, and its
// objects survive the end of the API server.
func TestCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir := t.TempDir()
	began := time.Now()
	c, err := cluster.Start(ctx, cluster.Options{Dir: dir, ControllerManager: true})
	if errors.Is(err, cluster.ErrNotBuilt) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	t.Logf("started in %v", time.Since(began).Round(time.Millisecond))

	file := filepath.Join(dir, "kubeconfig")
	if err := c.WriteKubeconfig(file, "admin"); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	client, err := cluster.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	const serviceAccount = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: blue}\n"
	if err := client.Apply(ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: blue}\n"); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var found corev1.ServiceAccount
	for {
		err := client.Get(ctx, serviceAccount, &found)
		if err == nil {
			break
		}
		if !apierrors.IsNotFound(errors.Unwrap(err)) {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
			t.Fatal("the controller manager makes no service account")
		case <-tick.C:
		}
	}

	c.KillAPIServer()
	if err := c.StartAPIServer(ctx); err != nil {
		t.Fatal(err)
	}
	if err := client.Get(ctx, serviceAccount, &found); err != nil {
		t.Error(err)
	}
}
