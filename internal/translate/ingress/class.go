package ingress

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// ControllerName is that of our IngressClasses.
const ControllerName = "flomesh.io/ingress-pipy"

// Names that are known for a class before there were IngressClasses, and the
// class of ingress-nginx.
const (
	classAnnotation = "kubernetes.io/ingress.class"
	nginxClass      = "nginx"
)

// BuiltinClasses are our classes that need no object when standalone.
func BuiltinClasses() []string { return []string{"pipy", "fsm"} }

const defaultKey = "default"

// defaultsOf files a class under defaultKey if it is for Ingresses that name none.
func defaultsOf(c *networkingv1.IngressClass) []string {
	if c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] == "true" {
		return []string{defaultKey}
	}
	return nil
}

// classOf is the class of an Ingress; ok tells whether it is one of ours. The
// annotation is older than the field and beats it.
func (f *Frontend) classOf(r *memo.Recorder, o *networkingv1.Ingress) (name string, ok bool) {
	if name, ok := o.Annotations[classAnnotation]; ok {
		return name, f.oursByName(r, name) || f.ours(r, name) || f.istioClass(r, o)
	}
	if o.Spec.IngressClassName != nil {
		return *o.Spec.IngressClassName, f.ours(r, *o.Spec.IngressClassName)
	}
	for _, c := range f.defaults.List(r, defaultKey) {
		if c.Spec.Controller == ControllerName {
			return c.Name, true
		}
	}
	// Files of a machine where nothing else could be meant.
	return "", f.config.Standalone && len(f.defaults.List(r, defaultKey)) == 0
}

// ours tells whether there is such a class and it is ours.
func (f *Frontend) ours(r *memo.Recorder, name string) bool {
	if c := core.Get[*networkingv1.IngressClass](f.src, r, types.NamespacedName{Name: name}); c != nil {
		return c.Spec.Controller == ControllerName || name == nginxClass && f.config.Ingress.NGINX
	}
	return f.config.Standalone && slices.Contains(BuiltinClasses(), name) || name == nginxClass && f.config.Ingress.NGINX
}

// oursByName is for the annotation, whose values are no names of objects.
func (f *Frontend) oursByName(r *memo.Recorder, name string) bool {
	return slices.Contains(BuiltinClasses(), name) &&
		core.Get[*networkingv1.IngressClass](f.src, r, types.NamespacedName{Name: name}) == nil
}

// warnAboutClass tells the author of a file that nobody will serve the Ingress.
// In a cluster another controller may.
func (f *Frontend) warnAboutClass(rep *report.Report, o *networkingv1.Ingress) {
	name, field := "", "ingressClassName"
	switch {
	case !f.config.Standalone:
		return
	case o.Annotations[classAnnotation] != "":
		name, field = o.Annotations[classAnnotation], "annotation "+classAnnotation
	case o.Spec.IngressClassName != nil:
		name = *o.Spec.IngressClassName
	}
	if name == "" || core.Get[*networkingv1.IngressClass](f.src, nil, types.NamespacedName{Name: name}) != nil {
		return
	}
	rep.Warn(resource.KeyOf(o), fmt.Sprintf("%s: there is no IngressClass %q; use %s", field, name, strings.Join(BuiltinClasses(), " or ")))
}
