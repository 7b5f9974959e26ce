package status

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/translate/report"
)

// demand is what an object's status should say.
type demand struct {
	key resource.Key
	// status is a pointer to one of the status types of the Gateway API or of Istio, to
	// that of an Ingress or of our own policies, or a commit.
	status any
	// shared is set for statuses that are the report's own: while the pointer is the
	// same, so is what it says.
	shared bool
}

// Proxies are what is known about the proxies of a Gateway.
type Proxies struct {
	// Ready is set once a proxy of the Gateway serves what the report that was
	// published last is about, and none refused it.
	Ready bool
	// Message says what is being waited for otherwise.
	Message string
	// Addresses at which the Gateway can be reached.
	Addresses []gatewayv1.GatewayStatusAddress
	// Unusable says which addresses the Gateway asks for and has not got; empty for
	// none.
	Unusable string
	// Invalid are settings of the Gateway about its proxies that cannot be used.
	Invalid []string
}

// demands lists what a report asks for: parents before what attaches to them, for
// those who wait for a Gateway and then look at a route.
func (w *Writer) demands(rep *report.Report) []demand {
	var all []demand
	for key, s := range rep.Classes {
		all = append(all, demand{key: key, status: w.class(s)})
	}
	sets := map[resource.Key]Proxies{}
	for key, s := range rep.Gateways {
		proxies := w.options.Proxies(key)
		for _, set := range rep.Attached[key] {
			sets[set] = proxies
		}
		all = append(all, demand{key: key, status: w.gateway(key, s, proxies)})
	}
	for key, s := range rep.ListenerSets {
		proxies, attached := sets[key]
		if attached {
			s = w.listenerSet(key, s, proxies)
		}
		all = append(all, demand{key: key, status: s})
	}
	for key, s := range rep.Routes {
		all = append(all, demand{key: key, status: s, shared: true})
	}
	for key, s := range rep.Policies {
		all = append(all, demand{key: key, status: s})
	}
	all = append(all, w.ingresses(rep)...)
	all = append(append(all, w.istio(rep)...), commits(rep)...)
	for key, s := range rep.Attachments {
		all = append(all, demand{key: key, status: s})
	}
	return append(all, w.leftovers(rep)...)
}

// ingresses are reached at the same addresses, all those of a namespace. What the status
// of one says that is ours no longer is for its next controller to change.
func (w *Writer) ingresses(rep *report.Report) []demand {
	if w.options.Ingress == nil {
		return nil
	}
	statuses := map[string]*networkingv1.IngressStatus{} // nil where nothing is known
	var all []demand
	for key := range rep.Ingresses {
		status, asked := statuses[key.Namespace]
		if !asked {
			if addresses, ok := w.options.Ingress(key.Namespace); ok {
				status = &networkingv1.IngressStatus{LoadBalancer: networkingv1.IngressLoadBalancerStatus{Ingress: addresses}}
			}
			statuses[key.Namespace] = status
		}
		if status != nil {
			all = append(all, demand{key: key, status: status})
		}
	}
	return all
}

// leftovers are routes and policies that the report has nothing to say about and
// that still have entries of ours.
func (w *Writer) leftovers(rep *report.Report) []demand {
	var all []demand
	for _, kind := range []string{"HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "BackendTLSPolicy"} {
		for _, key := range w.options.Source.Keys(kind) {
			if rep.Routes[key] != nil || rep.Policies[key] != nil {
				continue
			}
			current, _ := w.options.Source.Recorded(key)
			if !w.merger().mentions(current.Status) {
				continue
			}
			if kind == "BackendTLSPolicy" {
				all = append(all, demand{key: key, status: &gatewayv1.PolicyStatus{}})
			} else {
				all = append(all, demand{key: key, status: &gatewayv1.RouteStatus{}})
			}
		}
	}
	return all
}

func (w *Writer) class(s *gatewayv1.GatewayClassStatus) *gatewayv1.GatewayClassStatus {
	next := *s
	next.SupportedFeatures = w.features
	if c, ok := supportedVersion(w.options.Source.BundleVersions()); ok && len(s.Conditions) > 0 {
		c.ObservedGeneration = s.Conditions[0].ObservedGeneration
		next.Conditions = append(slices.Clone(s.Conditions), c)
	}
	return &next
}

