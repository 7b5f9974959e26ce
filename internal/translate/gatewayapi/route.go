package gatewayapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/policy"
	"fsm/internal/translate/report"
)

// routeInput is what routes of all kinds have in common, and how to compile the
// rest.
type routeInput struct {
	object    resource.Object
	common    *gatewayv1.CommonRouteSpec
	hostnames []gatewayv1.Hostname
	// use of backends that is the same for every listener.
	use     policy.Use
	compile func(*compiler)
}

// route is what a user's route comes to.
type route struct {
	key      resource.Key
	status   *gatewayv1.RouteStatus
	parents  []*parent
	warnings []string
}

// parent is one parentRef of a route that leads to a Gateway of ours.
type parent struct {
	gateway     *gateway
	attachments []attachment
	// accepted routes count as attached. One that is not accepted, because none of
	// its rules can be served, keeps its place all the same and answers 500.
	accepted bool
}

// attachment is a listener that a route is attached to.
type attachment struct {
	listener *listener
	// hostnames of the route, as the user wrote them, that fit the listener.
	hostnames []string
	compiled  *compiled
	// variants are for those hostnames that policies treat in a way of their own.
	variants map[string]*compiled
}

// forHostname is what the route comes to for one of its hostnames.
func (a attachment) forHostname(hostname string) *compiled {
	if v := a.variants[hostname]; v != nil {
		return v
	}
	return a.compiled
}

// routeKeys lists the routes of the set, kind by kind, each by namespace and name.
func (f *Frontend) routeKeys() []resource.Key {
	keys := make([]resource.Key, 0, len(core.List[*gatewayv1.HTTPRoute](f.src)))
	keys = appendKeys[*gatewayv1.HTTPRoute](f, keys, "HTTPRoute")
	keys = appendKeys[*gatewayv1.GRPCRoute](f, keys, "GRPCRoute")
	keys = appendKeys[*gatewayv1.TLSRoute](f, keys, "TLSRoute")
	keys = appendKeys[*gatewayv1.TCPRoute](f, keys, "TCPRoute")
	return appendKeys[*gatewayv1.UDPRoute](f, keys, "UDPRoute")
}

func appendKeys[T core.Object](f *Frontend, keys []resource.Key, kind string) []resource.Key {
	for _, o := range core.List[T](f.src) {
		keys = append(keys, resource.Key{Group: gatewayv1.GroupName, Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()})
	}
	return keys
}

func (f *Frontend) routeInput(r *memo.Recorder, key resource.Key) routeInput {
	name := types.NamespacedName{Namespace: key.Namespace, Name: key.Name}
	switch key.Kind {
	case "HTTPRoute":
		return httpRoute(core.Get[*gatewayv1.HTTPRoute](f.src, r, name))
	case "GRPCRoute":
		return grpcRoute(core.Get[*gatewayv1.GRPCRoute](f.src, r, name))
	case "TLSRoute":
		return tlsRoute(core.Get[*gatewayv1.TLSRoute](f.src, r, name))
	case "TCPRoute":
		return tcpRoute(core.Get[*gatewayv1.TCPRoute](f.src, r, name))
	default:
		return udpRoute(core.Get[*gatewayv1.UDPRoute](f.src, r, name))
	}
}

func (f *Frontend) makeRoute(r *memo.Recorder, key resource.Key) *route {
	in := f.routeInput(r, key)
	rt := &route{key: key, status: &gatewayv1.RouteStatus{}}
	for _, ref := range in.common.ParentRefs {
		found, ok := f.parent(r, key, ref)
		if !ok {
			rt.warnAboutParent(f, r, found)
			continue
		}
		p, conditions := f.makeParent(r, key, found, in)
		rt.parents = append(rt.parents, p)
		rt.status.Parents = append(rt.status.Parents, gatewayv1.RouteParentStatus{
			ParentRef:      found.ref,
			ControllerName: gatewayv1.GatewayController(f.config.ControllerName),
			Conditions:     report.Conditions(in.object.GetGeneration(), conditions...),
		})
	}
	if scope := in.common.UseDefaultGateways; scope != "" && scope != gatewayv1.GatewayDefaultScopeNone {
		rt.warnings = append(rt.warnings, "useDefaultGateways is not supported; name the Gateway in parentRefs")
	}
	return rt
}

// makeParent attaches a route to a parent. Its rules are compiled even if the
// parent does not take it, so that the user hears of references that lead nowhere.
func (f *Frontend) makeParent(r *memo.Recorder, key resource.Key, found parentObject, in routeInput) (*parent, []metav1.Condition) {
	p := &parent{gateway: found.gateway}
	attached, refusal := f.attach(r, key, found, in.hostnames)
	for _, a := range attached {
		use := a.listener.use(in.use)
		a.compiled = f.rules.Read(r, rulesKey{key, use, ""})
		a.variants = f.variants(r, rulesKey{key, use, ""}, a)
		p.attachments = append(p.attachments, a)
	}
	if refusal != nil {
		return p, f.rules.Read(r, rulesKey{key, in.use, ""}).conditions(refusal)
	}
	about := p.attachments[0].compiled
	p.accepted = !about.allInvalid()
	return p, about.conditions(nil)
}

