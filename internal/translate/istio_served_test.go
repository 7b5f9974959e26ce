package translate_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

// effect is a use of a field that is served, and what it makes proxies do.
type effect struct {
	use string
	// want is in the snapshot with the field, and not without it.
	want string
	// without is what stands in place of the use; empty for nothing.
	without string
}

// effects are those of all fields that docs/istio.md does not say are refused or
// ignored. A use is a server, a rule of the kind that the path begins with, or, for
// fields of a VirtualService or Gateway itself, lines of its spec.
var effects = map[string]effect{
	"selector":                         {use: "selector: {istio: ingressgateway}", without: "selector: {istio: other}", want: "VirtualService default/v"},
	"servers.port.number":              {use: "port: {number: 8081, name: http}", want: "listener  tcp/:8081"},
	"servers.port.protocol":            {use: "port: {number: 8081, name: x, protocol: HTTP}", without: "port: {number: 8081, name: x}", want: "listener  tcp/:8081"},
	"servers.port.name":                {use: "port: {number: 8081, name: grpc-x}", without: "port: {number: 8081, name: x-grpc}", want: "listener  tcp/:8081"},
	"servers.hosts":                    {use: "port: {number: 8081, name: http}\n    hosts: [default/a.example.com]", without: "port: {number: 8081, name: http}\n    hosts: [other/a.example.com]", want: "http-8081/a.example.com"},
	"servers.tls.httpsRedirect":        {use: "port: {number: 8081, name: http}\n    tls: {httpsRedirect: true}", without: "port: {number: 8081, name: http}", want: "redirect 301 scheme=https"},
	"servers.tls.mode":                 {use: "port: {number: 443, name: tls}\n    tls: {mode: PASSTHROUGH}", without: "port: {number: 443, name: tls}\n    tls: {mode: SIMPLE}", want: "listener  tcp/:443"},
	"servers.tls.serverCertificate":    {use: "port: {number: 443, name: https}\n    tls: {mode: SIMPLE, serverCertificate: tls.crt, privateKey: tls.key}", want: "tls=File/tls.crt,tls.key"},
	"servers.tls.privateKey":           {use: "port: {number: 443, name: https}\n    tls: {mode: SIMPLE, serverCertificate: tls.crt, privateKey: tls.key}", without: "port: {number: 443, name: https}\n    tls: {mode: SIMPLE, serverCertificate: tls.crt, privateKey: gone.key}", want: "tls=File/tls.crt,tls.key"},
	"servers.tls.caCertificates":       {use: "port: {number: 443, name: https}\n    tls: {mode: MUTUAL, serverCertificate: tls.crt, privateKey: tls.key, caCertificates: tls.crt}", want: "clients=File/tls.crt"},
	"servers.tls.credentialName":       {use: "port: {number: 443, name: https}\n    tls: {mode: SIMPLE, credentialName: cert}", want: "tls=Secret/default/cert"},
	"servers.tls.credentialNames":      {use: "port: {number: 443, name: https}\n    tls: {mode: SIMPLE, credentialNames: [other-cert]}", want: "tls=Secret/default/other-cert"},
	"servers.tls.caCertCredentialName": {use: "port: {number: 443, name: https}\n    tls: {mode: MUTUAL, credentialName: cert, caCertCredentialName: clients}", want: "clients=Secret/default/clients"},
	"servers.tls.minProtocolVersion":   {use: "port: {number: 443, name: https}\n    tls: {mode: SIMPLE, credentialName: cert, minProtocolVersion: TLSV1_2}", without: "port: {number: 443, name: https}\n    tls: {mode: SIMPLE, credentialName: cert, minProtocolVersion: TLSV1_0}", want: "listener  tcp/:443"},
	"servers.tls.maxProtocolVersion":   {use: "port: {number: 443, name: https}\n    tls: {mode: SIMPLE, credentialName: cert, maxProtocolVersion: TLSV1_3}", without: "port: {number: 443, name: https}\n    tls: {mode: SIMPLE, credentialName: cert, maxProtocolVersion: TLSV1_2}", want: "listener  tcp/:443"},
	"hosts":                            {use: "hosts: [b.example.com]", without: "hosts: [a.example.com]", want: "b.example.com\n"},
	"gateways":                         {use: "gateways: [default/gw]", without: "gateways: [default/other]", want: "VirtualService default/v"},
	"exportTo":                         {use: `exportTo: ["."]`, without: "exportTo: [other]", want: "VirtualService default/v"},
	"http.match.uri":                   {use: "match: [{uri: {exact: /x}}]", want: "/x  ->"},
	"http.match.ignoreUriCase":         {use: "match: [{uri: {prefix: /x}, ignoreUriCase: true}]", without: "match: [{uri: {prefix: /x}}]", want: "(any case)/x"},
	"http.match.method":                {use: "match: [{method: {exact: PUT}}]", want: "PUT /*"},
	"http.match.authority":             {use: "match: [{authority: {exact: x.example.com}}]", want: "Host=x.example.com"},
	"http.match.headers":               {use: "match: [{headers: {x-a: {exact: b}}}]", want: "x-a=b"},
	"http.match.queryParams":           {use: "match: [{queryParams: {a: {exact: b}}}]", want: "query:a=b"},
	"http.match.port":                  {use: "match: [{port: 80}]", without: "match: [{port: 81}]", want: "VirtualService default/v"},
	"http.match.gateways":              {use: "match: [{gateways: [gw]}]", without: "match: [{gateways: [other]}]", want: "VirtualService default/v"},
	"http.route.destination":           {use: "route: [{destination: {host: api}}]", want: "local/default/api:8080"},
	"http.route.weight":                {use: "route: [{destination: {host: web}, weight: 9}, {destination: {host: api}, weight: 1}]", want: "9/10 local/default/web:8080, 1/10"},
	"http.route.headers":               {use: "route: [{destination: {host: web}, headers: {request: {set: {x-a: b}}}}]", want: "[request set x-a=b]"},
	"http.redirect.uri":                {use: "redirect: {uri: /new}", want: "redirect 301 path=/new"},
	"http.redirect.authority":          {use: "redirect: {authority: n.example.com}", want: "host=n.example.com"},
	"http.redirect.port":               {use: "redirect: {port: 8443}", want: "port=8443"},
	"http.redirect.derivePort":         {use: "redirect: {derivePort: FROM_PROTOCOL_DEFAULT, scheme: https}", without: "redirect: {derivePort: FROM_REQUEST_PORT, scheme: https}", want: "scheme=https"},
	"http.redirect.scheme":             {use: "redirect: {scheme: https}", want: "scheme=https"},
	"http.redirect.redirectCode":       {use: "redirect: {uri: /new, redirectCode: 307}", want: "redirect 307"},
	"http.rewrite.uri":                 {use: "rewrite: {uri: /new}", want: "rewrite"},
	"http.rewrite.authority":           {use: "rewrite: {authority: n.example.com}", want: "rewrite host=n.example.com"},
	"http.timeout":                     {use: "timeout: 3s", want: "timeout=3s"},
	"http.retries.attempts":            {use: "retries: {attempts: 7}", want: "retry=7"},
	"http.retries.perTryTimeout":       {use: "retries: {attempts: 1, perTryTimeout: 2s}", want: "attempt=2s"},
	"http.retries.retryOn":             {use: "retries: {attempts: 1, retryOn: \"429\"}", want: "on [429]"},
	"http.retries.backoff":             {use: "retries: {attempts: 1, backoff: 50ms}", want: "after 50ms"},
	"http.fault.delay.fixedDelay":      {use: "fault: {delay: {fixedDelay: 5s, percentage: {value: 100}}}", want: "fault 1/1 delay=5s by VirtualService default/v http 0"},
	"http.fault.delay.percentage":      {use: "fault: {delay: {fixedDelay: 5s, percentage: {value: 0.1}}}", want: "fault 1000/1000000 delay=5s"},
	"http.fault.delay.percent":         {use: "fault: {delay: {fixedDelay: 5s, percent: 7}}", want: "fault 7% delay=5s"},
	"http.fault.abort.httpStatus":      {use: "fault: {abort: {httpStatus: 418, percentage: {value: 100}}}", want: "fault 1/1 abort=418"},
	"http.fault.abort.grpcStatus":      {use: "fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}", want: "fault 1/1 abort=grpc-status 14"},
	"http.fault.abort.percentage":      {use: "fault: {abort: {httpStatus: 500, percentage: {value: 30}}}", want: "fault 30% abort=500"},
	"http.fault.abort.percent":         {use: "fault: {abort: {httpStatus: 500, percent: 7}}", want: "fault 7% abort=500"},
	"http.mirror":                      {use: "mirror: {host: api}", want: "mirror local/default/api:8080"},
	"http.mirrors.destination":         {use: "mirrors: [{destination: {host: api}}]", want: "mirror local/default/api:8080"},
	"http.mirrors.percentage":          {use: "mirrors: [{destination: {host: api}, percentage: {value: 5}}]", want: "mirror local/default/api:8080 5/100"},
	"http.mirrorPercentage":            {use: "mirror: {host: api}\n    mirrorPercentage: {value: 5}", want: "mirror local/default/api:8080 5/100"},
	"http.mirrorPercent":               {use: "mirror: {host: api}\n    mirrorPercent: 5", want: "mirror local/default/api:8080 5/100"},
	"http.corsPolicy.allowOrigins":     {use: "corsPolicy: {allowOrigins: [{exact: \"https://o.example.com\"}]}", want: "cors https://o.example.com"},
	"http.corsPolicy.allowOrigin":      {use: "corsPolicy: {allowOrigin: [\"https://o.example.com\"]}", want: "cors https://o.example.com"},
	"http.corsPolicy.allowMethods":     {use: "corsPolicy: {allowOrigins: [{exact: \"*\"}], allowMethods: [PUT]}", want: `"allowMethods":["PUT"]`},
	"http.corsPolicy.allowHeaders":     {use: "corsPolicy: {allowOrigins: [{exact: \"*\"}], allowHeaders: [x-a]}", want: `"allowHeaders":["x-a"]`},
	"http.corsPolicy.exposeHeaders":    {use: "corsPolicy: {allowOrigins: [{exact: \"*\"}], exposeHeaders: [x-a]}", want: `"exposeHeaders":["x-a"]`},
	"http.corsPolicy.maxAge":           {use: "corsPolicy: {allowOrigins: [{exact: \"*\"}], maxAge: 7s}", want: `"maxAge":7`},
	"http.corsPolicy.allowCredentials": {use: "corsPolicy: {allowOrigins: [{exact: \"https://o.example.com\"}], allowCredentials: true}", want: "credentials"},
	"http.corsPolicy.unmatchedPreflights": {use: "corsPolicy: {allowOrigins: [{exact: \"https://o.example.com\"}], unmatchedPreflights: UNSPECIFIED}",
		without: "corsPolicy: {allowOrigins: [{exact: \"https://o.example.com\"}], unmatchedPreflights: FORWARD}", want: "cors https://o.example.com"},
	"http.headers":          {use: "headers: {response: {remove: [server]}}", want: "response remove server"},
	"tls.match.sniHosts":    {use: "match: [{sniHosts: [a.example.com]}]\n    route: [{destination: {host: web}}]", without: "match: [{sniHosts: [other.example.net]}]\n    route: [{destination: {host: web}}]", want: "sni=a.example.com"},
	"tls.match.port":        {use: "match: [{sniHosts: [a.example.com], port: 444}]", without: "match: [{sniHosts: [a.example.com], port: 445}]", want: "sni=a.example.com"},
	"tls.match.gateways":    {use: "match: [{sniHosts: [a.example.com], gateways: [gw]}]", without: "match: [{sniHosts: [a.example.com], gateways: [other]}]", want: "sni=a.example.com"},
	"tls.route.destination": {use: "match: [{sniHosts: [a.example.com]}]\n    route: [{destination: {host: api}}]", want: "local/default/api:8080  (VirtualService default/v tls 0)"},
	"tls.route.weight":      {use: "match: [{sniHosts: [a.example.com]}]\n    route: [{destination: {host: web}, weight: 9}, {destination: {host: api}, weight: 1}]", want: "9/10 local/default/web:8080"},
	"tcp.match.port":        {use: "match: [{port: 5432}]", without: "match: [{port: 5433}]", want: "VirtualService default/v tcp 0"},
	"tcp.match.gateways":    {use: "match: [{gateways: [gw]}]", without: "match: [{gateways: [other]}]", want: "VirtualService default/v tcp 0"},
	"tcp.route.destination": {use: "route: [{destination: {host: api}}]", want: "local/default/api:8080  (VirtualService default/v tcp 0)"},
	"tcp.route.weight":      {use: "route: [{destination: {host: web}, weight: 9}, {destination: {host: api}, weight: 1}]", want: "9/10 local/default/web:8080"},
}

