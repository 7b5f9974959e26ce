package kube

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/internal/resource"
)

const classes = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ours}
spec: {controllerName: example.com/ours, parametersRef: {group: "", kind: ConfigMap, name: class, namespace: system}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: theirs}
spec: {controllerName: example.com/theirs, parametersRef: {group: "", kind: ConfigMap, name: their-class, namespace: system}}
---
`

const ingressClass = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: pipy}
spec: {controller: flomesh.io/ingress-pipy}
---
`

// ingress is an Ingress that refers to whatever one can refer to.
func ingress(spec string) string {
	return `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: site
  namespace: a
  annotations:
    pipy.ingress.kubernetes.io/upstream-ssl-secret: b/upstream
    nginx.ingress.kubernetes.io/auth-tls-secret: trusted
    nginx.ingress.kubernetes.io/custom-headers: a/headers
spec:
  ` + spec + `
  defaultBackend: {service: {name: web, port: {number: 80}}}
  tls: [{hosts: [example.com], secretName: cert}]
---
`
}

const grantToIngress = `
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: b}
spec: {from: [{group: networking.k8s.io, kind: Ingress, namespace: a}], to: [{group: '', kind: Secret}]}
---
`

func TestReferences(t *testing.T) {
	gateway := func(spec string) string {
		return "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: a}\nspec:\n" + spec + "\n---\n"
	}
	const listener = "  listeners: [{name: x, port: 443, protocol: HTTPS, tls: {certificateRefs: "
	grant := func(from, to string) string {
		return "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: b}\n" +
			"spec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: " + from + "}], to: [{group: '', kind: " + to + "}]}\n---\n"
	}
	const plain = "  listeners: [{name: x, port: 80, protocol: HTTP}]"
	checkReferences(t, []referenceCase{
		{
			"an Ingress",
			ingressClass + ingress("ingressClassName: pipy") + grantToIngress,
			[]string{"ConfigMap a/headers", "Secret a/cert", "Secret a/trusted", "Secret b/upstream"},
		},
		{"an Ingress without a grant", ingressClass + ingress("ingressClassName: pipy"), []string{"ConfigMap a/headers", "Secret a/cert", "Secret a/trusted"}},
		{"an Ingress of others", ingressClass + ingress("ingressClassName: nginx") + grantToIngress, nil},
		{"an Ingress without our class", ingress("ingressClassName: pipy") + grantToIngress, nil},
		{"certificates", gateway("  gatewayClassName: ours\n" + listener + "[{name: one}, {name: two}]}}]"), []string{"Secret a/one", "Secret a/two"}},
		{"Gateways of others", gateway("  gatewayClassName: theirs\n" + listener + "[{name: one}]}}]"), nil},
		{"other kinds", gateway("  gatewayClassName: ours\n" + listener + "[{group: example.com, kind: Secret, name: one}, {kind: Bucket, name: two}]}}]"), nil},
		{"without a grant", gateway("  gatewayClassName: ours\n" + listener + "[{name: one, namespace: b}]}}]"), nil},
		{"with a grant", gateway("  gatewayClassName: ours\n"+listener+"[{name: one, namespace: b}]}}]") + grant("a", "Secret"), []string{"Secret b/one"}},
		{"a grant for others", gateway("  gatewayClassName: ours\n"+listener+"[{name: one, namespace: b}]}}]") + grant("c", "Secret") + grant("a", "Service"), nil},
		{
			"authorities and the Gateway's own certificate",
			gateway("  gatewayClassName: ours\n  tls:\n    backend: {clientCertificateRef: {name: client}}\n    frontend:\n" +
				"      default: {validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}\n" +
				"      perPort: [{port: 443, tls: {validation: {caCertificateRefs: [{group: '', kind: Secret, name: ca}]}}}]\n" + plain),
			[]string{"ConfigMap a/ca", "Secret a/ca", "Secret a/client"},
		},
		{
			"parameters",
			gateway("  gatewayClassName: ours\n  infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: params}}\n" + plain),
			[]string{"ConfigMap a/params"},
		},
		{
			"ListenerSets",
			gateway("  gatewayClassName: ours\n"+plain) +
				"apiVersion: gateway.networking.k8s.io/v1\nkind: ListenerSet\nmetadata: {name: s, namespace: c}\nspec:\n  parentRef: {name: gw, namespace: a}\n" + listener + "[{name: one}]}}]\n---\n" +
				"apiVersion: gateway.networking.k8s.io/v1\nkind: ListenerSet\nmetadata: {name: t, namespace: c}\nspec:\n  parentRef: {name: gw}\n" + listener + "[{name: two}]}}]\n",
			[]string{"Secret c/one"},
		},
		{
			"policies",
			"apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {name: p, namespace: a}\nspec:\n" +
				"  targetRefs: [{group: '', kind: Service, name: s}]\n  validation: {hostname: x.example.com, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}\n",
			[]string{"ConfigMap a/ca"},
		},
	})
}

type referenceCase struct {
	name, objects string
	want          []string
}

// checkReferences compares what is found with what is wanted, besides the parameters of
// the class.
func checkReferences(t *testing.T, tests []referenceCase) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { expectReferences(t, test.objects, test.want...) })
	}
}

// TestPolicyReferences: of an UpstreamTLSPolicy the Secrets that hold for a port are
// read, and those of other namespaces with a grant.
func TestPolicyReferences(t *testing.T) {
	policy := func(spec string) string {
		return "apiVersion: gateway.flomesh.io/v1alpha1\nkind: UpstreamTLSPolicy\nmetadata: {name: p, namespace: a}\nspec:\n" +
			"  targetRef: {group: '', kind: Service, name: s}\n" + spec + "\n---\n"
	}
	const far = "  ports: [{port: 1, config: {certificateRef: {name: far, namespace: b}}}]\n  config: {certificateRef: {name: unused}}"
	grant := func(kind string) string {
		return "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: b}\n" +
			"spec: {from: [{group: gateway.flomesh.io, kind: " + kind + ", namespace: a}], to: [{group: '', kind: Secret}]}\n"
	}
	for _, test := range []struct {
		name, objects string
		want          []string
	}{
		{"own and common", policy("  ports: [{port: 1}, {port: 2, config: {certificateRef: {name: own}}}]\n  config: {certificateRef: {name: all}}"), []string{"Secret a/all", "Secret a/own"}},
		{"without any", policy("  ports: [{port: 1}]"), nil},
		{"another namespace", policy(far), nil},
		{"another namespace that allows it", policy(far) + grant("UpstreamTLSPolicy"), []string{"Secret b/far"}},
		{"another namespace that allows others", policy(far) + grant("GatewayTLSPolicy"), nil},
	} {
		t.Run(test.name, func(t *testing.T) { expectReferences(t, test.objects, test.want...) })
	}
}

// expectReferences compares what is to be read with what is wanted, besides what the
// classes refer to.
func expectReferences(t *testing.T, objects string, want ...string) {
	t.Helper()
	decoded, problems := resource.Decode("test.yaml", []byte(classes+objects))
	for _, p := range problems {
		if p.Refused {
			t.Fatal(p)
		}
	}
	got := []string{}
	for key := range findReferences(resource.NewSet(decoded), "example.com/ours") {
		got = append(got, key.String())
	}
	slices.Sort(got)
	want = append([]string{"ConfigMap system/class"}, want...)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
