package status_test

import (
	"cmp"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/api/gateway/v1alpha1"
	"fsm/internal/resource"
)

// policies have one of each kind, by what it says.
var policies = map[string]string{
	"AccessControlPolicy":   "targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}, config: {blacklist: [192.0.2.1]}",
	"RateLimitPolicy":       "targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}, config: {requests: 1, statTimeWindow: 1}",
	"FaultInjectionPolicy":  "targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}, config: {abort: {percent: 1, statusCode: 500}}",
	"GatewayTLSPolicy":      "targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: gw}, ports: [{port: 8443, config: {mTLS: false}}]",
	"RetryPolicy":           "targetRef: {name: web}, ports: [{port: 8080, config: {retryOn: [5xx]}}]",
	"SessionStickyPolicy":   "targetRef: {name: web}, ports: [{port: 8080}]",
	"HealthCheckPolicy":     "targetRef: {name: web}, ports: [{port: 8080, config: {interval: 1, maxFails: 1}}]",
	"LoadBalancerPolicy":    "targetRef: {name: web}, ports: [{port: 8080}]",
	"CircuitBreakingPolicy": "targetRef: {name: web}, ports: [{port: 8080, config: {minRequestAmount: 1, statTimeWindow: 1, degradedTimeWindow: 1, errorAmountThreshold: 1}}]",
	"UpstreamTLSPolicy":     "targetRef: {name: web}, ports: [{port: 8080, config: {certificateRef: {name: web}}}]",
}

func policy(kind string) string {
	return fmt.Sprintf("apiVersion: gateway.flomesh.io/v1alpha1\nkind: %s\nmetadata: {name: p}\nspec: {%s}\n", kind, policies[kind])
}

const policyTargets = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 8080}]}
---
apiVersion: v1
kind: Secret
metadata: {name: web}
data: {ca.crt: LS0t}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: fsm, listeners: [{name: https, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: web}]}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}
`

// TestPolicies: every kind of policy is told what has become of it, and again when its
// target comes and goes.
func TestPolicies(t *testing.T) {
	l := newLab(t)
	l.Check(l.ApplyFiles(l.Ctx, "../../charts/fsm/crds/gateway.flomesh.io_*.yaml"))
	p, _ := l.start(settings{})
	for _, kind := range resource.Kinds() {
		if kind.Group != v1alpha1.GroupName {
			continue
		}
		if policies[kind.Name] == "" {
			t.Errorf("there is no test for %s", kind.Name)
			continue
		}
		l.Lend(policy(kind.Name))
	}
	await := func(when, usual string, reasons map[string]string) {
		t.Helper()
		for kind := range policies {
			reason := cmp.Or(reasons[kind], usual)
			l.await(func() string {
				var o struct {
					metav1.PartialObjectMetadata
					Status v1alpha1.PolicyStatus
				}
				l.Check(l.Get(l.Ctx, policy(kind), &o))
				if c := find(o.Status.Conditions, "Accepted"); c.Reason != reason || c.ObservedGeneration != o.Generation {
					return fmt.Sprintf("%s, %s: Accepted is %+v, want reason %s", when, kind, c, reason)
				}
				return ""
			})
		}
	}
	await("without targets", "TargetNotFound", nil)
	l.Check(l.Apply(l.Ctx, policyTargets))
	// The Secret of the one that needs it has nothing that is a certificate.
	await("with targets", "Accepted", map[string]string{"UpstreamTLSPolicy": "InvalidCertificateRef"})
	l.Check(l.Delete(l.Ctx, policyTargets))
	await("targets are gone", "TargetNotFound", nil)
	before := p.writes.of("gateway.flomesh.io/")
	l.Lend(oneListener) // says something new about one policy, whose port it does not have
	l.Lend(httpRoute("other"))
	l.settled(1)
	if n := p.writes.of("gateway.flomesh.io/") - before; n > 1 {
		t.Errorf("%d statuses were written that said already what they should", n)
	}
}
