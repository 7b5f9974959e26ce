package migrate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/migrate"
	"fsm/internal/resource"
)

// TestLimits: what is more than an object can have goes into several.
func TestLimits(t *testing.T) {
	var input strings.Builder
	const hosts, paths = 70, 40
	for n := range hosts {
		fmt.Fprintf(&input, `---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: site-%[1]d, namespace: team-%[2]d}
spec:
  ingressClassName: nginx
  rules:
  - host: site-%[1]d.example.com
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]
  tls: [{hosts: [site-%[1]d.example.com], secretName: site-%[1]d}]
`, n, n%2)
	}
	fmt.Fprint(&input, "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: many, namespace: team-0}\nspec:\n  ingressClassName: nginx\n  rules:\n  - host: many.example.com\n    http:\n      paths:\n")
	for n := range paths {
		fmt.Fprintf(&input, "      - {path: /p%d, pathType: Prefix, backend: {service: {name: web-%d, port: {number: 80}}}}\n", n, n)
	}
	objects, problems := resource.Decode("input.yaml", []byte(input.String()))
	set := resource.NewSet(objects, problems...)
	result, err := migrate.Convert(set, migrate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var manifests strings.Builder
	if err := result.WriteYAML(&manifests); err != nil {
		t.Fatal(err)
	}
	checkAccepted(t, set, manifests.String()) // the CRDs know their limits
	servers, rules, granted := 0, 0, 0
	for _, o := range result.Objects {
		switch o := o.(type) {
		case *gatewayv1.Gateway:
			servers += len(o.Spec.Listeners) - 1
		case *gatewayv1.ListenerSet:
			servers += len(o.Spec.Listeners)
		case *gatewayv1.HTTPRoute:
			if o.Spec.Hostnames[0] == "many.example.com" {
				rules += len(o.Spec.Rules)
			}
		case *gatewayv1.ReferenceGrant:
			granted += len(o.Spec.To)
		}
	}
	if servers != hosts || rules != paths || granted != hosts {
		t.Errorf("got %d servers, %d rules and %d grants; want %d, %d and %d", servers, rules, granted, hosts, paths, hosts)
	}
}

// TestNone: without an Ingress of ingress-nginx there is nothing to write.
func TestNone(t *testing.T) {
	objects, _ := resource.Decode("input.yaml", []byte("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n"+
		"spec: {ingressClassName: traefik, defaultBackend: {service: {name: web, port: {number: 80}}}}\n"))
	result, err := migrate.Convert(resource.NewSet(objects), migrate.Options{})
	if !errors.Is(err, migrate.ErrNone) || len(result.Objects) > 0 || !result.Lossy() {
		t.Errorf("got %v and %d objects", err, len(result.Objects))
	}
}

// TestClasses: a class may be chosen, and FSM's own keeps its meaning: without TLS a host
// that has TLS is closed, and not redirected.
func TestClasses(t *testing.T) {
	objects, _ := resource.Decode("input.yaml", []byte(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: a}
spec:
  ingressClassName: pipy
  rules:
  - host: a.example.com
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]
  tls: [{hosts: [a.example.com], secretName: a}]
`))
	result, err := migrate.Convert(resource.NewSet(objects), migrate.Options{Classes: []string{"pipy"}})
	if err != nil {
		t.Fatal(err)
	}
	var closed *gatewayv1.HTTPRoute
	for _, o := range result.Objects {
		if r, ok := o.(*gatewayv1.HTTPRoute); ok && *r.Spec.ParentRefs[0].Port == 80 {
			closed = r
		}
	}
	if closed == nil || len(closed.Spec.Rules[0].BackendRefs)+len(closed.Spec.Rules[0].Filters) > 0 {
		t.Errorf("got %+v for port 80", closed)
	}
}
