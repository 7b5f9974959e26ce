package install

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// Check is what one look at a cluster found.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Found says what is there, and Fix what to do if that is not good.
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"`
}

// oldest is the Kubernetes version that the chart asks for.
const oldest = "1.29.0"

// CheckBefore looks whether a mesh can be installed. The checks after one that
// makes no sense without it are left out.
func (c *Cluster) CheckBefore(ctx context.Context, mesh, namespace string) []Check {
	server := c.checkServer(ctx)
	if !server.OK {
		return []Check{server}
	}
	return []Check{server, c.checkMeshes(ctx, mesh, namespace), c.checkRights(ctx, namespace), c.checkDefinitions(ctx, false)}
}

// CheckAfter looks whether an installed mesh is in order.
func (c *Cluster) CheckAfter(ctx context.Context, namespace string) []Check {
	server := c.checkServer(ctx)
	if !server.OK {
		return []Check{server}
	}
	return []Check{server, c.checkDefinitions(ctx, true), c.checkController(ctx, namespace)}
}

func (c *Cluster) checkServer(ctx context.Context) Check {
	check := Check{Name: "the cluster answers, and is Kubernetes " + oldest + " or newer"}
	if err := c.reachable(ctx); err != nil {
		check.Found, check.Fix = err.Error(), "see which cluster is meant with kubectl config view --minify"
		return check
	}
	info, err := c.client.Discovery().ServerVersion()
	if err != nil {
		check.Found, check.Fix = err.Error(), "see whether kubectl version works"
		return check
	}
	check.Found = info.GitVersion
	v, err := version.ParseGeneric(info.GitVersion)
	if check.OK = err == nil && v.AtLeast(version.MustParseGeneric(oldest)); !check.OK {
		check.Fix = "upgrade the cluster"
	}
	return check
}

func (c *Cluster) checkMeshes(ctx context.Context, mesh, namespace string) Check {
	check := Check{Name: "no other mesh is in the way"}
	meshes, err := c.Meshes(ctx)
	if err != nil {
		check.Found, check.Fix = err.Error(), "get the right to list Deployments and namespaces"
		return check
	}
	for _, m := range meshes {
		if m.single || m.Name == mesh || m.Namespace == namespace {
			check.Found = fmt.Sprintf("mesh %s is in namespace %s", m.Name, m.Namespace)
			check.Fix = "change it with 'fsm upgrade', or remove it with 'fsm uninstall mesh'"
			return check
		}
	}
	check.OK, check.Found = true, fmt.Sprintf("%d others", len(meshes))
	return check
}

// needed are rights that an installation does not get on without: the objects that
// give others rights above all, which ordinary users may not make.
var needed = []authorizationv1.ResourceAttributes{
	{Verb: "create", Resource: "namespaces"},
	{Verb: "create", Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
	{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
	{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"},
	{Verb: "create", Group: "gateway.networking.k8s.io", Resource: "gatewayclasses"},
	{Verb: "create", Resource: "secrets"},
	{Verb: "create", Resource: "serviceaccounts"},
	{Verb: "create", Resource: "services"},
	{Verb: "create", Group: "apps", Resource: "deployments"},
	{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "roles"},
}

// namespaced are those of the needed ones that are wanted in one namespace only.
var namespaced = map[string]bool{"secrets": true, "serviceaccounts": true, "services": true, "deployments": true, "roles": true}

func (c *Cluster) checkRights(ctx context.Context, namespace string) Check {
	check := Check{Name: "you may install"}
	var missing []string
	for _, right := range needed {
		if namespaced[right.Resource] {
			right.Namespace = namespace
		}
		review, err := c.client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &right},
		}, metav1.CreateOptions{})
		if err != nil {
			check.Found, check.Fix = err.Error(), "see whether kubectl auth can-i --list works"
			return check
		}
		if !review.Status.Allowed {
			missing = append(missing, right.Verb+" "+right.Resource)
		}
	}
	if check.OK = len(missing) == 0; check.OK {
		check.Found = fmt.Sprintf("%d rights", len(needed))
		return check
	}
	check.Found, check.Fix = "missing: "+strings.Join(missing, ", "), "install as cluster-admin, or ask for these rights"
	return check
}

// checkDefinitions looks at the definitions of the Gateway API; before an
// installation, which installs them, it does not matter if they are there.
func (c *Cluster) checkDefinitions(ctx context.Context, required bool) Check {
	check := Check{Name: "the Gateway API is there"}
	if !required {
		check.Name = "the Gateway API is there or can be installed"
	}
	all, err := c.compare(ctx)
	if err != nil {
		check.Found, check.Fix = err.Error(), "get the right to read CustomResourceDefinitions"
		return check
	}
	var absent, older, newer int
	for _, d := range all {
		switch {
		case d.theirs == nil:
			absent++
		case d.older():
			older++
		case d.newer():
			newer++
		}
	}
	check.OK = !required || absent+older == 0 || newer > 0
	check.Found = fmt.Sprintf("%d of %d definitions, %d of them older and %d newer than %s",
		len(all)-absent, len(all), older, newer, all[0].ours.GetAnnotations()[bundleVersion])
	if !check.OK {
		check.Fix = "install them with 'fsm upgrade'"
	}
	return check
}

func (c *Cluster) checkController(ctx context.Context, namespace string) Check {
	check := Check{Name: "the control plane runs"}
	d, err := c.client.AppsV1().Deployments(namespace).Get(ctx, Controller, metav1.GetOptions{})
	if err != nil {
		check.Found, check.Fix = err.Error(), "install with 'fsm install', or say where it is with --fsm-namespace"
		return check
	}
	check.Found, check.OK = progress(d)
	if check.OK {
		check.Found = fmt.Sprintf("version %s, %d ready", d.Labels[versionLabel], d.Status.AvailableReplicas)
		return check
	}
	if trouble := c.trouble(ctx, d); trouble != "" {
		check.Found += ": " + trouble
	}
	check.Fix = fmt.Sprintf("see more with: kubectl describe pods -n %s -l app=%s", namespace, Controller)
	return check
}
