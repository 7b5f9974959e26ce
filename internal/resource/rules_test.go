package resource

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	istiov1 "fsm/api/istio/v1"
)

const gatewayGroup = "gateway.networking.k8s.io/"

// refusal is the message for which the only object of a text is refused.
func refusal(t *testing.T, text string) string {
	t.Helper()
	objects, problems := Decode("in.yaml", []byte(text))
	if len(objects) != 0 || len(problems) != 1 || !problems[0].Refused {
		t.Fatalf("got %v, problems %q, want one refusal", outline(objects), complaints(problems))
	}
	return problems[0].Message
}

func TestDefaults(t *testing.T) {
	route := one[*gatewayv1.HTTPRoute](t, `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a}
spec:
  parentRefs: [{name: gw}]
  rules:
  - backendRefs: [{name: web, port: 80}]
`)
	want := gatewayv1.HTTPRouteSpec{
		CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{
			Group: new(gatewayv1.Group(gatewayv1.GroupName)), Kind: new(gatewayv1.Kind("Gateway")), Name: "gw",
		}}},
		Rules: []gatewayv1.HTTPRouteRule{{
			Matches: []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{
				Type: new(gatewayv1.PathMatchPathPrefix), Value: new("/"),
			}}},
			BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
				BackendObjectReference: gatewayv1.BackendObjectReference{
					Group: new(gatewayv1.Group("")), Kind: new(gatewayv1.Kind("Service")), Name: "web", Port: new(gatewayv1.PortNumber(80)),
				},
				Weight: new(int32(1)),
			}}},
		}},
	}
	if diff := cmp.Diff(want, route.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}

	gateway := one[*gatewayv1.Gateway](t, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: a}
spec: {gatewayClassName: c, listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}]}
`)
	listener := gateway.Spec.Listeners[0]
	if *listener.TLS.Mode != gatewayv1.TLSModeTerminate || *listener.AllowedRoutes.Namespaces.From != gatewayv1.NamespacesFromSame || *listener.TLS.CertificateRefs[0].Kind != "Secret" {
		t.Errorf("listener is %+v", listener)
	}
	if len(gateway.Status.Conditions) == 0 || gateway.Status.Conditions[0].Reason != "Pending" {
		t.Errorf("conditions are %v, want those of a Gateway that no controller has seen", gateway.Status.Conditions)
	}
}

func TestBrokenRules(t *testing.T) {
	tests := []struct{ name, kind, spec, want string }{
		{
			"path without slash", "v1/HTTPRoute", "rules: [{matches: [{path: {value: foo}}]}]",
			"spec.rules[0].matches[0].path: value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
		},
		{
			"by an older version, too", "v1beta1/HTTPRoute", "rules: [{backendRefs: [{name: web}]}]",
			"spec.rules[0].backendRefs[0]: Must have port for Service reference",
		},
		{
			"every one is named", "v1/HTTPRoute", "hostnames: [A]\nparentRefs: [{name: 3}]\nrules: [{filters: [{type: Foo}], backendRefs: [{name: web, port: \"80\", weight: -1}]}]",
			"spec.hostnames[0]: should match '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'; " +
				"spec.parentRefs[0].name: must be of type string, not integer; " +
				"spec.rules[0].backendRefs[0].port: must be of type integer, not string; " +
				"spec.rules[0].backendRefs[0].weight: should be greater than or equal to 0; " +
				"spec.rules[0].filters[0].type: \"Foo\" is not supported; supported values: \"RequestHeaderModifier\", \"ResponseHeaderModifier\", \"RequestMirror\", \"RequestRedirect\", \"URLRewrite\", \"ExtensionRef\", \"CORS\", \"ExternalAuth\"",
		},
		{
			"but not without end", "v1/Gateway", "gatewayClassName: c\nlisteners: [" + strings.Repeat("{name: a, port: 0, protocol: HTTP}, ", 64) + "]",
			"; and 57 more",
		},
		{
			"timeouts", "v1/HTTPRoute", "rules: [{timeouts: {request: 1s, backendRequest: 2s}}]",
			"spec.rules[0].timeouts: backendRequest timeout cannot be longer than request timeout",
		},
		{
			"listeners of one port", "v1/Gateway", "gatewayClassName: c\nlisteners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}]",
			"spec.listeners: Combination of port, protocol and hostname must be unique for each listener",
		},
		{"missing field", "v1/GatewayClass", "description: x", "spec.controllerName: is required"},
		{"no spec", "v1/TCPRoute", "", "spec: is required"},
		{"hostnames of a TLSRoute", "v1/TLSRoute", "rules: [{backendRefs: [{name: a, port: 1}]}]", "spec.hostnames: is required"},
		{"IP address as hostname", "v1/TLSRoute", "hostnames: [192.0.2.1]\nrules: [{backendRefs: [{name: a, port: 1}]}]", "spec.hostnames: Hostnames cannot contain an IP"},
		{"no authorities", "v1/BackendTLSPolicy", "targetRefs: [{group: '', kind: Service, name: a}]\nvalidation: {hostname: a.b}", "spec.validation: exactly one of the fields in [caCertificateRefs wellKnownCACertificates] must be set"},
		{"grant to nobody", "v1beta1/ReferenceGrant", "from: []\nto: [{group: '', kind: Secret}]", "spec.from: should have at least 1 items"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			version, kind, _ := strings.Cut(tt.kind, "/")
			text := "apiVersion: " + gatewayGroup + version + "\nkind: " + kind + "\nmetadata: {name: a}\n"
			if tt.spec != "" {
				text += "spec:\n  " + strings.ReplaceAll(tt.spec, "\n", "\n  ") + "\n"
			}
			if got := refusal(t, text); !strings.Contains(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestTolerances(t *testing.T) {
	const redirect = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a}
spec:
  rules:
  - filters: [{type: RequestRedirect, requestRedirect: {hostname: example.com}}]
    backendRefs: [{name: web, port: 80}]
`
	objects, problems := Decode("in.yaml", []byte(redirect))
	if len(objects) != 1 {
		t.Errorf("got %v, want the object all the same", outline(objects))
	}
	want := []string{"in.yaml:2 HTTPRoute default/a spec.rules[0]: RequestRedirect filter together with backendRefs: the redirect answers, the backendRefs are not used"}
	if diff := cmp.Diff(want, complaints(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}

	// A tolerance excuses its own rule only.
	objects, problems = Decode("in.yaml", []byte(redirect+"  hostnames: [A]\n"))
	if len(objects) != 0 || len(problems) != 2 || !problems[1].Refused || strings.Contains(problems[1].Message, "RequestRedirect") {
		t.Errorf("got %v, problems %q, want the object refused for its hostname", outline(objects), complaints(problems))
	}
}

