package migrate

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
)

// grantee is a kind of object in a namespace that refers to Secrets of others.
type grantee struct {
	group           gatewayv1.Group
	kind, namespace string
}

// secretRef refers to a Secret, and sees to the permission for it.
func (c *converter) secretRef(from grantee, secret ir.Origin) gatewayv1.SecretObjectReference {
	ref := gatewayv1.SecretObjectReference{Name: gatewayv1.ObjectName(secret.Name)}
	if secret.Namespace != from.namespace {
		ref.Namespace = new(gatewayv1.Namespace(secret.Namespace))
		if c.granted[from] == nil {
			c.granted[from] = map[types.NamespacedName]bool{}
		}
		c.granted[from][types.NamespacedName{Namespace: secret.Namespace, Name: secret.Name}] = true
	}
	return ref
}

// grants let objects use Secrets of other namespaces: each kind in each namespace those
// that it needs, and no others.
func (c *converter) grants() {
	grantees := slices.SortedFunc(maps.Keys(c.granted), func(a, b grantee) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.namespace, b.namespace))
	})
	for _, from := range grantees {
		grants := map[string]*gatewayv1.ReferenceGrant{}
		count := map[string]int{}
		names := slices.SortedFunc(maps.Keys(c.granted[from]), func(a, b types.NamespacedName) int { return cmp.Compare(a.String(), b.String()) })
		for _, name := range names {
			const most = 16 // as many as a grant can name
			grant := grants[name.Namespace]
			if grant == nil || len(grant.Spec.To) == most {
				count[name.Namespace]++
				grant = c.grant(from, name.Namespace, count[name.Namespace])
				grants[name.Namespace] = grant
				c.Objects = append(c.Objects, grant)
			}
			grant.Spec.To = append(grant.Spec.To, gatewayv1.ReferenceGrantTo{Kind: "Secret", Name: new(gatewayv1.ObjectName(name.Name))})
		}
	}
}

func (c *converter) grant(from grantee, namespace string, n int) *gatewayv1.ReferenceGrant {
	g := &gatewayv1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: c.options.Gateway.Name}}
	kinds := []string{from.kind}
	switch {
	case from.kind != "Gateway":
		g.Name += "-backends-of-" + from.namespace
	case slices.ContainsFunc(c.groups, func(g *group) bool { return len(g.sets) > 0 }):
		kinds = append(kinds, "ListenerSet")
	}
	if n > 1 {
		g.Name += "-" + strconv.Itoa(n)
	}
	for _, kind := range kinds {
		g.Spec.From = append(g.Spec.From, gatewayv1.ReferenceGrantFrom{
			Group: from.group, Kind: gatewayv1.Kind(kind), Namespace: gatewayv1.Namespace(from.namespace),
		})
	}
	return g
}
