package meshconfig

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"k8s.io/apimachinery/pkg/types"

	"fsm/api/config/v1alpha3"
	"fsm/internal/resource"
)

// installed is what the flags of a control plane say.
var installed = Config{
	LogLevel: slog.LevelWarn, Gateways: true, LeafLifetime: time.Hour,
	Proxies:   Proxies{Image: "flomesh/fsm-proxy:v1", PullPolicy: "IfNotPresent"},
	ServiceLB: ServiceLB{Image: "flomesh/fsm-proxy:v1"},
}

// parse reads a MeshConfig as an API server would.
func parse(t *testing.T, spec string) *v1alpha3.MeshConfigSpec {
	t.Helper()
	objects, problems := resource.Decode("test", []byte("apiVersion: config.flomesh.io/v1alpha3\nkind: MeshConfig\nmetadata: {name: fsm-mesh-config}\nspec: "+spec+"\n"))
	if len(problems) > 0 || len(objects) != 1 {
		t.Fatalf("got %v, %v", objects, problems)
	}
	return &objects[0].(*v1alpha3.MeshConfig).Spec
}

// TestWith: what is said replaces what was installed, and what is not said has the
// defaults of the object, or stays.
func TestWith(t *testing.T) {
	defaults := Config{
		Ingress: Ingress{
			Service: "fsm-ingress", Type: "LoadBalancer", Replicas: 1, LogLevel: slog.LevelInfo, PassthroughPort: 443,
			HTTP: IngressPort{true, 80, 8000, 30508}, TLS: IngressPort{false, 443, 8443, 30607},
		},
		LogLevel: slog.LevelInfo, LeafLifetime: 24 * time.Hour,
		Proxies:   Proxies{Image: "flomesh/fsm-proxy:v1", PullPolicy: "IfNotPresent"},
		ServiceLB: ServiceLB{Image: "flomesh/fsm-proxy:v1"},
	}
	for _, test := range []struct {
		name, spec string
		want       func(*Config)
	}{
		{"empty", "{}", func(*Config) {}},
		{"log level", "{observability: {fsmLogLevel: trace}}", func(c *Config) { c.LogLevel = slog.LevelDebug }},
		{"quiet", "{observability: {fsmLogLevel: disabled}}", func(c *Config) { c.LogLevel = slog.LevelError }},
		{"gateways", "{gatewayAPI: {enabled: true}}", func(c *Config) { c.Gateways = true }},
		{"one level of proxies", "{gatewayAPI: {logLevel: debug}}", func(c *Config) { c.Proxies.LogLevel = slog.LevelDebug }},
		{"the other level", "{gatewayAPI: {fgwLogLevel: debug}}", func(c *Config) { c.Proxies.LogLevel = slog.LevelDebug }},
		{"both levels", "{gatewayAPI: {logLevel: error, fgwLogLevel: warn}}", func(c *Config) { c.Proxies.LogLevel = slog.LevelWarn }},
		{"image", "{image: {registry: r.example:5000/a/, tag: t2, pullPolicy: Always}}", func(c *Config) {
			c.Proxies.Image, c.Proxies.PullPolicy, c.ServiceLB.Image = "r.example:5000/a/fsm-proxy:t2", "Always", "r.example:5000/a/fsm-proxy:t2"
		}},
		{"tag", "{image: {tag: t2}}", func(c *Config) {
			c.Proxies.Image, c.ServiceLB.Image = "flomesh/fsm-proxy:t2", "flomesh/fsm-proxy:t2"
		}},
		{"certificates", "{certificate: {serviceCertValidityDuration: 1h30m}}", func(c *Config) { c.LeafLifetime = 90 * time.Minute }},
		{"certificate of the ingress", "{certificate: {ingressGateway: {secret: {name: client, namespace: edge}, subjectAltNames: [a.example, 192.0.2.1], validityDuration: 1h}}}", func(c *Config) {
			c.IngressCertificate = ClientCertificate{types.NamespacedName{Namespace: "edge", Name: "client"}, time.Hour, "a.example\n192.0.2.1"}
		}},
		{"load balancer", "{serviceLB: {enabled: true, image: lb}}", func(c *Config) { c.ServiceLB = ServiceLB{true, "lb"} }},
		{"ingress", "{ingress: {enabled: true, serviceName: edge, type: NodePort, replicas: 2, logLevel: warn, tls: {enabled: true, sslPassthrough: {enabled: true}}}}", func(c *Config) {
			i := &c.Ingress
			i.Enabled, i.Service, i.Type, i.Replicas, i.LogLevel, i.TLS.Enabled, i.Passthrough = true, "edge", "NodePort", 2, slog.LevelWarn, true, true
		}},
		{"ports of the ingress", "{ingress: {enabled: true, http: {bind: 81, listen: 8001, nodePort: 0}, tls: {bind: 444, listen: 8444, nodePort: 30444}}}", func(c *Config) {
			i := &c.Ingress
			i.Enabled, i.HTTP, i.TLS = true, IngressPort{true, 81, 8001, 0}, IngressPort{false, 444, 8444, 30444}
		}},
		{"tracing", "{observability: {tracing: {enable: true, address: otel.obs}}}", func(c *Config) {
			c.Proxies.Collector, c.Proxies.SampledRatio = "http://otel.obs:4318/v1/traces", 1
		}},
		{"tracing elsewhere", `{observability: {tracing: {enable: true, address: "fd00::1", port: 80, endpoint: /otlp, sampledFraction: "0.25"}}}`, func(c *Config) {
			c.Proxies.Collector, c.Proxies.SampledRatio = "http://[fd00::1]:80/otlp", 0.25
		}},
		{"tracing off", "{observability: {tracing: {address: otel.obs, endpoint: /api/v2/spans}}}", func(*Config) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := defaults
			test.want(&want)
			got, mistakes := installed.With(parse(t, test.spec))
			if len(mistakes) > 0 {
				t.Fatal(mistakes)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestImages: an image keeps its name, wherever it comes from.
func TestImages(t *testing.T) {
	for _, test := range []struct{ installed, registry, tag, want string }{
		{"fsm-proxy", "", "", "fsm-proxy"},
		{"fsm-proxy", "r", "1", "r/fsm-proxy:1"},
		{"r:5000/fsm-proxy", "", "1", "r:5000/fsm-proxy:1"},
		{"r:5000/fsm-proxy", "s", "", "s/fsm-proxy"},
		{"r/a/fsm-proxy@sha256:00", "", "1", "r/a/fsm-proxy:1"},
		{"r/a/fsm-proxy@sha256:00", "s/b", "", "s/b/fsm-proxy@sha256:00"},
	} {
		if got := image(test.installed, v1alpha3.ImageSpec{Registry: test.registry, Tag: test.tag}); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

// TestMistakes: each is named by its field and says what is wanted.
func TestMistakes(t *testing.T) {
	for _, test := range []struct{ spec, want string }{
		{"{certificate: {serviceCertValidityDuration: 5m}}", `spec.certificate.serviceCertValidityDuration: Invalid value: "5m": want a duration from "10m" to "8760h"`},
		{"{certificate: {serviceCertValidityDuration: 9000h}}", "spec.certificate.serviceCertValidityDuration"},
		{"{observability: {tracing: {enable: true}}}", "spec.observability.tracing.address: Required value: tracing needs a collector"},
		{"{observability: {tracing: {enable: true, address: a, endpoint: /api/v2/spans}}}", "do not speak the protocol of Zipkin"},
		{"{certificate: {ingressGateway: {secret: {name: client, namespace: edge}, subjectAltNames: [a.example], validityDuration: 5m}}}", "spec.certificate.ingressGateway.validityDuration: Invalid value"},
		{"{certificate: {ingressGateway: {secret: {name: Client, namespace: edge}, subjectAltNames: [a.example], validityDuration: 1h}}}", "spec.certificate.ingressGateway.secret.name: Invalid value: \"Client\""},
		{"{certificate: {ingressGateway: {secret: {name: client, namespace: edge.x}, subjectAltNames: [a.example], validityDuration: 1h}}}", "spec.certificate.ingressGateway.secret.namespace"},
		{"{certificate: {ingressGateway: {secret: {name: client, namespace: edge}, subjectAltNames: [a.example, A b], validityDuration: 1h}}}", "spec.certificate.ingressGateway.subjectAltNames[1]: Invalid value: \"A b\": want a DNS name"},
		{"{certificate: {ingressGateway: {secret: {name: client, namespace: edge}, subjectAltNames: [\"spiffe://cluster.local/ns/fsm-system/controller/fsm-controller\"], validityDuration: 1h}}}", "a SPIFFE ID is for proxies and controllers"},
		{"{ingress: {enabled: true, http: {enabled: false}}}", "want http.enabled or tls.enabled"},
		{"{ingress: {enabled: true, http: {listen: 80}}}", "spec.ingress.http.listen: Invalid value: 80: want a port that needs no privilege"},
		{"{ingress: {enabled: true, tls: {listen: 15021}}}", "spec.ingress.tls.listen: Invalid value: 15021"},
		{"{ingress: {enabled: true, tls: {enabled: true, bind: 80}}}", "spec.ingress.tls.bind"},
		{"{ingress: {enabled: true, tls: {sslPassthrough: {enabled: true}}}}", "want tls.enabled as well"},
		{`{observability: {tracing: {sampledFraction: "1.5"}}}`, "want a number from 0 to 1"},
	} {
		t.Run(test.spec, func(t *testing.T) {
			_, mistakes := installed.With(parse(t, test.spec))
			if len(mistakes) != 1 || !strings.Contains(mistakes[0].Error(), test.want) {
				t.Errorf("got %v, want %q", mistakes, test.want)
			}
		})
	}
}
