package webhook

import (
	"fmt"
	"strings"
	"testing"

	"fsm/internal/resource"
	"fsm/internal/translate"
)

// surroundings are what the cluster has.
const surroundings = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: fsm}
spec: {controllerName: flomesh.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: theirs}
spec: {controllerName: example.com/theirs}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: fsm, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: foreign}
spec: {gatewayClassName: theirs, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 8080}]}
---
apiVersion: gateway.flomesh.io/v1alpha1
kind: AccessControlPolicy
metadata: {name: first, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: gw}, ports: [{port: 80, config: {blacklist: [192.0.2.1]}}]}
`

// TestPolicies: values that nobody can use are refused; what other objects may mend is
// warned about.
func TestPolicies(t *testing.T) {
	objects, problems := resource.Decode("test.yaml", []byte(surroundings))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set := resource.NewSet(objects)
	judge := Policies{Set: func() *resource.Set { return set }, Config: func() translate.Config { return translate.InCluster("") }}.Judge
	const route, service = `"group":"gateway.networking.k8s.io","kind":"HTTPRoute"`, `"group":"","kind":"Service"`
	const gateway = `"group":"gateway.networking.k8s.io","kind":"Gateway"`
	for _, test := range []struct {
		name, kind, target, spec string
		refused, warned          string
	}{
		{"good", "AccessControlPolicy", route + `,"name":"web"`, `"config":{"blacklist":["192.0.2.1"]}`, "", ""},
		{"bad address", "AccessControlPolicy", route + `,"name":"web"`, `"config":{"blacklist":["192.0.2"]}`, `spec: Invalid value: config.blacklist: "192.0.2"`, ""},
		{"bad address at what is not there", "AccessControlPolicy", route + `,"name":"gone"`, `"config":{"blacklist":["192.0.2"]}`, "config.blacklist", ""},
		{"conflict", "AccessControlPolicy", gateway + `,"name":"gw"`, `"ports":[{"port":80}],"config":{"blacklist":["192.0.2.1"]}`, "", "AccessControlPolicy default/first is older"},
		{"of another controller", "AccessControlPolicy", gateway + `,"name":"foreign"`, `"ports":[{"port":80}],"config":{"blacklist":["192.0.2"]}`, "", ""},
		{"mode that is not supported", "RateLimitPolicy", route + `,"name":"web"`, `"config":{"mode":"Global","backlog":1,"requests":1,"statTimeWindow":1}`, "Global", ""},
		{"target that is not there", "FaultInjectionPolicy", route + `,"name":"gone"`, `"config":{"abort":{"percent":1,"statusCode":500}}`, "", "gone does not exist"},
		{"namespace that does not allow it", "RetryPolicy", service + `,"name":"web","namespace":"other"`, `"ports":[{"port":8080,"config":{"retryOn":["5xx"]}}]`, "", "no ReferenceGrant"},
		{"Service", "RetryPolicy", service + `,"name":"web"`, `"ports":[{"port":8080,"config":{"retryOn":["5xx"]}}]`, "", ""},
		{"Service in part", "SessionStickyPolicy", service + `,"name":"web"`, `"ports":[{"port":8080},{"port":9999}]`, "", "part of it does nothing: ports[1]: Service default/web has no port 9999"},
		{"nonsense for a Service", "LoadBalancerPolicy", service + `,"name":"web"`, `"ports":[{"port":8080,"type":"RoundRobinLoadBalancer","hashHeader":"x"}]`, "ports[0].hashHeader", ""},
		{"Secret that is not read yet", "UpstreamTLSPolicy", service + `,"name":"web"`, `"ports":[{"port":8080,"config":{"certificateRef":{"name":"ca"}}}]`, "", ""},
		{"wrong kind of target", "HealthCheckPolicy", route + `,"name":"web"`, `"ports":[{"port":8080,"config":{"interval":1,"maxFails":1}}]`, "use Service", ""},
		{"clients without TLS", "GatewayTLSPolicy", gateway + `,"name":"gw"`, `"ports":[{"port":80,"config":{"mTLS":true}}]`, "", "has protocol HTTP"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := judge(fmt.Appendf(nil, `{"apiVersion":"gateway.flomesh.io/v1alpha1","kind":%q,"metadata":{"name":"new","namespace":"default","creationTimestamp":"2026-02-01T00:00:00Z"},`+
				`"spec":{"targetRef":{%s},%s}}`, test.kind, test.target, test.spec))
			says := func(list []string, want string) bool {
				text := strings.Join(list, "\n")
				return (text == "") == (want == "") && strings.Contains(text, want)
			}
			var mistakes []string
			for _, m := range v.Mistakes {
				mistakes = append(mistakes, m.Error())
			}
			if !says(mistakes, test.refused) || !says(v.Warnings, test.warned) {
				t.Errorf("mistakes %q, want %q; warnings %q, want %q", mistakes, test.refused, v.Warnings, test.warned)
			}
		})
	}
}

// TestPolicySettings: what is said depends on what is served at the time. A Gateway that
// nobody looks after makes no policy wrong; what is wrong by itself stays so.
func TestPolicySettings(t *testing.T) {
	objects, problems := resource.Decode("test.yaml", []byte(surroundings))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set := resource.NewSet(objects)
	config := translate.InCluster("")
	judge := Policies{Set: func() *resource.Set { return set }, Config: func() translate.Config { return config }}.Judge
	says := func(kind, target, spec string) string {
		t.Helper()
		v := judge(fmt.Appendf(nil, `{"apiVersion":"gateway.flomesh.io/v1alpha1","kind":%q,"metadata":{"name":"new","namespace":"default"},"spec":{"targetRef":{%s},%s}}`, kind, target, spec))
		return fmt.Sprint(v.Mistakes, v.Warnings)
	}
	const gateway, route = `"group":"gateway.networking.k8s.io","kind":"Gateway","name":"gw"`, `"group":"gateway.networking.k8s.io","kind":"HTTPRoute","name":"web"`
	const port, address = `"ports":[{"port":99}],"config":{"blacklist":["192.0.2.1"]}`, `"config":{"blacklist":["192.0.2"]}`
	for _, test := range []struct {
		name       string
		noGateways bool
		gateway    string
	}{
		{"Gateways are served", false, "99"},
		{"they are not", true, ""},
		{"they are again", false, "99"},
	} {
		config.NoGateways = test.noGateways
		if got := says("AccessControlPolicy", gateway, port); (test.gateway == "") != (got == "[] []") || !strings.Contains(got, test.gateway) {
			t.Errorf("%s: about a Gateway without the port: %s", test.name, got)
		}
		if got := says("AccessControlPolicy", route, address); !strings.Contains(got, "192.0.2") {
			t.Errorf("%s: about a bad address: %s", test.name, got)
		}
	}
}
