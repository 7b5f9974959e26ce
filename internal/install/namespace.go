package install

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// What namespaces carry besides the name of the mesh that they were added to.
const (
	ignoredLabel        = "flomesh.io/ignore"
	injectionAnnotation = "flomesh.io/sidecar-injection"
)

// systemNamespaces have no place in a mesh: what runs there is needed for pods to
// run at all.
var systemNamespaces = []string{metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease}

// Namespace is one that belongs to a mesh.
type Namespace struct {
	Name string `json:"namespace"`
	Mesh string `json:"mesh"`
	// Injection is whether pods get a sidecar: "enabled", "disabled", or empty if
	// nothing is said.
	Injection string `json:"sidecarInjection,omitempty"`
}

// Membership is a change of what namespaces belong to.
type Membership struct {
	Mesh       string
	Namespaces []string
	// Injection of sidecars into pods, for those that are added.
	Injection bool
	// Say is told, in a line, what became of each namespace.
	Say func(line string)
}

// AddNamespaces adds namespaces to a mesh. Either all of them can be added, or none
// is.
func (c *Cluster) AddNamespaces(ctx context.Context, m Membership) error {
	meshes, err := c.Meshes(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(meshes, func(one Mesh) bool { return one.Name == m.Mesh }) {
		return fmt.Errorf("mesh %s is not in the cluster; 'fsm mesh list' shows what is", m.Mesh)
	}
	list, err := c.namespaces(ctx, m.Namespaces)
	if err != nil {
		return err
	}
	for _, n := range list {
		if err := mayAdd(n, m.Mesh, meshes); err != nil {
			return err
		}
	}
	injection := "enabled"
	if !m.Injection {
		injection = "disabled"
	}
	for _, n := range list {
		if n.Labels[monitoredLabel] == m.Mesh && n.Annotations[injectionAnnotation] == injection {
			m.Say(fmt.Sprintf("Namespace [%s] already has been added to mesh [%s]", n.Name, m.Mesh))
			continue
		}
		if err := c.mark(ctx, n.Name, marks{monitoredLabel: m.Mesh}, marks{injectionAnnotation: injection}); err != nil {
			return err
		}
		m.Say(fmt.Sprintf("Namespace [%s] successfully added to mesh [%s]", n.Name, m.Mesh))
	}
	return nil
}

// mayAdd refuses namespaces that do not belong into a mesh, or belong to another.
func mayAdd(n *corev1.Namespace, mesh string, meshes []Mesh) error {
	name := n.Name
	for _, m := range meshes {
		if m.Namespace == name {
			return fmt.Errorf("namespace %s has the control plane of mesh %s and cannot be added to one", name, m.Name)
		}
	}
	other := n.Labels[monitoredLabel]
	switch {
	case slices.Contains(systemNamespaces, name):
		return fmt.Errorf("namespace %s belongs to Kubernetes and cannot be added to a mesh", name)
	case n.Labels[ignoredLabel] != "":
		return fmt.Errorf("namespace %s is to be ignored; if it is not any longer: kubectl label namespace %s %s-", name, name, ignoredLabel)
	case other != "" && other != mesh:
		return fmt.Errorf("namespace %s belongs to mesh %s; first: fsm namespace remove %s --mesh-name %s", name, other, name, other)
	}
	return nil
}

// RemoveNamespaces removes namespaces from a mesh. Pods keep their sidecars until
// they are made again.
func (c *Cluster) RemoveNamespaces(ctx context.Context, m Membership) error {
	list, err := c.namespaces(ctx, m.Namespaces)
	if err != nil {
		return err
	}
	for _, n := range list {
		if mesh := n.Labels[monitoredLabel]; mesh != "" && mesh != m.Mesh {
			return fmt.Errorf("namespace %s belongs to mesh %s, not %s; say so with --mesh-name", n.Name, mesh, m.Mesh)
		}
	}
	for _, n := range list {
		if n.Labels[monitoredLabel] == "" {
			m.Say(fmt.Sprintf("Namespace [%s] already does not belong to mesh [%s]", n.Name, m.Mesh))
			continue
		}
		if err := c.mark(ctx, n.Name, marks{monitoredLabel: nil}, marks{injectionAnnotation: nil}); err != nil {
			return err
		}
		m.Say(fmt.Sprintf("Namespace [%s] successfully removed from mesh [%s]", n.Name, m.Mesh))
	}
	return nil
}

// IgnoreNamespaces keeps namespaces out of every mesh.
func (c *Cluster) IgnoreNamespaces(ctx context.Context, m Membership) error {
	list, err := c.namespaces(ctx, m.Namespaces)
	if err != nil {
		return err
	}
	for _, n := range list {
		if err := c.mark(ctx, n.Name, marks{ignoredLabel: "true", monitoredLabel: nil}, marks{injectionAnnotation: nil}); err != nil {
			return err
		}
		m.Say(fmt.Sprintf("Namespace [%s] is ignored by all meshes", n.Name))
	}
	return nil
}

// Namespaces lists the namespaces of a mesh, or of all of them if it has no name.
func (c *Cluster) Namespaces(ctx context.Context, mesh string) ([]Namespace, error) {
	selector := monitoredLabel
	if mesh != "" {
		selector += "=" + mesh
	}
	all, err := c.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	list := []Namespace{}
	for _, n := range all.Items {
		list = append(list, Namespace{n.Name, n.Labels[monitoredLabel], n.Annotations[injectionAnnotation]})
	}
	slices.SortFunc(list, func(a, b Namespace) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// namespaces reads namespaces, all of which must exist.
func (c *Cluster) namespaces(ctx context.Context, names []string) ([]*corev1.Namespace, error) {
	var list []*corev1.Namespace
	for _, name := range names {
		n, err := c.client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read namespace %s: %w", name, err)
		}
		list = append(list, n)
	}
	return list, nil
}

// marks are labels or annotations to set, or to remove where they are nil.
type marks map[string]any

func (c *Cluster) mark(ctx context.Context, namespace string, labels, annotations marks) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels, "annotations": annotations}})
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
	if err != nil {
		return fmt.Errorf("label namespace %s: %w", namespace, err)
	}
	return nil
}
