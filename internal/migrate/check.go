package migrate

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

// check reads what was written as a cluster would, since Ingresses may have values that
// the Gateway API refuses, and asks what becomes of it beside all that was read.
func (c *converter) check(s *selection) error {
	var written []resource.Object
	for _, o := range c.Objects {
		text, err := manifest(o)
		if err != nil {
			return fmt.Errorf("write %s: %w", resource.KeyOf(o), err)
		}
		objects, problems := resource.Decode("result", text)
		for _, p := range problems {
			c.add(Lost, p.Key, "the result is not valid: %s", p.Message)
		}
		written = append(written, objects...)
	}
	c.checkAccepted(written, s)
	return nil
}

// checkAccepted asks for the conditions of what was written. Others may have what it
// wants: a policy the same target, a route the same name.
func (c *converter) checkAccepted(written []resource.Object, s *selection) {
	ours := map[resource.Key]bool{}
	for _, o := range written {
		ours[resource.KeyOf(o)] = true
		o.SetCreationTimestamp(metav1.NewTime(time.Now())) // whatever is there is older
	}
	others := map[resource.Key]resource.Object{}
	for _, o := range s.objects { // with stand-ins for what was not read
		others[resource.KeyOf(o)] = o
	}
	for _, kind := range resource.Kinds() {
		for _, o := range c.original.Like(kind.New()) {
			others[resource.KeyOf(o)] = o
		}
	}
	objects := slices.Clone(written)
	for key, o := range others {
		if _, ingress := o.(*networkingv1.Ingress); !ingress && !ours[key] {
			objects = append(objects, o)
		}
	}
	_, rep := translate.Translate(resource.NewSet(objects), translate.Config{Standalone: true})
	for _, o := range written {
		key := resource.KeyOf(o)
		if other, taken := others[key]; taken && !reflect.DeepEqual(spec(o), spec(other)) {
			c.add(Differs, resource.Key{}, "%s is there already, and applying the result replaces it", key)
		}
		c.judge(key, conditions(rep, key))
	}
}

// judge tells of conditions that say that something does not act. A policy of ours that
// gives way to another one is left out, since it would never act.
func (c *converter) judge(key resource.Key, conditions []metav1.Condition) {
	for _, condition := range conditions {
		switch {
		case !bad(condition):
		case key.Group == v1alpha1.GroupName && condition.Reason == string(gatewayv1.PolicyReasonConflicted):
			c.add(Lost, resource.Key{}, "%s is left out: %s", key, condition.Message)
			c.Objects = slices.DeleteFunc(c.Objects, func(o resource.Object) bool { return resource.KeyOf(o) == key })
		default:
			c.add(Lost, resource.Key{}, "%s: %s is %s: %s", key, condition.Type, condition.Status, condition.Message)
		}
	}
}

// spec is what an object asks for.
func spec(o resource.Object) any {
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return err
	}
	return tree["spec"]
}

// conditions of an object and of its parts.
func conditions(rep *report.Report, key resource.Key) []metav1.Condition {
	var list []metav1.Condition
	if g := rep.Gateways[key]; g != nil {
		list = append(list, g.Conditions...)
		for _, l := range g.Listeners {
			list = append(list, l.Conditions...)
		}
	}
	if s := rep.ListenerSets[key]; s != nil {
		list = append(list, s.Conditions...)
		for _, l := range s.Listeners {
			list = append(list, l.Conditions...)
		}
	}
	if r := rep.Routes[key]; r != nil {
		for _, parent := range r.Parents {
			list = append(list, parent.Conditions...)
		}
	}
	if p := rep.Policies[key]; p != nil {
		for _, ancestor := range p.Ancestors {
			list = append(list, ancestor.Conditions...)
		}
	}
	if a := rep.Attachments[key]; a != nil {
		list = append(list, a.Conditions...)
	}
	return list
}

// bad tells whether a condition says that something does not act. Of policies that act
// in part, a message tells what does not.
func bad(c metav1.Condition) bool {
	switch c.Type {
	case string(gatewayv1.ListenerConditionConflicted), string(gatewayv1.RouteConditionPartiallyInvalid):
		return c.Status == metav1.ConditionTrue
	case string(gatewayv1.ListenerConditionOverlappingTLSConfig):
		return false // one connection for several hosts is the matter of clients
	}
	return c.Status == metav1.ConditionFalse || c.Type == string(gatewayv1.PolicyConditionAccepted) && c.Message != ""
}