// sortedFeatures is the list as the Gateway API wants it: by name, each once.
func sortedFeatures(names []gatewayv1.FeatureName) []gatewayv1.SupportedFeature {
	names = slices.Clone(names)
	slices.SortFunc(names, func(a, b gatewayv1.FeatureName) int { return strings.Compare(string(a), string(b)) })
	var features []gatewayv1.SupportedFeature
	for _, name := range slices.Compact(names) {
		features = append(features, gatewayv1.SupportedFeature{Name: name})
	}
	return features
}

// gateway joins what the proxies say to what the translation says.
func (w *Writer) gateway(key resource.Key, s *gatewayv1.GatewayStatus, p Proxies) *gatewayv1.GatewayStatus {
	var current gatewayv1.GatewayStatus
	if recorded, ok := w.options.Source.Recorded(key); ok {
		if status, ok := recorded.Status.(*gatewayv1.GatewayStatus); ok {
			current = *status
		}
	}
	next := *s
	next.Addresses = append([]gatewayv1.GatewayStatusAddress{}, p.Addresses...) // none is an answer, too
	switch {
	case p.Unusable != "":
		next.Conditions = replaceProgrammed(s.Conditions, report.GatewayAddressNotUsable(p.Unusable))
	case !p.Ready:
		next.Conditions = hold(current.Conditions, s.Conditions, report.GatewayNotYetProgrammed(p.Message))
	case len(p.Addresses) == 0:
		next.Conditions = replaceProgrammed(s.Conditions, report.GatewayAddressNotAssigned())
	}
	if len(p.Invalid) > 0 {
		next.Conditions = addInvalid(next.Conditions, p.Invalid)
	}
	if p.Ready {
		return &next
	}
	next.Listeners = eachListener(ofGateway, current.Listeners, s.Listeners, p.holdListener)
	return &next
}

// holdListener puts off saying that a listener is programmed.
func (p Proxies) holdListener(current, want []metav1.Condition) []metav1.Condition {
	return hold(current, want, report.ListenerNotYetProgrammed(p.Message))
}

func (w *Writer) listenerSet(key resource.Key, s *gatewayv1.ListenerSetStatus, p Proxies) *gatewayv1.ListenerSetStatus {
	if p.Ready {
		return s
	}
	var current gatewayv1.ListenerSetStatus
	if recorded, ok := w.options.Source.Recorded(key); ok {
		if status, ok := recorded.Status.(*gatewayv1.ListenerSetStatus); ok {
			current = *status
		}
	}
	next := *s
	next.Conditions = hold(current.Conditions, s.Conditions, report.ListenerSetNotYetProgrammed(p.Message))
	next.Listeners = eachListener(ofSet, current.Listeners, s.Listeners, p.holdListener)
	return &next
}

// addInvalid adds settings to the condition that names those that cannot be used.
func addInvalid(conditions []metav1.Condition, invalid []string) []metav1.Condition {
	next := slices.Clone(conditions)
	if c := meta.FindStatusCondition(next, report.OptionsValid); c != nil {
		c.Message += "; " + strings.Join(invalid, "; ")
		return next
	}
	c := report.GatewayInvalidOption(strings.Join(invalid, "; "))
	if len(next) > 0 {
		c.ObservedGeneration = next[0].ObservedGeneration
	}
	return append(next, c)
}

const programmed = string(gatewayv1.GatewayConditionProgrammed)

// hold puts off saying that something is programmed. What was programmed before
// stays so, as of the generation that it was observed of: it still serves, and a
// condition that comes and goes with every edit would tell nobody anything.
func hold(current, want []metav1.Condition, waiting metav1.Condition) []metav1.Condition {
	if !meta.IsStatusConditionTrue(want, programmed) {
		return want
	}
	if meta.IsStatusConditionTrue(current, programmed) {
		before := *meta.FindStatusCondition(current, programmed)
		next := slices.Clone(want)
		*meta.FindStatusCondition(next, programmed) = before
		return next
	}
	return replaceProgrammed(want, waiting)
}

// replaceProgrammed puts a condition in the place of Programmed=True.
func replaceProgrammed(conditions []metav1.Condition, c metav1.Condition) []metav1.Condition {
	if !meta.IsStatusConditionTrue(conditions, programmed) {
		return conditions
	}
	next := slices.Clone(conditions)
	p := meta.FindStatusCondition(next, programmed)
	c.ObservedGeneration = p.ObservedGeneration
	*p = c
	return next
}
