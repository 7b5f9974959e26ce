package translate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/translate"
)

// references are all the ways in which an object may refer into another
// namespace, here from namespace "here" to namespace "there".
var references = []struct {
	name     string
	from, to string // kinds
	target   string // name of what is referred to
	yaml     string
}{
	{"backend of HTTPRoute", "HTTPRoute", "Service", "web", routeTo("HTTPRoute", "- backendRefs: [{name: web, namespace: there, port: 80}]")},
	{"backend of GRPCRoute", "GRPCRoute", "Service", "web", routeTo("GRPCRoute", "- backendRefs: [{name: web, namespace: there, port: 80}]")},
	{"backend of TCPRoute", "TCPRoute", "Service", "web", routeTo("TCPRoute", "- backendRefs: [{name: web, namespace: there, port: 80}]")},
	{"backend of UDPRoute", "UDPRoute", "Service", "web", routeTo("UDPRoute", "- backendRefs: [{name: web, namespace: there, port: 80}]")},
	{"backend of TLSRoute", "TLSRoute", "Service", "web", strings.Replace(routeTo("TLSRoute", "- backendRefs: [{name: web, namespace: there, port: 80}]"),
		"spec:", "spec:\n  hostnames: [a.example.com]", 1)},
	{"mirror of HTTPRoute", "HTTPRoute", "Service", "web", routeTo("HTTPRoute", "- filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, namespace: there, port: 80}}}]")},
	{"mirror of GRPCRoute", "GRPCRoute", "Service", "web", routeTo("GRPCRoute", "- filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, namespace: there, port: 80}}}]")},
	{"mirror of a backend", "HTTPRoute", "Service", "web", routeTo("HTTPRoute", "- backendRefs: [{name: local, port: 80, filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, namespace: there, port: 80}}}]}]")},
	{"certificate of Gateway", "Gateway", "Secret", "cert", gatewayWith("", "tls: {certificateRefs: [{name: cert, namespace: there}]}")},
	{"certificate of ListenerSet", "ListenerSet", "Secret", "cert", `
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set, namespace: here}
spec:
  parentRef: {name: plain}
  listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert, namespace: there}]}}]`},
	{"client certificate of Gateway", "Gateway", "Secret", "cert", gatewayWith("tls: {backend: {clientCertificateRef: {name: cert, namespace: there}}}", "tls: {certificateRefs: [{name: local}]}")},
	{"authorities of Gateway in ConfigMap", "Gateway", "ConfigMap", "ca", gatewayWith(
		`tls: {frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca, namespace: there}]}}}}`, "tls: {certificateRefs: [{name: local}]}")},
	{"authorities of Gateway in Secret", "Gateway", "Secret", "ca", gatewayWith(
		`tls: {frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: Secret, name: ca, namespace: there}]}}}}`, "tls: {certificateRefs: [{name: local}]}")},
}

func routeTo(kind, rule string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: %s
metadata: {name: route, namespace: here}
spec:
  parentRefs: [{name: plain}]
  rules:
  %s`, kind, rule)
}

func gatewayWith(spec, listener string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: here}
spec:
  gatewayClassName: fsm
  %s
  listeners: [{name: https, port: 8443, protocol: HTTPS, %s}]`, spec, listener)
}

const plainGateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: plain, namespace: here}
spec:
  gatewayClassName: fsm
  allowedListeners: {namespaces: {from: Same}}
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: tls, port: 444, protocol: TLS, tls: {mode: Passthrough}}
  - {name: tcp, port: 9000, protocol: TCP}
  - {name: udp, port: 9000, protocol: UDP}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: there}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: local, namespace: here}
