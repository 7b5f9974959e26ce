package translate_test

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/translate"
)

// TestIstioMatrix: docs/istio.md has a line for each field of the API, and what it
// says is refused or ignored is answered for: a condition names what is refused, and
// a warning what is ignored.
func TestIstioMatrix(t *testing.T) {
	documented := documentedFields(t)
	fields := map[string]bool{}
	walk(reflect.TypeFor[istiov1.GatewaySpec](), "", fields)
	walk(reflect.TypeFor[istiov1.VirtualServiceSpec](), "", fields)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Errorf("fields (-API +docs/istio.md):\n%s", diff)
	}
	for field, says := range documented {
		if _, ok := probes[field]; !ok && (says == "refused" || says == "ignored") {
			t.Errorf("there is no probe of %s", field)
		}
	}
	for field, probe := range probes {
		t.Run(field, func(t *testing.T) { checkProbe(t, field, documented[field], probe) })
	}
}

// documentedFields are the fields in docs/istio.md, with what it says about each.
func documentedFields(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/istio.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-zA-Z0-9.]+)` \\| (.*) \\|$").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = m[2]
	}
	return documented
}

// leaves are types that one line of the document is about.
var leaves = []reflect.Type{
	reflect.TypeFor[istiov1.StringMatch](), reflect.TypeFor[istiov1.Destination](), reflect.TypeFor[istiov1.Headers](),
	reflect.TypeFor[istiov1.Percent](), reflect.TypeFor[istiov1.CertificatePaths](),
}

// walk collects the paths of all fields below a type.
func walk(typ reflect.Type, path string, into map[string]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || slices.Contains(leaves, typ) || typ.PkgPath() != reflect.TypeFor[istiov1.Gateway]().PkgPath() {
		into[path] = true
		return
	}
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		walk(typ.Field(i).Type, strings.TrimPrefix(path+"."+name, "."), into)
	}
}

// probes are the parts of manifests that use a field which is not supported: a server,
// or a rule of the kind that the field's path begins with.
var probes = map[string]string{
	"servers.bind":                          "bind: 127.0.0.1",
	"servers.defaultEndpoint":               "defaultEndpoint: 127.0.0.1:80",
	"servers.port.targetPort":               "port: {number: 443, name: https, targetPort: 8443}",
	"servers.tls.mode":                      "tls: {mode: AUTO_PASSTHROUGH}",
	"servers.tls.caCrl":                     "tls: {mode: SIMPLE, caCrl: /crl}",
	"servers.tls.tlsCertificates":           "tls: {mode: SIMPLE, tlsCertificates: [{privateKey: /key}]}",
	"servers.tls.subjectAltNames":           "tls: {mode: MUTUAL, subjectAltNames: [a]}",
	"servers.tls.verifyCertificateSpki":     "tls: {mode: MUTUAL, verifyCertificateSpki: [a]}",
	"servers.tls.verifyCertificateHash":     "tls: {mode: MUTUAL, verifyCertificateHash: [a]}",
	"servers.tls.minProtocolVersion":        "tls: {mode: SIMPLE, minProtocolVersion: TLSV1_3}",
	"servers.tls.maxProtocolVersion":        "tls: {mode: SIMPLE, maxProtocolVersion: TLSV1_2}",
	"servers.tls.cipherSuites":              "tls: {mode: SIMPLE, cipherSuites: [a]}",
	"http.match.scheme":                     "match: [{scheme: {exact: https}}]",
	"http.match.withoutHeaders":             "match: [{withoutHeaders: {a: {}}}]",
	"http.match.sourceLabels":               "match: [{sourceLabels: {a: b}}]",
	"http.match.sourceNamespace":            "match: [{sourceNamespace: a}]",
	"http.match.statPrefix":                 "match: [{statPrefix: a}]",
	"http.rewrite.uriRegexRewrite":          "rewrite: {uriRegexRewrite: {match: a, rewrite: b}}",
	"http.retries.retryOn":                  "retries: {attempts: 1, retryOn: unavailable}",
	"http.retries.retryRemoteLocalities":    "retries: {attempts: 1, retryRemoteLocalities: true}",
	"http.retries.retryIgnorePreviousHosts": "retries: {attempts: 1, retryIgnorePreviousHosts: true}",
	"http.fault.delay.exponentialDelay":     "fault: {delay: {exponentialDelay: 5s, percentage: {value: 1}}}",
	"http.fault.abort.http2Error":           "fault: {abort: {http2Error: a, percentage: {value: 1}}}",
	"http.corsPolicy.allowOrigins":          "corsPolicy: {allowOrigins: [{prefix: a}]}",
	"http.corsPolicy.unmatchedPreflights":   "corsPolicy: {unmatchedPreflights: FORWARD}",
	"http.redirect.derivePort":              "redirect: {derivePort: FROM_REQUEST_PORT, scheme: https}",
	"http.directResponse":                   "directResponse: {status: 200}",
	"http.delegate":                         "delegate: {name: a}",
	"tls.match.destinationSubnets":          "match: [{sniHosts: [a], destinationSubnets: [10.0.0.0/8]}]",
	"tls.match.sourceLabels":                "match: [{sniHosts: [a], sourceLabels: {a: b}}]",
	"tls.match.sourceNamespace":             "match: [{sniHosts: [a], sourceNamespace: a}]",
	"tcp.match.destinationSubnets":          "match: [{destinationSubnets: [10.0.0.0/8]}]",
	"tcp.match.sourceSubnet":                "match: [{sourceSubnet: 10.0.0.0/8}]",
	"tcp.match.sourceLabels":                "match: [{sourceLabels: {a: b}}]",
	"tcp.match.sourceNamespace":             "match: [{sourceNamespace: a}]",
}

// checkProbe translates a probe and looks for the field in what is said about it.
func checkProbe(t *testing.T, field, says, probe string) {
	kind, rest, _ := strings.Cut(field, ".")
	var manifest string
	if kind == "servers" {
		if !strings.HasPrefix(probe, "port:") {
			probe = "port: {number: 443, name: https}\n    " + probe
		}
		manifest = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec:\n  servers:\n  - " + probe + "\n"
	} else {
		manifest = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [a.example.com]\n" +
			"  gateways: [gw]\n  " + kind + ":\n  - " + probe + "\n    route: [{destination: {host: a}}]\n"
	}
	_, rep := translate.Translate(decode([]byte(manifest)), translate.Config{Standalone: true})
	refused, ignored := false, false
	for line := range strings.Lines(rep.String()) {
		line = regexp.MustCompile(`\[[0-9]+\]`).ReplaceAllString(line, "") // paths have indexes in them
		if !strings.Contains(line, kind+"."+rest) {
			continue
		}
		ignored = ignored || strings.Contains(line, "warning: ")
		refused = refused || strings.Contains(line, "Accepted=False") || strings.Contains(line, "PartiallyInvalid=True")
	}
	if refused != strings.Contains(says, "refused") || ignored != strings.Contains(says, "ignored") {
		t.Errorf("docs: %s; refused is %v, ignored is %v:\n%s", says, refused, ignored, rep)
	}
}
