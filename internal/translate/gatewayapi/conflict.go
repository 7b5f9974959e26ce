package gatewayapi

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/ir"
	"fsm/internal/translate/report"
)

// family groups protocols that can share a port.
type family string

const (
	cleartext family = "HTTP"
	encrypted family = "TLS" // HTTPS and TLS are told apart by server name
	bytes     family = "TCP" // needs the port to itself
	datagrams family = "UDP" // another network altogether
)

func familyOf(p gatewayv1.ProtocolType) (f family, ok bool) {
	switch p {
	case gatewayv1.HTTPProtocolType:
		return cleartext, true
	case gatewayv1.HTTPSProtocolType, gatewayv1.TLSProtocolType:
		return encrypted, true
	case gatewayv1.TCPProtocolType:
		return bytes, true
	case gatewayv1.UDPProtocolType:
		return datagrams, true
	default:
		return "", false
	}
}

// clash is how two listeners conflict.
type clash int

const (
	noClash clash = iota
	protocolClash
	hostnameClash
)

// clashOf compares two listeners. Only the port, the protocol and the hostname
// count; listeners that differ in other fields only cannot be told apart by what
// a client sends (Gateway API, "Distinct Listeners").
func clashOf(a, b *listenerSpec) clash {
	fa, okA := familyOf(a.Protocol)
	fb, okB := familyOf(b.Protocol)
	switch {
	case !okA || !okB || a.Port != b.Port, (fa == datagrams) != (fb == datagrams):
		return noClash
	case fa != fb, fa == bytes, fa == datagrams:
		return protocolClash
	case hostnameOf(a.Hostname) == hostnameOf(b.Hostname):
		return hostnameClash
	default:
		return noClash
	}
}

// conflicts finds the listeners that conflict. Between objects the earlier one
// wins: the Gateway before its ListenerSets, an older ListenerSet before a newer
// one. Within one object nobody wins: all that still conflict are out. A listener
// that is out takes nothing from others.
func conflicts(objects [][]*listenerSpec) map[*listenerSpec][]metav1.Condition {
	out := map[*listenerSpec][]metav1.Condition{}
	var claimed []*listenerSpec
	for _, specs := range objects {
		free := without(out, claimed, specs)
		claimed = append(claimed, without(out, free, free)...)
	}
	return out
}

// without returns the listeners that do not conflict with any of the others, and
// notes why the rest is out.
func without(out map[*listenerSpec][]metav1.Condition, others, specs []*listenerSpec) []*listenerSpec {
	var free []*listenerSpec
	for _, s := range specs {
		if c := s.conflictWith(others); c != nil {
			out[s] = c
		} else {
			free = append(free, s)
		}
	}
	return free
}

func (s *listenerSpec) conflictWith(others []*listenerSpec) []metav1.Condition {
	for _, o := range others {
		if o == s {
			continue
		}
		switch clashOf(s, o) {
		case hostnameClash:
			return report.ListenerHostnameConflict(fmt.Sprintf("%s has the same port %d and %s", o.seenFrom(s), s.Port, hostnameText(s.Hostname)))
		case protocolClash:
			return report.ListenerProtocolConflict(fmt.Sprintf("%s uses port %d with protocol %s; %s cannot share it", o.seenFrom(s), s.Port, o.Protocol, s.Protocol))
		case noClash:
		}
	}
	return nil
}

func hostnameText(h *gatewayv1.Hostname) string {
	if hostnameOf(h) == "" {
		return "no hostname either"
	}
	return fmt.Sprintf("hostname %q", *h)
}

// seenFrom names a listener to the owner of another one. Owners of ListenerSets
// in other namespaces are told nothing about each other.
func (s *listenerSpec) seenFrom(other *listenerSpec) string {
	switch {
	case s.owner.key == other.owner.key:
		return fmt.Sprintf("listener %q", s.Name)
	case s.owner.key.Kind == "Gateway" || s.owner.key.Namespace == other.owner.key.Namespace:
		return fmt.Sprintf("listener %q of %s", s.Name, s.owner.key)
	default:
		return "a listener of an older ListenerSet"
	}
}

// overlaps finds the TLS listeners that share names with another one on the same
// port. They work, by the more specific name; but clients may reuse a connection
// that was made for one of them for the other.
func overlaps(specs []*listenerSpec) map[*listenerSpec]metav1.Condition {
	out := map[*listenerSpec]metav1.Condition{}
	for _, s := range specs {
		i := slices.IndexFunc(specs, func(o *listenerSpec) bool { return o != s && overlap(s, o) })
		if i >= 0 {
			out[s] = report.ListenerOverlappingTLS(fmt.Sprintf("%s has hostnames in common; clients that reuse a connection for a name of the other listener are turned away", specs[i].seenFrom(s)))
		}
	}
	return out
}

func overlap(a, b *listenerSpec) bool {
	fa, _ := familyOf(a.Protocol)
	fb, _ := familyOf(b.Protocol)
	if fa != encrypted || fb != encrypted || a.Port != b.Port {
		return false
	}
	_, ok := ir.IntersectHostnames(hostnameOf(a.Hostname), hostnameOf(b.Hostname))
	return ok
}
