package gatewayapi

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// parentObject is the Gateway or ListenerSet that a parentRef leads to.
type parentObject struct {
	ref     gatewayv1.ParentReference
	gateway *gateway
	key     resource.Key
}

// parent finds what a parentRef leads to; ok is false when it is not ours. The
// key is empty for kinds that no Gateway has to do with.
func (f *Frontend) parent(r *memo.Recorder, route resource.Key, ref gatewayv1.ParentReference) (p parentObject, ok bool) {
	ref = withDefaults(ref)
	name := types.NamespacedName{Namespace: route.Namespace, Name: string(ref.Name)}
	if ref.Namespace != nil {
		name.Namespace = string(*ref.Namespace)
	}
	key := resource.Key{Group: string(*ref.Group), Kind: string(*ref.Kind), Namespace: name.Namespace, Name: name.Name}
	switch {
	case key.Group != gatewayv1.GroupName:
		return p, false
	case key.Kind == "Gateway":
		p = parentObject{ref: ref, gateway: f.gateways.Read(r, name), key: key}
	case key.Kind == "ListenerSet":
		p = parentObject{ref: ref, gateway: f.gatewayOfSet(r, name), key: key}
	}
	return p, p.gateway != nil
}

// gatewayOfSet returns the Gateway that a ListenerSet names, if it is ours.
func (f *Frontend) gatewayOfSet(r *memo.Recorder, name types.NamespacedName) *gateway {
	set := core.Get[*gatewayv1.ListenerSet](f.src, r, name)
	if set == nil {
		return nil
	}
	gateways := parentsOf(set)
	if len(gateways) == 0 {
		return nil
	}
	return f.gateways.Read(r, gateways[0])
}

// attach finds the listeners of the parent that take the route, or the reason
// why none does. Each step narrows down what the step before has left, so the
// reason is the one that came closest.
func (f *Frontend) attach(r *memo.Recorder, route resource.Key, p parentObject, hostnames []gatewayv1.Hostname) ([]attachment, *metav1.Condition) {
	var named, allowed []*listener
	for _, l := range p.gateway.own(p.key) {
		if (p.ref.SectionName == nil || *p.ref.SectionName == "" || *p.ref.SectionName == l.Name) && (p.ref.Port == nil || *p.ref.Port == l.Port) {
			named = append(named, l)
		}
	}
	if len(named) == 0 {
		return nil, new(report.RouteNoMatchingParent(p.noListener()))
	}
	for _, l := range named {
		if l.allowsKind(gatewayv1.Kind(route.Kind)) && f.allowsNamespace(r, l.namespaces, route.Namespace) {
			allowed = append(allowed, l)
		}
	}
	if len(allowed) == 0 {
		return nil, new(report.RouteNotAllowedByListeners(fmt.Sprintf("no listener takes routes of kind %s from namespace %q", route.Kind, route.Namespace)))
	}
	var attached []attachment
	for _, l := range allowed {
		if fit := fitting(l.matchedHostname(), hostnames); len(fit) > 0 {
			attached = append(attached, attachment{listener: l, hostnames: fit})
		}
	}
	if len(attached) == 0 {
		return nil, new(report.RouteNoMatchingListenerHostname("no hostname of the route is within the hostname of a listener"))
	}
	return attached, nil
}

// matchedHostname is the listener's hostname where its protocol has such a thing.
func (l *listener) matchedHostname() string {
	if l.Protocol == gatewayv1.TCPProtocolType || l.Protocol == gatewayv1.UDPProtocolType {
		return ""
	}
	return hostnameOf(l.Hostname)
}

// noListener says why the parentRef selects no listener.
func (p parentObject) noListener() string {
	switch ref := p.ref; {
	case p.key.Kind == "ListenerSet" && len(p.gateway.own(p.key)) == 0:
		return fmt.Sprintf("%s is not attached to its Gateway", p.key)
	case ref.SectionName != nil && ref.Port != nil:
		return fmt.Sprintf("%s has no listener %q with port %d", p.key, *ref.SectionName, *ref.Port)
	case ref.SectionName != nil:
		return fmt.Sprintf("%s has no listener %q", p.key, *ref.SectionName)
	case ref.Port != nil:
		return fmt.Sprintf("%s has no listener with port %d", p.key, *ref.Port)
	default:
		return fmt.Sprintf("%s has no listeners", p.key)
	}
}
