package report_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/report"
)

const twoListeners = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: fsm
  allowedListeners: {namespaces: {from: Same}}
  listeners:
  - {name: a, port: 80, protocol: HTTP}
  - {name: b, port: 81, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set}
spec:
  parentRef: {name: gw}
  listeners:
  - {name: c, port: 82, protocol: HTTP}
`

func translated(t *testing.T) *report.Report {
	t.Helper()
	objects, problems := resource.Decode("test.yaml", []byte(twoListeners))
	_, rep := translate.Translate(resource.NewSet(objects, problems...), translate.Config{Standalone: true})
	return rep
}

func TestApply(t *testing.T) {
	a := ir.Origin{Kind: "Gateway", Namespace: "default", Name: "gw", Part: "listener a"}
	b := ir.Origin{Kind: "Gateway", Namespace: "default", Name: "gw", Part: "listener b"}
	c := ir.Origin{Kind: "ListenerSet", Namespace: "default", Name: "set", Part: "listener c"}
	taken := func(origins ...ir.Origin) ir.Failure {
		return ir.Failure{Resource: "tcp/:80", Origins: origins, Reason: "PortUnavailable", Message: "taken"}
	}
	for _, test := range []struct {
		name     string
		failures []ir.Failure
		want     string
	}{
		{"one listener", []ir.Failure{taken(a)}, `
Gateway default/gw  listenerSets=1  Accepted=True  Programmed=True  ResolvedRefs=True
Gateway default/gw  listener a  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=False/PortUnavailable: taken  ResolvedRefs=True
Gateway default/gw  listener b  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
ListenerSet default/set  Accepted=True  Programmed=True
ListenerSet default/set  listener c  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
`},
		{"all listeners of the Gateway, but not of its set", []ir.Failure{taken(a, b)}, `
Gateway default/gw  listenerSets=1  Accepted=True  Programmed=True  ResolvedRefs=True
Gateway default/gw  listener a  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=False/PortUnavailable: taken  ResolvedRefs=True
Gateway default/gw  listener b  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=False/PortUnavailable: taken  ResolvedRefs=True
ListenerSet default/set  Accepted=True  Programmed=True
ListenerSet default/set  listener c  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
`},
		{"all listeners", []ir.Failure{taken(a, b), taken(c)}, `
Gateway default/gw  listenerSets=1  Accepted=True  Programmed=False/Invalid: no listener can serve; see the conditions of the listeners  ResolvedRefs=True
Gateway default/gw  listener a  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=False/PortUnavailable: taken  ResolvedRefs=True
Gateway default/gw  listener b  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=False/PortUnavailable: taken  ResolvedRefs=True
ListenerSet default/set  Accepted=True  Programmed=False/ListenersNotValid: no listener can serve; see the conditions of the listeners
ListenerSet default/set  listener c  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=False/PortUnavailable: taken  ResolvedRefs=True
`},
		{"the Gateway itself", []ir.Failure{{Origins: []ir.Origin{a.Object()}, Reason: "AddressNotUsable", Message: "not here"}}, `
Gateway default/gw  listenerSets=1  Accepted=True  Programmed=False/AddressNotUsable: not here  ResolvedRefs=True
Gateway default/gw  listener a  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
Gateway default/gw  listener b  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
ListenerSet default/set  Accepted=True  Programmed=True
ListenerSet default/set  listener c  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			rep := translated(t)
			before := rep.String()
			if diff := cmp.Diff(test.want, "\n"+rep.Apply(test.failures).String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(before, rep.String()); diff != "" {
				t.Errorf("the report that was applied to has changed:\n%s", diff)
			}
		})
	}
}

// A certificate that a proxy cannot use is the failure of the listeners that show
// it; other resources become warnings on their objects.
func TestApplyFindsUsers(t *testing.T) {
	rep := translated(t)
	gateway := resource.Key{Group: "gateway.networking.k8s.io", Kind: "Gateway", Namespace: "default", Name: "gw"}
	secret := ir.Origin{Kind: "Secret", Namespace: "default", Name: "cert"}
	rep.Users[secret] = []report.Listener{{Object: gateway, Name: "b"}}
	got := rep.Apply([]ir.Failure{
		{Origins: []ir.Origin{secret}, Reason: "InvalidCertificate", Message: "odd curve"},
		{Origins: []ir.Origin{{Kind: "HTTPRoute", Namespace: "default", Name: "r", Part: "rule 0"}}, Reason: "InvalidRoute", Message: "too long"},
	}).String()
	want := `
Gateway default/gw  listenerSets=1  Accepted=True  Programmed=True  ResolvedRefs=True
Gateway default/gw  listener a  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
Gateway default/gw  listener b  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=False/InvalidCertificate: odd curve  ResolvedRefs=True
ListenerSet default/set  Accepted=True  Programmed=True
ListenerSet default/set  listener c  kinds=HTTPRoute,GRPCRoute  routes=0  Accepted=True  Programmed=True  ResolvedRefs=True
HTTPRoute default/r  warning: InvalidRoute: too long
`
	if diff := cmp.Diff(want, "\n"+got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEntriesTellWhatIsNotAccepted(t *testing.T) {
	rep := translated(t)
	rep.Problems = []resource.Problem{
		{Source: "x.yaml:3", Refused: true, Message: "no YAML"},
		{Key: resource.Key{Kind: "Deployment", Namespace: "default", Name: "web"}, Message: "is not used"},
	}
	got := map[string]bool{}
	for _, e := range rep.Entries() {
		got[e.Text] = e.Accepted
	}
	for text, accepted := range map[string]bool{
		"Accepted=False/Invalid: no YAML (x.yaml:3)\n":   false,
		"Deployment default/web  warning: is not used\n": true,
	} {
		if found, ok := got[text]; !ok || found != accepted {
			t.Errorf("entry %q: there %v, accepted %v; want accepted %v", text, ok, found, accepted)
		}
	}
}