// TestIstioServed: what docs/istio.md says is served makes a difference to proxies.
func TestIstioServed(t *testing.T) {
	for field, says := range documentedFields(t) {
		e, ok := effects[field]
		switch {
		case says == "refused" || says == "ignored" || strings.HasPrefix(says, "served, for people") || says == "served, in logs":
			if ok {
				t.Errorf("%s has an effect, and the docs say: %s", field, says)
			}
			continue
		case !ok:
			t.Errorf("there is no effect of %s", field)
			continue
		}
		t.Run(field, func(t *testing.T) {
			with, without := served(t, field, e.use), served(t, field, e.without)
			if !strings.Contains(with, e.want) {
				t.Errorf("with it there is no %q:\n%s", e.want, with)
			}
			if strings.Contains(without, e.want) {
				t.Errorf("without it there is a %q:\n%s", e.want, without)
			}
		})
	}
}

// served is what proxies get, as text, of a Gateway and a VirtualService with a use of
// a field.
func served(t *testing.T, field, use string) string {
	t.Helper()
	kind, _, below := strings.Cut(field, ".")
	gateway := "servers:\n  - {port: {number: 80, name: http}, hosts: [\"*\"]}\n  - {port: {number: 444, name: tls}, hosts: [\"*\"], tls: {mode: PASSTHROUGH}}\n" +
		"  - {port: {number: 5432, name: tcp}, hosts: [\"*\"]}\n"
	service := map[string]string{"hosts": "hosts: [a.example.com]", "gateways": "gateways: [gw]", "exportTo": "exportTo: [\"*\"]"}
	rules := "http:\n  - route: [{destination: {host: web}}]\n"
	switch {
	case use == "":
	case field == "selector":
		gateway += "  " + use + "\n"
	case kind == "servers":
		if gateway += "  - " + use + "\n"; !strings.Contains(use, "hosts:") {
			gateway += "    hosts: [\"*\"]\n"
		}
	case !below:
		service[field] = use
	default:
		rules = kind + ":\n  - " + use + "\n"
		if !strings.Contains(use, "route:") && !strings.Contains(use, "redirect:") {
			rules += "    route: [{destination: {host: web}}]\n"
		}
	}
	manifest := "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gw}\nspec:\n  " + gateway +
		"---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec:\n  " +
		service["hosts"] + "\n  " + service["gateways"] + "\n  " + service["exportTo"] + "\n  " + rules
	set := withCertificates(t, manifest)
	mesh, _ := translate.Translate(set, translate.Config{Standalone: field != "selector", Ingress: translate.Ingress{Enabled: true}})
	snapshot := project.Project(mesh, everything)
	tables, err := json.Marshal(snapshot.Tables)
	if err != nil {
		t.Fatal(err)
	}
	return formatSnapshot(t, snapshot) + string(tables)
}

// withCertificates is a set of a manifest with Services and certificates, which there
// are as files as well.
func withCertificates(t *testing.T, manifest string) *resource.Set {
	t.Helper()
	for _, name := range []string{"web", "api", "certificates"} {
		text, err := os.ReadFile("testdata/include/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		manifest += "---\n" + string(text)
	}
	set := decode([]byte(manifest))
	secret, ok := resource.Get[*corev1.Secret](set, "default", "cert")
	if !ok {
		t.Fatal("there is no certificate")
	}
	clients := secret.DeepCopy()
	clients.Name, clients.Data = "clients", map[string][]byte{"ca.crt": secret.Data["tls.crt"]}
	return resource.Union(set, resource.NewSet([]resource.Object{
		clients, resource.NewFile("tls.crt", secret.Data["tls.crt"], ""), resource.NewFile("tls.key", secret.Data["tls.key"], ""),
	}))
}