// variants are what the rules of a route come to for hostnames of an attachment that
// policies treat in a way of their own. A route without hostnames has that of its
// listener.
func (f *Frontend) variants(r *memo.Recorder, key rulesKey, a attachment) map[string]*compiled {
	policies := f.policies.ForRoute(r, key.route)
	if policies == nil {
		return nil
	}
	variants := map[string]*compiled{}
	for _, h := range a.hostnames {
		if key.hostname = policies.Variant(cmp.Or(h, a.listener.matchedHostname())); key.hostname != "" {
			variants[h] = f.rules.Read(r, key)
		}
	}
	return variants
}

// warnAboutParent tells the author of a file that a parentRef leads nowhere. In a
// cluster the parent may be somebody else's, or not there yet.
func (rt *route) warnAboutParent(f *Frontend, r *memo.Recorder, p parentObject) {
	name := types.NamespacedName{Namespace: p.key.Namespace, Name: p.key.Name}
	if f.config.Standalone && (p.key.Kind == "Gateway" && core.Get[*gatewayv1.Gateway](f.src, r, name) == nil ||
		p.key.Kind == "ListenerSet" && core.Get[*gatewayv1.ListenerSet](f.src, r, name) == nil) {
		rt.warnings = append(rt.warnings, fmt.Sprintf("parentRefs: %s does not exist", p.key))
	}
}

// use is how a route that is attached to this listener uses its backends.
func (l *listener) use(use policy.Use) policy.Use {
	if use.Traffic == policy.Raw && l.terminates() {
		use.Traffic = policy.Decrypted
	}
	if use.Traffic != policy.Raw && l.gateway.certificate != nil {
		use.Gateway, use.Certificate = l.gateway.name(), l.gateway.certificate.Name
	}
	return use
}

// withDefaults spells out the group and kind of a parentRef, as statuses must.
func withDefaults(ref gatewayv1.ParentReference) gatewayv1.ParentReference {
	if ref.Group == nil {
		ref.Group = new(gatewayv1.Group(gatewayv1.GroupName))
	}
	if ref.Kind == nil {
		ref.Kind = new(gatewayv1.Kind("Gateway"))
	}
	return ref
}

// compiled is what the rules of a route come to for one use of its backends.
type compiled struct {
	route resource.Object
	// routes are the matches of HTTP rules.
	routes []rankedRoute
	// destinations are those of the only rule of TCP, UDP and TLS routes.
	origin       ir.Origin
	destinations []ir.Destination

	backends   []backendUse
	limiters   []*ir.Limiter
	unresolved []*core.RefError
	// dropped says what is not served and why; rules counts those that are.
	dropped []droppedRule
	rules   int
}

// backendUse is a backend of a route, and the Service it belongs to.
type backendUse struct {
	slot    *policy.Slot
	service types.NamespacedName
}

// droppedRule is a rule, or a match of one, that is not served.
type droppedRule struct {
	reason  gatewayv1.RouteConditionReason
	message string
}

// rulesKey names the rules of a route, compiled for one use of its backends. They
// depend on no Gateway, so that a new certificate of a listener leaves them alone.
type rulesKey struct {
	route resource.Key
	use   policy.Use
	// hostname is set for one that policies treat in a way of its own.
	hostname string
}

func (f *Frontend) makeRules(r *memo.Recorder, name rulesKey) *compiled {
	key, in := name.route, f.routeInput(r, name.route)
	c := &compiler{
		frontend: f, recorder: r, use: name.use,
		from:     core.Referrer{Group: key.Group, Kind: key.Kind, Namespace: key.Namespace},
		origin:   ir.Origin{Kind: key.Kind, Namespace: key.Namespace, Name: key.Name},
		policies: f.policies.ForRoute(r, key), hostname: name.hostname,
		out: &compiled{route: in.object},
	}
	in.compile(c)
	return c.out
}

// allInvalid tells whether not a single rule is served.
func (c *compiled) allInvalid() bool { return c.rules == 0 && len(c.dropped) > 0 }

// conditions of the route with respect to a parent that refuses it, or does not.
func (c *compiled) conditions(refusal *metav1.Condition) []metav1.Condition {
	var conditions []metav1.Condition
	switch {
	case refusal != nil:
		conditions = append(conditions, *refusal)
	case c.allInvalid():
		conditions = append(conditions, report.RouteInvalid(c.dropped[0].reason, c.droppedText()))
	case len(c.dropped) > 0:
		conditions = append(conditions, report.RouteAccepted(),
			report.RoutePartiallyInvalid(c.dropped[0].reason, "Dropped "+c.droppedText()))
	default:
		conditions = append(conditions, report.RouteAccepted())
	}
	if len(c.unresolved) == 0 {
		return append(conditions, report.RouteResolvedRefs())
	}
	var messages []string
	for _, err := range c.unresolved {
		messages = append(messages, err.Message)
	}
	return append(conditions, report.RouteUnresolved(c.unresolved[0].Reason, join(messages)))
}

func (c *compiled) droppedText() string {
	var messages []string
	for _, d := range c.dropped {
		messages = append(messages, d.message)
	}
	return join(messages)
}

// join makes one message of several, each said once and not too many of them.
func join(messages []string) string {
	const most = 8
	var kept []string
	more := 0
	for _, m := range messages {
		switch {
		case slices.Contains(kept, m):
		case len(kept) == most:
			more++
		default:
			kept = append(kept, m)
		}
	}
	if more > 0 {
		kept = append(kept, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(kept, "; ")
}
