package cli_test

import (
	"strings"
	"testing"
)

// nginxIngress is what a user of ingress-nginx has in a file.
var nginxIngress = strings.Replace(ingress, "pipy", "nginx", 1)

func TestMigrateNGINX(t *testing.T) {
	tests := []struct {
		name, input string
		flags       []string
		code        int
		out, err    string
	}{
		{"something is lost", backend + nginxIngress, nil, 1, "kind: HTTPRoute", "configuration-snippet is never honoured"},
		{"nothing is lost", backend + strings.Replace(nginxIngress, "configuration-snippet", "proxy-buffering", 1), nil, 0, "kind: HTTPRoute", "differs  all Ingresses"},
		{"no Ingress", backend, nil, 1, "", "there is no Ingress of ingress-nginx"},
		{"others are left alone", backend + ingress, nil, 1, "", `class "pipy" is not among those to convert`},
		{"a class of one's own", backend + ingress, []string{"--ingress-class", "pipy"}, 1, "kind: HTTPRoute", "configuration-snippet"},
		{"a Gateway with a name", backend + nginxIngress, []string{"--gateway", "infra/public", "--http-port", "8000"}, 1, "name: public\n  namespace: infra\n", ""},
		{"text that is no object", backend + nginxIngress + "\n---\nkind: [", nil, 1, "kind: HTTPRoute", "lost"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := fsm(t, test.input, append([]string{"migrate", "ingress-nginx", "-f", "-"}, test.flags...)...)
			if got.code != test.code || !strings.Contains(got.out, test.out) || !strings.Contains(got.err, test.err) {
				t.Errorf("got %d\n%s\n%s", got.code, got.out, got.err)
			}
		})
	}
}

func TestMigrateUsage(t *testing.T) {
	for _, args := range [][]string{{"migrate", "ingress-nginx"}, {"migrate", "ingress-nginx", "-f", "-", "--live"}} {
		if got := fsm(t, "", args...); got.code != 2 || !strings.Contains(got.err, "say what to convert") {
			t.Errorf("%q: got %d %s", args, got.code, got.err)
		}
	}
}

const conflicting = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: a}
spec:
  targetRefs: [{group: "", kind: Service, name: web}]
  validation: {hostname: a.example.com, wellKnownCACertificates: System}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: b}
spec:
  targetRefs: [{group: "", kind: Service, name: web}]
  validation: {hostname: b.example.com, wellKnownCACertificates: System}
`

func TestCheckConflicts(t *testing.T) {
	second := strings.Replace(ingress, "name: site", "name: site-too", 1)
	clash := `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: twice, namespace: shop}
spec:
  gatewayClassName: fsm
  listeners: [{name: a, protocol: HTTP, port: 8000}, {name: b, protocol: TCP, port: 8000}]
`
	const entry = `
---
apiVersion: policy.flomesh.io/v1alpha1
kind: IngressBackend
metadata: {name: a}
spec:
  backends: [{name: web, port: {number: 80, protocol: http}}]
  sources: [{kind: IPRange, name: 10.0.0.0/8}]
`
	const balancer = `
---
apiVersion: gateway.flomesh.io/v1alpha1
kind: LoadBalancerPolicy
metadata: {name: a}
spec: {targetRef: {group: "", kind: Service, name: web}, ports: [{port: 80}]}
`
	twice := func(object string) string { return object + strings.Replace(object, "name: a}", "name: b}", 1) }
	tests := []struct {
		name, input string
		args        []string
		code        int
		out, err    string
	}{
		{"none", gateway + route + backend + ingress, nil, 0, "There are no conflicts.\n", ""},
		{"policies", gateway + route + backend + conflicting, nil, 1, "BackendTLSPolicy default/b  ancestor Gateway gw: BackendTLSPolicy a is older or comes first by name, and has the same target\n", "there is 1 conflict"},
		{"policies by name", gateway + route + backend + conflicting, []string{"backendtlspolicies"}, 1, "BackendTLSPolicy default/b", "there is 1 conflict"},
		{"another kind", gateway + route + backend + conflicting, []string{"Gateway"}, 0, "There are no conflicts.\n", ""},
		{"another namespace", gateway + route + backend + conflicting, []string{"-n", "shop"}, 0, "There are no conflicts.\n", ""},
		{"Ingresses", backend + ingress + second, []string{"ingress"}, 1, "Ingress default/site-too  default backend of host * is not served: Ingress default/site has the same path\n", "there is 1 conflict"},
		{"listeners", clash, []string{"gateways", "-n", "shop"}, 1, "Gateway shop/twice  listener b: ", "there are 2 conflicts"},
		{
			"IngressBackends", backend + twice(entry), []string{"IngressBackend"}, 1,
			"IngressBackend default/b  backend default/web:80 is that of IngressBackend default/a backend 0, which is older or comes first by name\n", "there is 1 conflict",
		},
		{
			"our own policies", backend + twice(balancer), nil, 1,
			"LoadBalancerPolicy default/a is older or comes first by name", "there is 1 conflict",
		},
		{
			"a part of a policy", strings.Replace(backend, "{ports: [{port: 80}]}", "{ports: [{name: a, port: 80}, {name: b, port: 443}]}", 1) + balancer +
				strings.NewReplacer("name: a}", "name: b}", "[{port: 80}]", "[{port: 80}, {port: 443}]").Replace(balancer), nil, 1,
			"LoadBalancerPolicy default/b  ports[0]: LoadBalancerPolicy default/a is older or comes first by name, and is for port 80 too; remove one of them\n", "there is 1 conflict",
		},
		{"no such kind", "", []string{"Sidecar"}, 2, "", `"Sidecar" is no kind`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := fsm(t, test.input, append([]string{"policy", "check-conflicts", "-f", "-"}, test.args...)...)
			if got.code != test.code || !strings.Contains(got.out, test.out) || !strings.Contains(got.err, test.err) {
				t.Errorf("got %d\n%s\n%s", got.code, got.out, got.err)
			}
		})
	}
}
