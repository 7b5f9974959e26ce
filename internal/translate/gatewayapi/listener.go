package gatewayapi

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// owner is the Gateway or ListenerSet that a listener stands in.
type owner struct {
	key        resource.Key
	generation int64
}

func (o owner) referrer() core.Referrer {
	return core.Referrer{Group: o.key.Group, Kind: o.key.Kind, Namespace: o.key.Namespace}
}

// listenerSpec is a listener as its user wrote it.
type listenerSpec struct {
	gatewayv1.Listener
	owner owner
}

// name is unique among all listeners of the Gateway.
func (s *listenerSpec) name() string {
	if s.owner.key.Kind == "Gateway" {
		return string(s.Name)
	}
	return s.owner.key.Namespace + "/" + s.owner.key.Name + "/" + string(s.Name)
}

func (s *listenerSpec) passthrough() bool {
	return s.TLS != nil && s.TLS.Mode != nil && *s.TLS.Mode == gatewayv1.TLSModePassthrough
}

// terminates tells whether the listener takes off TLS.
func (s *listenerSpec) terminates() bool {
	f, _ := familyOf(s.Protocol)
	return f == encrypted && !(s.Protocol == gatewayv1.TLSProtocolType && s.passthrough())
}

// listener is a listener with everything decided about it except which routes
// attach to it.
type listener struct {
	*listenerSpec
	gateway *gateway
	// serves is set when traffic can be expected to flow.
	serves bool
	// kinds that the listener takes, as shown in its status.
	kinds []gatewayv1.RouteGroupKind
	// namespaces that routes may come from.
	namespaces namespaceRule
	tls        *ir.ServerTLS
	secrets    []*ir.Secret
	options    *ir.Options
	guard      *ir.Guard
	conditions []metav1.Condition
}

func (l *listener) origin() ir.Origin {
	key := l.owner.key
	return ir.Origin{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name, Part: report.ListenerPart(l.Name)}
}

// verdict collects what is wrong with a listener while it is examined.
type verdict struct {
	accepted, resolved *metav1.Condition
	// unserved says why the listener cannot serve, if nothing else does.
	unserved string
}

// reject keeps the first reason for which a listener is not accepted.
func (v *verdict) reject(c metav1.Condition) {
	if v.accepted == nil {
		v.accepted = &c
	}
}

// unresolved keeps the first reference that does not resolve.
func (v *verdict) unresolved(c metav1.Condition) {
	if v.resolved == nil {
		v.resolved = &c
	}
}

// listenerInput is what a listener is made from.
type listenerInput struct {
	spec    *listenerSpec
	gateway *gateway
	// conflict and overlap are what the other listeners of the Gateway have to say.
	conflict []metav1.Condition
	overlap  *metav1.Condition
	options  *ir.Options
}

// newListener decides everything about a listener.
func (f *Frontend) newListener(r *memo.Recorder, in listenerInput) *listener {
	l := &listener{listenerSpec: in.spec, gateway: in.gateway, options: in.options}
	l.guard = f.policies.ForListener(r, in.gateway.key, in.spec.Port)
	var v verdict
	l.examine(&v)
	l.namespaces.examine(in.spec, &v)
	if l.terminates() {
		f.serverTLS(r, l, &v)
	}
	if in.gateway.idle != "" {
		v.unserved = in.gateway.idle
	}
	l.conclude(v, in)
	return l
}

// examine checks what needs no other object.
func (l *listener) examine(v *verdict) {
	if l.Port < 1 || l.Port > 65535 {
		v.reject(report.ListenerPortUnavailable(fmt.Sprintf("port %d is not a port", l.Port)))
	}
	if l.Filters != nil && len(l.Filters.Requests) > 0 {
		v.reject(report.ListenerUnsupportedValue("filters are not supported on listeners"))
	}
	possible := kindsFor(l.listenerSpec)
	if possible == nil {
		v.reject(report.ListenerUnsupportedProtocol(fmt.Sprintf("protocol %q is not supported; use HTTP, HTTPS, TLS, TCP or UDP", l.Protocol)))
	}
	l.kinds = possible
	if l.AllowedRoutes != nil && len(l.AllowedRoutes.Kinds) > 0 {
		var refused []string
		l.kinds, refused = narrow(possible, l.AllowedRoutes.Kinds)
		if len(refused) > 0 {
			v.unresolved(report.ListenerInvalidRouteKinds(fmt.Sprintf("allowedRoutes.kinds: %s cannot attach to protocol %s", strings.Join(refused, ", "), l.Protocol)))
		}
	}
	if len(l.kinds) == 0 {
		v.unserved = "no kind of route can attach"
	}
	if l.TLS != nil && len(l.TLS.Options) > 0 {
		l.gateway.warn(l.owner.key, fmt.Sprintf("listener %q: tls.options are not used", l.Name))
	}
}

