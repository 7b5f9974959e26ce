package gatewayapi

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// class is what a Gateway needs to know of its GatewayClass.
type class struct {
	exists bool
	ours   bool
	// problem says why the class is not accepted.
	problem string
}

func (f *Frontend) class(r *memo.Recorder, name string) class {
	c := core.Get[*gatewayv1.GatewayClass](f.src, r, types.NamespacedName{Name: name})
	switch {
	case f.config.NoGateways:
		return class{}
	case c != nil:
		return class{exists: true, ours: f.isOurs(c), problem: f.classProblem(r, c)}
	case f.config.Standalone && slices.Contains(core.BuiltinClasses(), name):
		return class{exists: true, ours: true}
	default:
		return class{}
	}
}

func (f *Frontend) isOurs(c *gatewayv1.GatewayClass) bool {
	return string(c.Spec.ControllerName) == f.config.ControllerName
}

// classProblem checks the parametersRef of a class: a ConfigMap that exists.
func (f *Frontend) classProblem(r *memo.Recorder, c *gatewayv1.GatewayClass) string {
	ref := c.Spec.ParametersRef
	if ref == nil {
		return ""
	}
	if ref.Namespace == nil {
		return "parametersRef: a ConfigMap needs a namespace"
	}
	return f.parametersProblem(r, resource.Key{
		Group: string(ref.Group), Kind: string(ref.Kind), Namespace: string(*ref.Namespace), Name: ref.Name,
	})
}

// parametersProblem checks that parameters could be read.
func (f *Frontend) parametersProblem(r *memo.Recorder, key resource.Key) string {
	if key.Group != corev1.GroupName || key.Kind != "ConfigMap" {
		return fmt.Sprintf("parametersRef: kind %s is not supported; use ConfigMap", key.Kind)
	}
	if core.Get[*corev1.ConfigMap](f.src, r, types.NamespacedName{Namespace: key.Namespace, Name: key.Name}) == nil {
		return fmt.Sprintf("parametersRef: %s does not exist", key)
	}
	return ""
}

// parametersUnused is said outside of clusters, where nobody is to run proxies.
const parametersUnused = "parametersRef: the content is not used"

// reportClasses writes the status of our GatewayClasses.
func (f *Frontend) reportClasses(rep *report.Report) {
	for _, c := range core.List[*gatewayv1.GatewayClass](f.src) {
		if !f.isOurs(c) || f.config.NoGateways {
			continue
		}
		key := resource.KeyOf(c)
		condition := report.ClassAccepted()
		if problem := f.classProblem(nil, c); problem != "" {
			condition = report.ClassInvalidParameters(problem)
		} else if c.Spec.ParametersRef != nil && f.config.Standalone {
			rep.Warn(key, parametersUnused)
		}
		rep.Classes[key] = &gatewayv1.GatewayClassStatus{Conditions: report.Conditions(c.Generation, condition)}
	}
}
