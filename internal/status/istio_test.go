package status_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	istiov1 "fsm/api/istio/v1"
	policyv1alpha1 "fsm/api/policy/v1alpha1"
	"fsm/internal/translate"
)

// istio is a control plane that serves Istio's kinds, in a cluster that has them.
func (l *lab) istio() (p *plane, stop func()) {
	l.T.Helper()
	l.Check(l.ApplyFiles(l.Ctx, "../../charts/fsm/crds/networking.istio.io_*.yaml"))
	l.Check(l.ApplyFiles(l.Ctx, "../../charts/fsm/crds/policy.flomesh.io_*.yaml"))
	return l.start(settings{config: translate.Config{Ingress: translate.Ingress{Enabled: true}}})
}

const istioGateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: igw}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}
`

func virtualService(name, more string) string {
	return `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ` + name + `}
spec:
  hosts: [` + name + `.example.com]
  gateways: [igw]
  http:
  - route: [{destination: {host: missing, port: {number: 80}}}]
` + more
}

func (l *lab) virtualService(name string) *istiov1.VirtualService {
	l.T.Helper()
	var v istiov1.VirtualService
	l.Check(l.Get(l.Ctx, "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: "+name+"}\n", &v))
	return &v
}

// says waits until the conditions of a VirtualService are these, each as
// "Type=Status/Reason", and observe its latest generation.
func (l *lab) says(name string, want ...string) *istiov1.VirtualService {
	l.T.Helper()
	var v *istiov1.VirtualService
	l.await(func() string {
		v = l.virtualService(name)
		var got []string
		for _, c := range v.Status.Conditions {
			if c.ObservedGeneration != v.Generation && strings.HasPrefix(c.Type, "Acc") {
				return fmt.Sprintf("%s observes generation %d of %d", c.Type, c.ObservedGeneration, v.Generation)
			}
			got = append(got, c.Type+"="+string(c.Status)+"/"+c.Reason)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Sprintf("conditions are %q, want %q", got, want)
		}
		return ""
	})
	return v
}

// Statuses of Istio's kinds say what is served, what is not, and what has no effect.
// What Istio itself wrote stays, and nothing is written twice.
func TestIstioConditions(t *testing.T) {
	l := newLab(t)
	p, _ := l.istio()
	l.Lend(istioGateway)
	l.Lend(virtualService("v", "    delegate: {name: other}\n"))
	l.says("v", "Accepted=False/UnsupportedValue", "ResolvedRefs=False/BackendNotFound")
	l.Check(l.ApplyStatus(l.Ctx, "istiod", strings.Replace(virtualService("v", ""), "spec:", `status:
  conditions: [`+strings.Replace(scanned, "example.com/Scanned", "Reconciled", 1)+`]
spec:`, 1)))
	l.Check(l.Apply(l.Ctx, virtualService("v", "    retries: {attempts: 1, retryOn: \"503,cancelled\"}\n")))
	v := l.says("v", "Accepted=True/Accepted", "Reconciled=True/Clean", "ResolvedRefs=False/BackendNotFound", "flomesh.io/FieldsHonoured=False/Ignored")
	if c := find(v.Status.Conditions, "flomesh.io/FieldsHonoured"); !strings.Contains(c.Message, `"cancelled"`) {
		t.Errorf("the condition is %+v", c)
	}
	l.await(func() string {
		var g istiov1.Gateway
		l.Check(l.Get(l.Ctx, istioGateway, &g))
		if c := find(g.Status.Conditions, "Accepted"); c.Status != metav1.ConditionTrue {
			return fmt.Sprintf("Accepted of the Gateway is %+v", c)
		}
		return ""
	})

	// One that has been looked at after it is written only if there is news about it.
	before := p.writes.of("virtualservices/v/")
	l.Lend(virtualService("w", ""))
	l.says("w", "Accepted=True/Accepted", "ResolvedRefs=False/BackendNotFound")
	if n := p.writes.of("virtualservices/v/") - before; n != 0 {
		t.Errorf("%d writes to what did not change", n)
	}
}

// A VirtualService whose gateways are none of ours has nothing of ours in its status.
func TestIstioConditionsGo(t *testing.T) {
	l := newLab(t)
	p, _ := l.istio()
	l.Lend(istioGateway)
	l.Lend(virtualService("v", ""))
	l.says("v", "Accepted=True/Accepted", "ResolvedRefs=False/BackendNotFound")
	l.Check(l.Apply(l.Ctx, strings.Replace(istioGateway, "ingressgateway", "egressgateway", 1)))
	l.says("v")
	l.await(func() string {
		var g istiov1.Gateway
		l.Check(l.Get(l.Ctx, istioGateway, &g))
		if n := len(g.Status.Conditions); n != 0 {
			return fmt.Sprintf("the Gateway has %d conditions", n)
		}
		return ""
	})
	if p.Writes()["Gateway.networking.istio.io"]["failed"]+p.Writes()["VirtualService"]["failed"] > 0 {
		t.Errorf("writes failed: %v", p.Writes())
	}
}

// The status of an IngressBackend is an ordinary field, which is written once.
func TestIngressBackendStatus(t *testing.T) {
	l := newLab(t)
	p, stop := l.istio()
	backend := func(name, sources string) string {
		return `
apiVersion: policy.flomesh.io/v1alpha1
kind: IngressBackend
metadata: {name: ` + name + `}
spec:
  backends: [{name: web, port: {number: 8080, protocol: http}}]
  sources: [` + sources + `]
`
	}
	says := func(name, state, reason string) (version string) {
		l.T.Helper()
		l.await(func() string {
			var b policyv1alpha1.IngressBackend
			l.Check(l.Get(l.Ctx, backend(name, ""), &b))
			version = b.ResourceVersion
			if b.Status.CurrentStatus != state || !strings.Contains(b.Status.Reason, reason) {
				return fmt.Sprintf("the status is %+v", b.Status)
			}
			return ""
		})
		return version
	}
	l.Lend("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80, targetPort: 8080}]}\n")
	l.Lend(backend("b", "{kind: IPRange, name: 10.0.0.0/8}"))
	says("b", "committed", "successfully committed")
	l.Check(l.Apply(l.Ctx, backend("b", "{kind: Service, name: gone, namespace: default}")))
	says("b", "error", "does not exist")
	l.Check(l.Apply(l.Ctx, backend("b", "{kind: IPRange, name: 10.0.0.0/8}")))
	version := says("b", "committed", "successfully committed")
	l.Lend(backend("c", "{kind: IPRange, name: 10.0.0.0/8}"))
	says("c", "error", "backend default/web:8080 is that of IngressBackend default/b")
	l.await(func() string { // the answer to a write comes after it
		if n := p.Writes()["IngressBackend"]; n["written"] != 4 || n["failed"] != 0 {
			return fmt.Sprintf("writes: %v", n)
		}
		return ""
	})
	stop()

	// The next leader finds nothing to write.
	second, _ := l.istio()
	l.Lend(istioGateway)
	l.await(func() string {
		if second.Writes()["Gateway.networking.istio.io"]["written"] == 0 {
			return "nothing was looked at"
		}
		return ""
	})
	if says("b", "committed", "") != version || second.Writes()["IngressBackend"]["written"] != 0 {
		t.Errorf("writes of the next leader: %v", second.Writes())
	}
}
