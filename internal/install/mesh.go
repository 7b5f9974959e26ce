package install

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels that tell about a control plane, on its Deployment and on namespaces.
const (
	meshLabel      = "meshName"
	versionLabel   = "app.kubernetes.io/version"
	singleLabel    = "flomesh.io/enforce-single-mesh"
	monitoredLabel = "flomesh.io/monitored-by"
)

// Mesh is an installation of FSM in a cluster.
type Mesh struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Version   string `json:"version"`
	// Members are the namespaces that were added to the mesh.
	Members []string `json:"members,omitempty"`
	// single is set if the mesh accepts no other one in its cluster.
	single bool
}

// Meshes lists what is installed, by name.
func (c *Cluster) Meshes(ctx context.Context) ([]Mesh, error) {
	list, err := c.client.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: "app=" + Controller})
	if err != nil {
		return nil, fmt.Errorf("list Deployments %s: %w", Controller, err)
	}
	namespaces, err := c.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: monitoredLabel})
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var meshes []Mesh
	for _, d := range list.Items {
		m := Mesh{Name: d.Labels[meshLabel], Namespace: d.Namespace, Version: d.Labels[versionLabel], single: d.Labels[singleLabel] == "true"}
		for _, n := range namespaces.Items {
			if n.Labels[monitoredLabel] == m.Name {
				m.Members = append(m.Members, n.Name)
			}
		}
		meshes = append(meshes, m)
	}
	slices.SortFunc(meshes, func(a, b Mesh) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	return meshes, nil
}
