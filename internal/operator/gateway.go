package operator

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/provision"
	"fsm/internal/resource"
)

// gateway finds a Gateway among the objects that were read.
func (c *controlPlane) gateway(key resource.Key) (*gatewayv1.Gateway, bool) {
	return resource.Get[*gatewayv1.Gateway](c.source.Set(), key.Namespace, key.Name)
}

// parameters are what users say about the workload of a Gateway. The errors are
// about those that cannot be used.
func (c *controlPlane) parameters(g *gatewayv1.Gateway) (provision.Parameters, []error) {
	p, failures := provision.Defaults(), []error(nil)
	if i := g.Spec.Infrastructure; i != nil && i.ParametersRef != nil {
		ref := i.ParametersRef
		m, ok := resource.Get[*corev1.ConfigMap](c.source.Set(), g.Namespace, ref.Name)
		if ok && ref.Group == "" && ref.Kind == "ConfigMap" { // else the Gateway is not accepted
			p, failures = p.With(m.Data, "")
			for _, name := range provision.Unknown(m.Data) {
				failures = append(failures, fmt.Errorf("ConfigMap %s/%s: %s means nothing", g.Namespace, ref.Name, name))
			}
		}
	}
	p, more := p.With(g.Annotations, provision.AnnotationPrefix)
	return p, append(failures, more...)
}

// isGateway reports whether a reference is to a Gateway that exists.
func (c *controlPlane) isGateway(namespace string, owner *metav1.OwnerReference) bool {
	for _, g := range resource.List[*gatewayv1.Gateway](c.source.Set()) {
		if g.Namespace == namespace && g.Name == owner.Name && g.UID == owner.UID {
			return true
		}
	}
	return false
}