// A rule that is worded anew in the next release must not make a tolerance void
// without anybody noticing.
func TestTolerancesNameRules(t *testing.T) {
	for _, tolerance := range tolerances {
		kind, ok := lookupKind(gatewayv1.GroupName, tolerance.kind)
		if !ok {
			t.Errorf("no kind %s", tolerance.kind)
			continue
		}
		text, err := crdFiles.ReadFile("crds/" + gatewayv1.GroupName + "_" + kind.crd + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if folded := strings.Join(strings.Fields(string(text)), " "); !strings.Contains(folded, "message: "+tolerance.rule) {
			t.Errorf("%s has no rule %q", tolerance.kind, tolerance.rule)
		}
	}
}

func TestNullCountsAsNotSet(t *testing.T) {
	objects, problems := Decode("in.yaml", []byte("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec:\n  hostnames:\n  rules:\n  - matches:\n    backendRefs: [{name: web, port: 80}]\n"))
	if len(objects) != 1 {
		t.Fatalf("got %v, problems %v", outline(objects), complaints(problems))
	}
	want := []string{"in.yaml:1 HTTPRoute default/a null counts as not set: spec.hostnames, spec.rules[0].matches"}
	if diff := cmp.Diff(want, complaints(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	route := objects[0].(*gatewayv1.HTTPRoute)
	if route.Spec.Hostnames != nil {
		t.Errorf("hostnames are %v", route.Spec.Hostnames)
	}
	if matches := route.Spec.Rules[0].Matches; len(matches) != 1 || *matches[0].Path.Value != "/" {
		t.Errorf("matches are %+v, want the default", matches)
	}
}

// Each version has its own schema: hostnames became a duty with v1.
func TestOlderVersions(t *testing.T) {
	route := one[*gatewayv1.TLSRoute](t, "apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: TLSRoute\nmetadata: {name: a}\nspec: {parentRefs: [{name: gw, port: 8000}], rules: [{backendRefs: [{name: httpbin.org, port: 443}]}]}\n")
	if route.APIVersion != "gateway.networking.k8s.io/v1" || len(route.Spec.Hostnames) != 0 || route.Spec.Rules[0].BackendRefs[0].Name != "httpbin.org" {
		t.Errorf("got %s %+v", route.APIVersion, route.Spec)
	}
}

// Every version that the table of kinds promises has a schema that compiles, and
// no version that the definitions serve is forgotten.
func TestKindsMatchDefinitions(t *testing.T) {
	for _, kind := range kinds {
		if kind.crd == "" {
			continue
		}
		definition := mustReadCRD(kind)
		if definition.Spec.Names.Kind != kind.Name || definition.Spec.Group != kind.Group || (definition.Spec.Scope == "Cluster") != kind.Cluster {
			t.Errorf("%s: the definition is that of %s %s, scope %s", kind.Name, definition.Spec.Group, definition.Spec.Names.Kind, definition.Spec.Scope)
		}
		var served []string
		for _, v := range definition.Spec.Versions {
			if v.Served {
				served = append(served, v.Name)
			}
		}
		promised := slices.Sorted(slices.Values(kind.Versions))
		slices.Sort(served)
		if diff := cmp.Diff(served, promised); diff != "" {
			t.Errorf("%s: versions (-served +promised):\n%s", kind.Name, diff)
		}
		for _, version := range kind.Versions {
			if _, err := compile(definition, version); err != nil {
				t.Errorf("%s %s: %v", kind.Name, version, err)
			}
		}
	}
}

// The manifests of the gateway chapter of the user guide: each is used, and the
// warnings are exactly those that are deserved.
func TestGuidePages(t *testing.T) {
	warnings := map[string][]string{
		"7.4.4-http-redirect.yaml": {
			"spec.rules[0]: RequestRedirect filter together with backendRefs: the redirect answers, the backendRefs are not used",
			"null counts as not set: spec.rules[1].matches",
			"spec.rules[0]: RequestRedirect filter together with backendRefs: the redirect answers, the backendRefs are not used",
			"null counts as not set: spec.rules[1].matches",
			"spec.rules[0]: RequestRedirect filter together with backendRefs: the redirect answers, the backendRefs are not used",
		},
		"7.4.11-udp-routing.yaml":       {"Deployment fortio is not used"},
		"7.4.21-traffic-mirroring.yaml": {"Pod pipy is not used", "Pod pipy-mirror is not used"},
	}
	files, err := filepath.Glob("testdata/pages/*.yaml")
	if err != nil || len(files) != 10 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			objects, problems := Decode(path, text)
			var got []string
			unused := 0
			for _, p := range problems {
				if p.Refused {
					t.Errorf("refused: %v", p)
				}
				if strings.HasSuffix(p.Message, "is not used") {
					unused++
				}
				got = append(got, p.Message)
			}
			if diff := cmp.Diff(warnings[filepath.Base(path)], got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			if want := strings.Count(string(text), "apiVersion:") - unused; len(objects) != want {
				t.Errorf("got %d objects of %d", len(objects), want)
			}
		})
	}
}

// TestKindsOfOneName: of two kinds with one name the first in the list has it for
// itself, and the other shows its group.
func TestKindsOfOneName(t *testing.T) {
	objects, problems := Decode("in.yaml", []byte(`
apiVersion: networking.istio.io/v1beta1
kind: Gateway
metadata: {name: a}
spec: {servers: [{port: {number: 80, name: http}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: a}
spec: {gatewayClassName: c, listeners: [{name: http, port: 80, protocol: HTTP}]}
`))
	var got []string
	for _, o := range objects {
		got = append(got, KeyOf(o).String())
		kind, _ := KindOf(o)
		if back, ok := KindByID(kind.ID()); !ok || back.Group != kind.Group {
			t.Errorf("kind %s leads to %+v", kind.ID(), back)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"Gateway default/a", "Gateway.networking.istio.io default/a"}, got); diff != "" || len(problems) > 0 {
		t.Errorf("problems %q, objects (-want +got):\n%s", complaints(problems), diff)
	}
}

// TestEarlyMatch: the match of a VirtualService may be a mapping, as Istio's
// documentation once had it.
func TestEarlyMatch(t *testing.T) {
	objects, problems := Decode("in.yaml", []byte(`
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: a}
spec: {hosts: [a], http: [{match: {uri: {prefix: /a}}}, {match: [{uri: {prefix: /b}}]}]}
`))
	want := []string{"in.yaml:2 VirtualService default/a spec.http[0].match: is a list today; the mapping counts as its only item"}
	if diff := cmp.Diff(want, complaints(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(objects) != 1 || objects[0].(*istiov1.VirtualService).Spec.HTTP[0].Match[0].URI.Prefix != "/a" {
		t.Errorf("got %v", objects)
	}
}