// kindsFor are the routes that go with a protocol.
func kindsFor(s *listenerSpec) []gatewayv1.RouteGroupKind {
	switch s.Protocol {
	case gatewayv1.HTTPProtocolType, gatewayv1.HTTPSProtocolType:
		return routeKinds("HTTPRoute", "GRPCRoute")
	case gatewayv1.TLSProtocolType:
		if s.passthrough() {
			return routeKinds("TLSRoute")
		}
		return routeKinds("TLSRoute", "TCPRoute")
	case gatewayv1.TCPProtocolType:
		return routeKinds("TCPRoute")
	case gatewayv1.UDPProtocolType:
		return routeKinds("UDPRoute")
	default:
		return nil
	}
}

func routeKinds(names ...gatewayv1.Kind) []gatewayv1.RouteGroupKind {
	kinds := make([]gatewayv1.RouteGroupKind, len(names))
	for i, name := range names {
		kinds[i] = gatewayv1.RouteGroupKind{Group: new(gatewayv1.Group(gatewayv1.GroupName)), Kind: name}
	}
	return kinds
}

// narrow picks the possible kinds that are allowed, and names the allowed kinds
// that are not possible.
func narrow(possible, allowed []gatewayv1.RouteGroupKind) (kinds []gatewayv1.RouteGroupKind, refused []string) {
	for _, a := range allowed {
		ours := a.Group == nil || *a.Group == gatewayv1.GroupName
		same := func(k gatewayv1.RouteGroupKind) bool { return ours && k.Kind == a.Kind }
		switch i := slices.IndexFunc(possible, same); {
		case i < 0:
			refused = append(refused, string(a.Kind))
		case !slices.ContainsFunc(kinds, same):
			kinds = append(kinds, possible[i])
		}
	}
	return kinds, refused
}

// conclude turns what was found into conditions.
func (l *listener) conclude(v verdict, in listenerInput) {
	l.serves = in.conflict == nil && v.accepted == nil && v.unserved == ""
	conditions := slices.Clone(in.conflict)
	if in.conflict == nil {
		accepted, programmed := report.ListenerAccepted(), report.ListenerProgrammed()
		if v.accepted != nil {
			accepted = *v.accepted
			programmed = report.ListenerNotProgrammed("the listener is not accepted")
		} else if v.unserved != "" {
			programmed = report.ListenerNotProgrammed(v.unserved)
		}
		conditions = append(conditions, accepted, programmed)
		if in.overlap != nil {
			conditions = append(conditions, *in.overlap)
		}
	}
	resolved := report.ListenerResolvedRefs()
	if v.resolved != nil {
		resolved = *v.resolved
	}
	conditions = append(conditions, resolved)
	l.conditions = report.Conditions(l.owner.generation, conditions...)
}

// holds tells whether a condition of the listener is True.
func (l *listener) holds(t gatewayv1.ListenerConditionType) bool {
	return slices.ContainsFunc(l.conditions, func(c metav1.Condition) bool {
		return c.Type == string(t) && c.Status == metav1.ConditionTrue
	})
}

func (l *listener) allowsKind(kind gatewayv1.Kind) bool {
	return slices.ContainsFunc(l.kinds, func(k gatewayv1.RouteGroupKind) bool { return k.Kind == kind })
}

// namespaceRule says which namespaces a listener takes routes from, or a Gateway
// ListenerSets.
type namespaceRule struct {
	from     gatewayv1.FromNamespaces
	own      string
	selector labels.Selector
}

// examine reads allowedRoutes.namespaces. Absent, it means the own namespace.
func (n *namespaceRule) examine(s *listenerSpec, v *verdict) {
	n.from, n.own = gatewayv1.NamespacesFromSame, s.owner.key.Namespace
	if s.AllowedRoutes == nil || s.AllowedRoutes.Namespaces == nil {
		return
	}
	rule := s.AllowedRoutes.Namespaces
	if rule.From != nil {
		n.from = *rule.From
	}
	if err := n.selectBy(rule.Selector); err != nil {
		v.reject(report.ListenerUnsupportedValue(fmt.Sprintf("allowedRoutes.namespaces.selector: %v", err)))
	}
}

func (n *namespaceRule) selectBy(selector *metav1.LabelSelector) (err error) {
	n.selector = labels.Nothing()
	if n.from == gatewayv1.NamespacesFromSelector {
		// A nil selector converts to one that matches nothing.
		n.selector, err = metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			n.selector = labels.Nothing()
		}
	}
	return err
}

func (f *Frontend) allowsNamespace(r *memo.Recorder, n namespaceRule, namespace string) bool {
	switch n.from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSame:
		return namespace == n.own
	case gatewayv1.NamespacesFromSelector:
		return f.src.NamespaceMatches(r, namespace, n.selector)
	default:
		return false
	}
}
