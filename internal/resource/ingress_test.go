package resource

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
)

// ingressPath is an Ingress with one path.
func ingressPath(path string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{host: a.example, http: {paths: [" + path + "]}}]}\n"
}

const toWeb = ", backend: {service: {name: web, port: {number: 80}}}}"

func TestDecodeIngress(t *testing.T) {
	o := one[*networkingv1.Ingress](t, ingressPath("{path: /a, pathType: Exact"+toWeb))
	if *o.Spec.Rules[0].HTTP.Paths[0].PathType != networkingv1.PathTypeExact {
		t.Errorf("got %v", o.Spec.Rules[0].HTTP.Paths[0])
	}
	one[*networkingv1.Ingress](t, ingressPath("{pathType: ImplementationSpecific"+toWeb))
	class := one[*networkingv1.IngressClass](t, "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: pipy}\nspec: {controller: flomesh.io/ingress-pipy}\n")
	if class.Namespace != "" {
		t.Errorf("the class is in namespace %q", class.Namespace)
	}
}

func TestRefusedIngresses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"without path type", ingressPath("{path: /" + toWeb), "spec.rules[0].http.paths[0].pathType: must be Exact"},
		{"unknown path type", ingressPath("{path: /, pathType: Regex" + toWeb), "pathType"},
		{"relative path", ingressPath("{path: a, pathType: Prefix" + toWeb), "must be an absolute path"},
		{"dot segment", ingressPath("{path: /a/.., pathType: Exact" + toWeb), "cannot end with '/..'"},
		{"encoded slash", ingressPath("{path: /a%2fb, pathType: Prefix" + toWeb), "must not contain '%2f'"},
		{"no backend", ingressPath("{path: /, pathType: Prefix, backend: {}}"), "one of service and resource is required"},
		{"no port", ingressPath("{path: /, pathType: Prefix, backend: {service: {name: web}}}"), "name or number is required"},
		{"no rule", "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {}\n", "one of defaultBackend and rules is required"},
		{"wildcard in the middle", strings.Replace(ingressPath("{path: /, pathType: Prefix"+toWeb), "a.example", "a.*.example", 1), "spec.rules[0].host"},
		{"upper case", strings.Replace(ingressPath("{path: /, pathType: Prefix"+toWeb), "a.example", "A.example", 1), "spec.rules[0].host"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			objects, problems := Decode("in.yaml", []byte(test.text))
			if len(objects) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Message, test.want) {
				t.Errorf("got %v, problems %v, want one with %q", outline(objects), complaints(problems), test.want)
			}
		})
	}
}

// TestEarlyIngress: files may have the API versions that are gone from clusters.
func TestEarlyIngress(t *testing.T) {
	const text = `
kind: Ingress
metadata: {name: i}
spec:
  backend: {serviceName: rest, servicePort: http}
  rules:
  - http: {paths: [{path: /a, backend: {serviceName: web, servicePort: 80}}, {pathType: Prefix, path: /b, backend: {resource: {kind: A, name: b}}}]}
`
	for _, version := range []string{"extensions/v1beta1", "networking.k8s.io/v1beta1"} {
		objects, problems := Decode("in.yaml", []byte("apiVersion: "+version+text))
		want := []string{"in.yaml:1 Ingress default/i apiVersion: " + version + " is that of old; read as networking.k8s.io/v1"}
		if diff := cmp.Diff(want, complaints(problems)); diff != "" || len(objects) != 1 {
			t.Fatalf("%d objects, problems (-want +got):\n%s", len(objects), diff)
		}
		spec := objects[0].(*networkingv1.Ingress).Spec
		paths := spec.Rules[0].HTTP.Paths
		if s := paths[0].Backend.Service; s.Name != "web" || s.Port.Number != 80 || *paths[0].PathType != networkingv1.PathTypeImplementationSpecific {
			t.Errorf("the first path is %+v", paths[0])
		}
		if *paths[1].PathType != networkingv1.PathTypePrefix || paths[1].Backend.Resource.Name != "b" {
			t.Errorf("the second path is %+v", paths[1])
		}
		if s := spec.DefaultBackend.Service; s.Name != "rest" || s.Port.Name != "http" {
			t.Errorf("the default backend is %+v", s)
		}
	}
}