spec: {ports: [{port: 80}]}`

// A reference into another namespace holds exactly when a ReferenceGrant there
// names the kind and namespace it comes from, and the kind and, if any, the name
// of what it goes to.
func TestReferenceGrants(t *testing.T) {
	grant := func(namespace, fromGroup, fromKind, fromNamespace, to string) string {
		return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: grant, namespace: %s}
spec:
  from: [{group: %s, kind: %s, namespace: %s}]
  to: [{%s}]`, namespace, fromGroup, fromKind, fromNamespace, to)
	}
	const gatewayAPI = "gateway.networking.k8s.io"
	material := materialFor(t)
	for _, ref := range references {
		to := `group: "", kind: ` + ref.to
		for _, test := range []struct {
			name, grant string
			permitted   bool
		}{
			{"no grant", "", false},
			{"grant for the kind", grant("there", gatewayAPI, ref.from, "here", to), true},
			{"grant for the name", grant("there", gatewayAPI, ref.from, "here", to+", name: "+ref.target), true},
			{"grant for another name", grant("there", gatewayAPI, ref.from, "here", to+", name: other"), false},
			{"grant for another kind of target", grant("there", gatewayAPI, ref.from, "here", `group: "", kind: Pod`), false},
			{"grant for another group of target", grant("there", gatewayAPI, ref.from, "here", "group: example.com, kind: "+ref.to), false},
			{"grant from another kind", grant("there", gatewayAPI, "BackendTLSPolicy", "here", to), false},
			{"grant from another group", grant("there", "example.com", ref.from, "here", to), false},
			{"grant from another namespace", grant("there", gatewayAPI, ref.from, "elsewhere", to), false},
			{"grant in the namespace it comes from", grant("here", gatewayAPI, ref.from, "here", to), false},
		} {
			t.Run(ref.name+"/"+test.name, func(t *testing.T) {
				input := strings.Join([]string{plainGateway, material, ref.yaml, test.grant}, "\n---\n")
				_, rep := translate.Translate(decode([]byte(input)), translate.Config{Standalone: true})
				text := rep.String()
				refused, unresolved := strings.Contains(text, "RefNotPermitted"), strings.Contains(text, "ResolvedRefs=False")
				if refused == test.permitted || unresolved == test.permitted {
					t.Errorf("permitted should be %v, but the report says:\n%s", test.permitted, text)
				}
			})
		}
	}
}

// materialFor returns certificates and authorities in both namespaces.
func materialFor(t *testing.T) string {
	t.Helper()
	read := func(name string) string {
		data, err := os.ReadFile("testdata/include/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	cert, _, _ := strings.Cut(read("certificates.yaml"), "\n---\n")
	bundle := read("authority.yaml")
	bundleSecret := strings.Replace(strings.Replace(bundle, "ConfigMap", "Secret", 1), "\ndata:", "\nstringData:", 1)
	return strings.Join([]string{
		strings.Replace(cert, "{name: cert}", "{name: cert, namespace: there}", 1),
		strings.Replace(cert, "{name: cert}", "{name: local, namespace: here}", 1),
		strings.Replace(bundle, "{name: ca}", "{name: ca, namespace: there}", 1),
		strings.Replace(bundleSecret, "{name: ca}", "{name: ca, namespace: there}", 1),
	}, "\n---\n")
}

const bystander = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: bystander, namespace: bystander}
spec:
  gatewayClassName: fsm-gateway-cls
  addresses: [{value: 127.9.9.9}]
  listeners: [{name: http, port: 18080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: bystander, namespace: bystander}
spec:
  parentRefs: [{name: bystander}]
  rules: [{backendRefs: [{name: bystander, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: bystander, namespace: bystander}
spec: {ports: [{port: 80}]}`

// Whatever else is in a set, good or bad, a Gateway that has nothing to do with
// it is served the same.
func TestOtherObjectsDoNotHurt(t *testing.T) {
	about := func(input string) string {
		mesh, rep := translate.Translate(decode([]byte(input)), translate.Config{Standalone: true})
		var lines []string
		for line := range strings.Lines(ir.Format(project.Project(mesh, everything)) + rep.String()) {
			if strings.Contains(line, "bystander") {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	want := about(bystander)
	if strings.Count(want, "\n") < 5 {
		t.Fatalf("the bystander is not served:\n%s", want)
	}
	for _, input := range inputs(t) {
		if got := about(string(input) + "\n---\n" + bystander); got != want {
			t.Errorf("beside\n%s\nthe bystander gets\n%s\nwant\n%s", input, got, want)
		}
	}
}
