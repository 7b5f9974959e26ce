package gatewayapi

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/core"
	"fsm/internal/translate/memo"
	"fsm/internal/translate/report"
)

// gateway is a Gateway of ours with its listeners, before routes.
type gateway struct {
	object *gatewayv1.Gateway
	key    resource.Key
	// accepted is set unless something about the Gateway itself is wrong, and idle
	// says why its listeners must not serve.
	accepted bool
	idle     string
	// addresses to bind; none means the proxy's own.
	addresses []string
	// certificate that identifies the Gateway to backends; nil for none.
	certificate *ir.Secret
	// listeners in order of precedence: the Gateway's own, then those of its sets.
	listeners []*listener
	sets      []*listenerSet
	// conditions of the Gateway. Routes do not change them.
	conditions []metav1.Condition
	warnings   []warning
}

type warning struct {
	key     resource.Key
	message string
}

func (g *gateway) warn(key resource.Key, message string) {
	g.warnings = append(g.warnings, warning{key, message})
}

func (g *gateway) name() ir.GatewayName { return ir.GatewayName(g.key.Namespace + "/" + g.key.Name) }

func (g *gateway) origin() ir.Origin {
	return ir.Origin{Kind: g.key.Kind, Namespace: g.key.Namespace, Name: g.key.Name}
}

// own are the listeners of one object: the Gateway, or one of its ListenerSets.
func (g *gateway) own(key resource.Key) []*listener {
	var own []*listener
	for _, l := range g.listeners {
		if l.owner.key == key {
			own = append(own, l)
		}
	}
	return own
}

// makeGateway returns nil when there is no such Gateway or it is not ours.
func (f *Frontend) makeGateway(r *memo.Recorder, name types.NamespacedName) *gateway {
	object := core.Get[*gatewayv1.Gateway](f.src, r, name)
	if object == nil {
		return nil
	}
	class := f.class(r, string(object.Spec.GatewayClassName))
	if !class.ours {
		return nil
	}
	g := &gateway{object: object, key: resource.KeyOf(object)}
	accepted, programmed := f.examineGateway(r, g, class)
	g.accepted = accepted == nil
	switch {
	case !g.accepted:
		g.idle = "the Gateway is not accepted"
	case programmed != nil && len(g.addresses) == 0:
		g.idle = "the Gateway has no usable address"
	}
	tuned := readOptions(object)
	own := g.specs()
	specs := [][]*listenerSpec{own}
	g.sets = f.listenerSets(r, g)
	for _, set := range g.sets {
		specs = append(specs, set.specs())
	}
	conflict, all := conflicts(specs), slices.Concat(specs...)
	overlap := overlaps(remaining(all, conflict))
	for _, spec := range all {
		in := listenerInput{spec: spec, gateway: g, conflict: conflict[spec], options: tuned.forListener(spec)}
		if c, ok := overlap[spec]; ok {
			in.overlap = &c
		}
		g.listeners = append(g.listeners, f.newListener(r, in))
	}
	for _, set := range g.sets {
		set.conclude(g)
	}
	g.warnAboutOptions(tuned)
	g.warnAboutUnused()
	g.conclude(accepted, programmed, f.clientCertificate(r, g), tuned)
	return g
}

func (g *gateway) specs() []*listenerSpec {
	own := owner{key: g.key, generation: g.object.Generation}
	specs := make([]*listenerSpec, len(g.object.Spec.Listeners))
	for i, l := range g.object.Spec.Listeners {
		specs[i] = &listenerSpec{Listener: l, owner: own}
	}
	return specs
}

func remaining(specs []*listenerSpec, out map[*listenerSpec][]metav1.Condition) []*listenerSpec {
	return slices.DeleteFunc(slices.Clone(specs), func(s *listenerSpec) bool { return out[s] != nil })
}

// examineGateway checks what concerns the Gateway as a whole. It returns the
// Accepted and Programmed conditions if they are not for the listeners to decide.
func (f *Frontend) examineGateway(r *memo.Recorder, g *gateway, class class) (accepted, programmed *metav1.Condition) {
	if class.problem != "" {
		message := fmt.Sprintf("GatewayClass %q is not accepted", g.object.Spec.GatewayClassName)
		return new(report.GatewayPending(message)), new(report.GatewayNotYetProgrammed(message))
	}
	if infrastructure := g.object.Spec.Infrastructure; infrastructure != nil && infrastructure.ParametersRef != nil {
		ref := infrastructure.ParametersRef
		key := resource.Key{Group: string(ref.Group), Kind: string(ref.Kind), Namespace: g.key.Namespace, Name: ref.Name}
		if problem := f.parametersProblem(r, key); problem != "" {
			return new(report.GatewayInvalidParameters(problem)), new(report.GatewayNotProgrammed(problem))
		}
		if f.config.Standalone {
			g.warn(g.key, parametersUnused)
		}
	}
	return g.examineAddresses()
}

