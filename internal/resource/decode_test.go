package resource

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// outline is a short form of what was decoded: the keys of the objects.
func outline(objects []Object) []string {
	var keys []string
	for _, o := range objects {
		keys = append(keys, KeyOf(o).String())
	}
	return keys
}

// complaints is a short form of problems: "file:line key! message" when refused,
// without the exclamation mark when not.
func complaints(problems []Problem) []string {
	var lines []string
	for _, p := range problems {
		mark := ""
		if p.Refused {
			mark = "!"
		}
		lines = append(lines, strings.Join(strings.Fields(fmt.Sprintf("%s %s%s %s", p.Source, p.Key, mark, p.Message)), " "))
	}
	return lines
}

// one decodes a text that must hold exactly one object and no fault.
func one[T Object](t *testing.T, text string) T {
	t.Helper()
	objects, problems := Decode("in.yaml", []byte(text))
	if len(objects) != 1 || len(problems) != 0 {
		t.Fatalf("got %v, problems %v", outline(objects), complaints(problems))
	}
	return objects[0].(T)
}

// TestDecodeStreams has a stream for each way in which documents follow each other.
//
// Long because it is a table.
func TestDecodeStreams(t *testing.T) {
	configMap := func(name string) string { return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n" }
	tests := []struct {
		name, text string
		want       []string
		problems   []string
	}{
		{name: "nothing", text: "\n# only a comment\n---\n---\n"},
		{name: "one document", text: configMap("a"), want: []string{"ConfigMap default/a"}},
		{
			name: "several documents",
			text: "---\n" + configMap("a") + "--- # next\n" + configMap("b") + "...\n" + configMap("c"),
			want: []string{"ConfigMap default/a", "ConfigMap default/b", "ConfigMap default/c"},
		},
		{
			name: "byte order mark, directive and Windows line ends",
			text: "\xef\xbb\xbf%YAML 1.1\r\n---\r\n" + strings.ReplaceAll(configMap("a"), "\n", "\r\n") + "---\r\n" + configMap("b"),
			want: []string{"ConfigMap default/a", "ConfigMap default/b"},
		},
		{
			name: "JSON with tabs, and values one after the other",
			text: "{\n\t\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\",\n\t\"metadata\": {\"name\": \"a\", \"annotations\": {\"x\": \"\\ud83d\\ude00\\/\"}}\n}\n{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"b\"}}\n",
			want: []string{"ConfigMap default/a", "ConfigMap default/b"},
		},
		{
			name: "flow YAML",
			text: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
			want: []string{"ConfigMap default/a"},
		},
		{
			name: "List, also in a List",
			text: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}, 5]}\n- {kind: X}\n",
			want: []string{"ConfigMap default/a", "ConfigMap default/b"},
			problems: []string{
				"in.yaml:1 ! items[1]: items[1]: no Kubernetes object: want a mapping with apiVersion and kind",
				"in.yaml:1 ! items[2]: no Kubernetes object: apiVersion and kind are required",
			},
		},
		{
			name: "typed list whose items leave out what it says",
			text: "apiVersion: v1\nkind: ServiceList\nitems:\n- {metadata: {name: a}, spec: {ports: [{port: 80}]}}\n",
			want: []string{"Service default/a"},
		},
		{
			name: "aliases and merged keys",
			text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  one: &one text\n  two: *one\n",
			want: []string{"ConfigMap default/a"},
		},
		{
			name:     "a syntax error hides no other document",
			text:     configMap("a") + "---\napiVersion: v1\nkind: [ConfigMap\nmetadata:\n  name: b\n---\n" + configMap("c"),
			want:     []string{"ConfigMap default/a", "ConfigMap default/c"},
			problems: []string{"in.yaml:6 ! line 7: did not find expected ',' or ']'"},
		},
		{
			name: "kinds that are not known",
			text: "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: httpbin, namespace: httpbin}\n---\napiVersion: gateway.networking.k8s.io/v9\nkind: Teapot\nmetadata: {name: pot}\n",
			problems: []string{
				"in.yaml:1 Deployment httpbin/httpbin Deployment httpbin/httpbin is not used",
				"in.yaml:5 Teapot pot Teapot pot is not used",
			},
		},
		{
			name:     "version that is not served",
			text:     "apiVersion: gateway.networking.k8s.io/v1alpha1\nkind: HTTPRoute\nmetadata: {name: a}\n",
			problems: []string{"in.yaml:1 HTTPRoute default/a! apiVersion: gateway.networking.k8s.io/v1alpha1 is not served for HTTPRoute; use gateway.networking.k8s.io/v1 or gateway.networking.k8s.io/v1beta1"},
		},
		{
			name: "no object",
			text: "- a\n---\njust text\n---\nkind: Service\nmetadata: {name: a}\n",
			problems: []string{
				"in.yaml:1 ! no Kubernetes object: want a mapping with apiVersion and kind",
				"in.yaml:3 ! no Kubernetes object: want a mapping with apiVersion and kind",
				"in.yaml:5 Service default/a! no Kubernetes object: apiVersion and kind are required",
			},
		},
		{
			name:     "key that stands twice",
			text:     configMap("a") + "data: {x: 1}\ndata: {y: 2}\n",
			problems: []string{`in.yaml:1 ConfigMap default/a! line 6: key "data" already set in map`},
		},
		{
			name:     "key that stands twice, JSON",
			text:     `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1", "x": "2"}}`,
			problems: []string{`in.yaml:1 ConfigMap default/a! duplicate field "data.x"`},
		},
		{
			name:     "document behind a line end that is none",
			text:     strings.ReplaceAll(configMap("a")+"---\n"+configMap("b"), "\n", "\r"),
			problems: []string{`in.yaml:1 ! document is followed by another without a line that begins with "---"`},
		},
		{
			name:     "binary and infinite values",
			text:     configMap("a") + "data: {x: !!binary /w==}\n---\n" + configMap("b") + "data: {x: .inf}\n",
			problems: []string{"in.yaml:1 ! text with tag !!binary is not UTF-8; write base64 without the tag", "in.yaml:7 ! number +Inf has no form in JSON"},
		},
		{
			name:     "control characters do not reach a terminal",
			text:     "{\"apiVersion\": \"v1\", \"kind\": \"\\u001b[31mred\", \"metadata\": {\"name\": \"a\\nb\"}}",
			problems: []string{"in.yaml:1 \ufffd[31mred a b \ufffd[31mred a b is not used"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objects, problems := Decode("in.yaml", []byte(tt.text))
			if diff := cmp.Diff(tt.want, outline(objects)); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, complaints(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeMetadata(t *testing.T) {
	route := one[*gatewayv1.HTTPRoute](t, `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: HTTPRoute
metadata:
  name: a
  creationTimestamp: "2024-05-01T10:00:00Z"
  labels: {app: web}
  uid: 0b1c
  managedFields: [{manager: kubectl}]
spec: {}
`)
	if route.Namespace != "default" || route.Generation != 1 || route.Labels["app"] != "web" {
		t.Errorf("got %+v", route.ObjectMeta)
	}
	if want := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC); !route.CreationTimestamp.Time.Equal(want) {
		t.Errorf("creationTimestamp is %v, want %v", route.CreationTimestamp, want)
	}
	if route.APIVersion != "gateway.networking.k8s.io/v1" || route.Kind != "HTTPRoute" {
		t.Errorf("got %s %s, want the newest version", route.APIVersion, route.Kind)
	}

	service := one[*corev1.Service](t, "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: web, creationTimestamp: null, generation: 7}\n")
	if service.Namespace != "web" || service.Generation != 7 || !service.CreationTimestamp.IsZero() {
		t.Errorf("got %+v", service.ObjectMeta)
	}
	if service.APIVersion != "v1" || service.Kind != "Service" {
		t.Errorf("got %s %s", service.APIVersion, service.Kind)
	}

	namespace := one[*corev1.Namespace](t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: web, namespace: nonsense}\n")
	if namespace.Namespace != "" {
		t.Errorf("Namespace is in namespace %q", namespace.Namespace)
	}
	if got := namespace.Labels[corev1.LabelMetadataName]; got != "web" {
		t.Errorf("label %s is %q, want the name", corev1.LabelMetadataName, got)
	}
}

// Whatever some cluster said about an object is not repeated: a file's status
// would look as if it were ours.
func TestDecodeDropsStatus(t *testing.T) {
	gateway := one[*gatewayv1.Gateway](t, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: a}
spec: {gatewayClassName: c, listeners: [{name: http, port: 80, protocol: HTTP}]}
status: {addresses: [{value: 192.0.2.1}], what: ever}
`)
	if len(gateway.Status.Addresses) != 0 {
		t.Errorf("addresses are %v", gateway.Status.Addresses)
	}
	service := one[*corev1.Service](t, "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nstatus: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}\n")
	if len(service.Status.LoadBalancer.Ingress) != 0 {
		t.Errorf("ingress is %v", service.Status.LoadBalancer.Ingress)
	}
}

func TestDecodeBuiltin(t *testing.T) {
	service := one[*corev1.Service](t, `
apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  ports:
  - {name: http, port: 80}
  - {name: dns, port: 53, protocol: UDP, targetPort: dns}
`)
	want := []corev1.ServicePort{
		{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(80)},
		{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromString("dns")},
	}
	if diff := cmp.Diff(want, service.Spec.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if service.Spec.Type != corev1.ServiceTypeClusterIP {
		t.Errorf("type is %s", service.Spec.Type)
	}

	secret := one[*corev1.Secret](t, "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: YQ==, b: Yg==}\nstringData: {b: bee, c: \"\"}\n")
	if diff := cmp.Diff(map[string][]byte{"a": []byte("a"), "b": []byte("bee"), "c": {}}, secret.Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if secret.StringData != nil || secret.Type != corev1.SecretTypeOpaque {
		t.Errorf("stringData is %v, type is %s", secret.StringData, secret.Type)
	}

	secret = one[*corev1.Secret](t, "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: kubernetes.io/tls\nstringData: {tls.crt: pem}\n")
	if string(secret.Data["tls.crt"]) != "pem" || secret.Type != corev1.SecretTypeTLS {
		t.Errorf("got %v of type %s", secret.Data, secret.Type)
	}

	slice := one[*discoveryv1.EndpointSlice](t, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\naddressType: IPv4\nendpoints: [{addresses: [127.0.0.1]}]\nports: [{port: 80}]\n")
	ports := []discoveryv1.EndpointPort{{Name: new(""), Protocol: new(corev1.ProtocolTCP), Port: new(int32(80))}}
	if diff := cmp.Diff(ports, slice.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}

	// The last line end of a block scalar is part of a certificate.
	config := one[*corev1.ConfigMap](t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  ca.crt: |\n    ---BEGIN---\n    ---END---\n")
	if got := config.Data["ca.crt"]; got != "---BEGIN---\n---END---\n" {
		t.Errorf("ca.crt is %q", got)
	}
}

func TestRefusedObjects(t *testing.T) {
	const rfc1123 = "a lowercase RFC 1123"
	tests := []struct {
		name, kind, text string
		want             string // in the one refusal
	}{
		{"no name", "Service", "metadata: {generateName: a-}", "metadata.name: is required"},
		{"no metadata", "Service", "spec: {}", "metadata.name: is required"},
		{"metadata of another type", "HTTPRoute", "metadata: [a]", "metadata: must be of type object, not array"},
		{"name", "HTTPRoute", "metadata: {name: Web_1}", "metadata.name: " + rfc1123},
		{"name of a Service", "Service", "metadata: {name: a.b}", "metadata.name: must not contain dots"},
		{"namespace", "HTTPRoute", "metadata: {name: a, namespace: a.b}", "metadata.namespace: must not contain dots"},
		{"label", "HTTPRoute", "metadata: {name: a, labels: {x: '!'}}", "metadata.labels: a valid label"},
		{"type of a label", "HTTPRoute", "metadata: {name: a, labels: {x: 1}}", "metadata.labels: must be of type string, not number"},

		{"port out of range", "Service", "metadata: {name: a}\nspec: {ports: [{port: 70000}]}", "spec.ports[0].port: must be between 1 and 65535, inclusive"},
		{"type of a port", "Service", "metadata: {name: a}\nspec: {ports: [{port: http}]}", "spec.ports.port: must be of type integer, not string"},
		{"target port", "Service", "metadata: {name: a}\nspec: {ports: [{port: 80, targetPort: a_b}]}", "spec.ports[0].targetPort: "},
		{"ports without names", "Service", "metadata: {name: a}\nspec: {ports: [{port: 80}, {port: 81, name: b}]}", "spec.ports[0].name: is required where there are several ports"},
		{"ports of one name", "Service", "metadata: {name: a}\nspec: {ports: [{port: 80, name: b}, {port: 81, name: b}]}", `spec.ports[1].name: "b" stands twice`},
		{"port name", "Service", "metadata: {name: a}\nspec: {ports: [{port: 80, name: A}]}", "spec.ports[0].name: " + rfc1123},
		{"protocol", "Service", "metadata: {name: a}\nspec: {ports: [{port: 80, protocol: tcp}]}", `spec.ports[0].protocol: "tcp" is not supported; supported values: "TCP", "UDP", "SCTP"`},
		{"type of a Service", "Service", "metadata: {name: a}\nspec: {type: Node}", `spec.type: "Node" is not supported`},
		{"external name", "Service", "metadata: {name: a}\nspec: {type: ExternalName, externalName: 'a b'}", "spec.externalName: " + rfc1123},
		{"base64", "Secret", "metadata: {name: a}\ndata: {tls.key: '-----BEGIN'}", "data[tls.key]: must be base64; plain text belongs under stringData or data"},
		{"text", "ConfigMap", "metadata: {name: a}\ndata: {a: 1}", "data: must be of type string, not number"},
		{"address type", "EndpointSlice", "metadata: {name: a}", "addressType: is required"},
		{"other address type", "EndpointSlice", "metadata: {name: a}\naddressType: IPX", `addressType: "IPX" is not supported`},
		{"address of the other family", "EndpointSlice", "metadata: {name: a}\naddressType: IPv4\nendpoints: [{addresses: ['::1']}]", `endpoints[0].addresses[0]: "::1" is no IPv4 address`},
		{"mapped address", "EndpointSlice", "metadata: {name: a}\naddressType: IPv6\nendpoints: [{addresses: ['::ffff:192.0.2.1']}]", `is no IPv6 address`},
		{"zone", "EndpointSlice", "metadata: {name: a}\naddressType: IPv6\nendpoints: [{addresses: ['fe80::1%eth0']}]", `is no IPv6 address`},
		{"DNS name", "EndpointSlice", "metadata: {name: a}\naddressType: FQDN\nendpoints: [{addresses: ['a b']}]", "endpoints[0].addresses[0]: " + rfc1123},
		{"no address", "EndpointSlice", "metadata: {name: a}\naddressType: IPv4\nendpoints: [{}]", "endpoints[0].addresses: is required"},
		{"port of a slice", "EndpointSlice", "metadata: {name: a}\naddressType: IPv4\nports: [{port: 0}]", "ports[0].port: must be between 1 and 65535, inclusive"},
		{"too many values", "ConfigMap", "metadata: {name: a}\ndata: {" + keys(25_000) + "}", "object has 25006 values, more than the limit of 20000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objects, problems := Decode("in.yaml", []byte("apiVersion: "+apiVersion(tt.kind)+"\nkind: "+tt.kind+"\n"+tt.text))
			if len(objects) != 0 || len(problems) != 1 || !problems[0].Refused || !strings.Contains(problems[0].Message, tt.want) {
				t.Errorf("got %v, problems %q, want a refusal with %q", outline(objects), complaints(problems), tt.want)
			}
		})
	}
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: v, ", i)
	}
	return b.String()
}

func apiVersion(kind string) string {
	for _, k := range kinds {
		if k.Name == kind {
			return k.newest().GroupVersion().String()
		}
	}
	return ""
}

func TestUnknownFields(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{
			"Gateway API",
			"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a, note: x}\nspec: {rules: [{matchs: []}], hostname: a.b}\nspeck: 1\n",
			"unknown fields, ignored: metadata.note, spec.hostname, spec.rules[0].matchs, speck",
		},
		{
			"core",
			"apiVersion: v1\nkind: Service\nmetadata: {name: a, note: x}\nspec: {port: 80, ports: [{port: 80, host: x}]}\n",
			"unknown fields, ignored: metadata.note, spec.port, spec.ports[0].host",
		},
		{
			"many",
			"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec: {" + keys(500) + "}\n",
			"unknown fields, ignored: spec.k0, spec.k1, spec.k10, spec.k100, spec.k101, spec.k102, spec.k103, spec.k104, spec.k105, spec.k106, and 490 more",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objects, problems := Decode("in.yaml", []byte(tt.text))
			if len(objects) != 1 {
				t.Errorf("got %v, want the object all the same", outline(objects))
			}
			if len(problems) != 1 || problems[0].Refused || problems[0].Message != tt.want {
				t.Errorf("got %q, want one warning %q", complaints(problems), tt.want)
			}
		})
	}
}

// Nobody should wait for, or run out of memory over, a text that is made to hurt.
func TestHostileText(t *testing.T) {
	const route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec:\n"
	laughs := "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for i := 1; i < 10; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9))
	}
	tests := []struct{ name, text, want string }{
		{"large document", "# " + strings.Repeat("x", maxDocument) + "\na: |\n" + strings.Repeat(" x\n", maxDocument/3+1), "more than the limit of 3145728"},
		{"aliases of aliases", laughs, "excessive aliasing"},
		{"aliases of a long text", "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a, ", 1000) + "]\n", "when its aliases are written out"},
		{"alias of itself", "a: &a [*a]\n", "contains itself"},
		{"deep YAML", strings.Repeat("[", 1<<20), "exceeded max depth"},
		{"deep JSON", `{"a":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + "}", "exceeded max depth"},
		{"comments and directives", strings.Repeat("#\n", 500_000) + strings.Repeat("%\n", 500_000), "directive"},
		{"list of wrong names", route + "  hostnames: [" + strings.Repeat("A, ", 50_000) + "]\n", "object has 50007 values, more than the limit of 20000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objects, problems := Decode("in.yaml", []byte(tt.text))
			if len(objects) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Message, tt.want) {
				t.Fatalf("got %v, %d problems %.300q", outline(objects), len(problems), complaints(problems))
			}
			if n := len(problems[0].Message); n > maxMessage+10 {
				t.Errorf("message has %d bytes", n)
			}
		})
	}
}

// YAML has keys that are no text; Kubernetes has not.
func TestKeysThatAreNoText(t *testing.T) {
	const head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	config := one[*corev1.ConfigMap](t, head+"data: {80: a, 1.5: b, true: c, text: d}\n")
	if diff := cmp.Diff(map[string]string{"80": "a", "1.5": "b", "true": "c", "text": "d"}, config.Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	for text, want := range map[string]string{
		"data: {80: a, \"80\": b}\n": `key "80" stands twice`,
		"data: {null: a}\n":          "key <nil> is not text",
		"data: {!!binary /w==: a}\n": "key is not UTF-8",
		"data: {{ .Values.x }}\n":    "key is a mapping; is this a template that was not filled in?",
	} {
		if got := refusal(t, head+text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A merged key may be overridden; that is what merging is for.
func TestMergedKeys(t *testing.T) {
	config := one[*corev1.ConfigMap](t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  <<: {a: one, b: one}\n  b: two\n")
	if diff := cmp.Diff(map[string]string{"a": "one", "b": "two"}, config.Data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}