// examineAddresses reads spec.addresses. An address without a value asks for any
// of its type, which is what a Gateway without addresses gets.
func (g *gateway) examineAddresses() (accepted, programmed *metav1.Condition) {
	for i, a := range g.object.Spec.Addresses {
		if a.Type != nil && *a.Type != gatewayv1.IPAddressType {
			message := fmt.Sprintf("addresses[%d]: type %s is not supported; use IPAddress", i, *a.Type)
			return new(report.GatewayUnsupportedAddress(message)), new(report.GatewayNotProgrammed(message))
		}
		if a.Routability != "" {
			message := fmt.Sprintf("addresses[%d]: routability %q is not supported", i, a.Routability)
			return new(report.GatewayUnsupportedAddress(message)), new(report.GatewayNotProgrammed(message))
		}
		if a.Value == "" {
			continue
		}
		ip, err := netip.ParseAddr(a.Value)
		if err != nil {
			programmed = new(report.GatewayAddressNotUsable(fmt.Sprintf("addresses[%d]: %q is not an IP address", i, a.Value)))
			continue
		}
		if !slices.Contains(g.addresses, ip.String()) {
			g.addresses = append(g.addresses, ip.String())
		}
	}
	return nil, programmed
}

// clientCertificate finds the certificate for backends. Without it backends that
// ask for one refuse; the Gateway serves all the same.
func (f *Frontend) clientCertificate(r *memo.Recorder, g *gateway) *metav1.Condition {
	tls := g.object.Spec.TLS
	if tls == nil || tls.Backend == nil || tls.Backend.ClientCertificateRef == nil {
		return nil
	}
	found := f.keyPair(r, owner{key: g.key}, *tls.Backend.ClientCertificateRef)
	switch {
	case found.forbidden:
		return new(report.GatewayRefNotPermitted(found.problem))
	case found.problem != "":
		return new(report.GatewayInvalidClientCertificateRef(found.problem))
	default:
		g.certificate = found.secret
		return nil
	}
}

// conclude turns what was found into the Gateway's conditions.
func (g *gateway) conclude(accepted, programmed, resolved *metav1.Condition, tuned tuning) {
	own := g.own(g.key)
	if accepted == nil {
		accepted = new(report.GatewayAccepted())
		if g.idle == "" {
			accepted = new(gatewayAccepted(own))
		}
	}
	if programmed == nil {
		programmed = new(report.GatewayProgrammed())
		if !slices.ContainsFunc(g.listeners, func(l *listener) bool { return l.serves }) {
			programmed = new(report.GatewayNotProgrammed("no listener can serve; see the conditions of the listeners"))
		}
	}
	if resolved == nil {
		resolved = new(report.GatewayResolvedRefs())
		if bad := namesWithout(own, gatewayv1.ListenerConditionResolvedRefs); bad != "" {
			resolved = new(report.GatewayListenersNotResolved("listeners " + bad))
		}
	}
	conditions := []metav1.Condition{*accepted, *programmed, *resolved}
	if ports := g.insecurePorts(); ports != "" {
		conditions = append(conditions, report.GatewayInsecureFrontendValidation(
			ports+": clients without a valid certificate are let in (AllowInsecureFallback); backends must check"))
	}
	if len(tuned.invalid) > 0 {
		conditions = append(conditions, report.GatewayInvalidOption(strings.Join(tuned.invalid, "; ")))
	}
	g.conditions = report.Conditions(g.object.Generation, conditions...)
}

// gatewayAccepted sums up the Gateway's own listeners: one that is accepted is
// enough.
func gatewayAccepted(own []*listener) metav1.Condition {
	idle := slices.DeleteFunc(slices.Clone(own), func(l *listener) bool { return l.serves })
	if len(idle) == 0 {
		return report.GatewayAccepted()
	}
	message := "listeners that do not serve: " + joinNames(idle)
	if slices.ContainsFunc(own, func(l *listener) bool { return l.holds(gatewayv1.ListenerConditionAccepted) }) {
		return report.GatewayPartlyAccepted(message)
	}
	return report.GatewayListenersNotValid(message)
}

func namesWithout(listeners []*listener, t gatewayv1.ListenerConditionType) string {
	return joinNames(slices.DeleteFunc(slices.Clone(listeners), func(l *listener) bool { return l.holds(t) }))
}

func joinNames(listeners []*listener) string {
	names := make([]string, len(listeners))
	for i, l := range listeners {
		names[i] = string(l.Name)
	}
	return strings.Join(names, ", ")
}

// insecurePorts names the parts of tls.frontend that let any client in.
func (g *gateway) insecurePorts() string {
	if g.object.Spec.TLS == nil || g.object.Spec.TLS.Frontend == nil {
		return ""
	}
	insecure := func(c gatewayv1.TLSConfig) bool {
		return c.Validation != nil && c.Validation.Mode == gatewayv1.AllowInsecureFallback
	}
	var ports []string
	if insecure(g.object.Spec.TLS.Frontend.Default) {
		ports = append(ports, "tls.frontend.default")
	}
	for _, p := range g.object.Spec.TLS.Frontend.PerPort {
		if insecure(p.TLS) {
			ports = append(ports, fmt.Sprintf("port %d", p.Port))
		}
	}
	return strings.Join(ports, ", ")
}

// warnAboutUnused names fields that have no effect.
func (g *gateway) warnAboutUnused() {
	if scope := g.object.Spec.DefaultScope; scope != "" && scope != gatewayv1.GatewayDefaultScopeNone {
		g.warn(g.key, "defaultScope is not supported; routes must name the Gateway in parentRefs")
	}
}
