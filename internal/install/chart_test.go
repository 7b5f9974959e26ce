package install_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"sigs.k8s.io/yaml"

	"fsm/internal/install"
)

var update = flag.Bool("update", false, "rewrite the expected objects")

// render renders the chart with values as "--set" has them.
func render(t *testing.T, sets ...string) (string, error) {
	t.Helper()
	values, err := install.Values(nil, sets)
	if err != nil {
		t.Fatal(err)
	}
	return install.Render(t.Context(), install.Options{Mesh: "fsm", Namespace: "fsm-system", Version: "v1.0.0", Values: values})
}

// TestRender: what the chart installs, as YAML.
func TestRender(t *testing.T) {
	for _, test := range []struct {
		name string
		sets []string
	}{
		{"plain", nil},
		{"gateway", []string{"fsm.fsmGateway.enabled=true"}},
		{"ingress", []string{"fsm.fsmIngress.enabled=true", "fsm.fsmIngress.tls.enabled=true", "fsm.fsmIngress.tls.sslPassthrough.enabled=true"}},
		{"tuned", []string{
			"fsm.fsmGateway.enabled=true", "fsm.secretNamespaces={shop,edge}", "fsm.image.registry=registry.example/fsm", "fsm.image.tag=t1",
			"fsm.image.pullPolicy=Always", "fsm.imagePullSecrets={pull}", "fsm.controllerLogLevel=trace", "fsm.trustDomain=example.org",
			"fsm.fsmController.replicaCount=2", "fsm.fsmController.enablePodDisruptionBudget=true", "fsm.networkPolicy.enabled=true",
			"fsm.fsmController.nodeSelector.edge=yes", "fsm.fsmController.tolerations[0].key=edge", "fsm.fsmController.podLabels.team=a",
			"fsm.fsmController.podAnnotations.note=b", "fsm.serviceLB.enabled=true", "fsm.fsmController.priorityClassName=high",
			"fsm.fsmController.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey=zone",
			"fsm.certificateProvider.ingressGateway.secret.name=client", "fsm.certificateProvider.ingressGateway.secret.namespace=edge",
			"fsm.certificateProvider.ingressGateway.subjectAltNames={ingress.edge.example.org}",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := render(t, test.sets...)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", test.name+".yaml")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("objects differ; rewrite them with -update (-want +got):\n%s", diff)
			}
		})
	}
}

// TestIngressValues: what users of FSM give as values for Ingresses, of this chart and of
// those before 1.0, comes to the mesh configuration and to the rights for it.
func TestIngressValues(t *testing.T) {
	for _, test := range []struct {
		name   string
		sets   []string
		want   string
		served bool
	}{
		{"nothing", nil, "", false},
		{"on", []string{"fsm.fsmIngress.enabled=true"}, "enabled: true", true},
		{"off", []string{"fsm.fsmIngress.enabled=false"}, "enabled: false", false},
		{"tuned", []string{"fsm.fsmIngress.enabled=true", "fsm.fsmIngress.replicaCount=2", "fsm.fsmIngress.service.type=NodePort", "fsm.fsmIngress.http.nodePort=0"},
			"enabled: true\nhttp:\n  nodePort: 0\nreplicas: 2\ntype: NodePort", true},
		{"before 1.0", []string{"fsm.ingress.tls.enabled=true", "fsm.version=0.2.1-alpha.2", "fsm.serviceLB.enabled=true"},
			"enabled: true\nserviceName: fsm-ingress-pipy-controller\ntls:\n  enabled: true", true},
		{"before 1.0, without TLS", []string{"fsm.ingress.enabled=true"}, "enabled: true\nserviceName: fsm-ingress-pipy-controller", true},
		{"before 1.0, switched off since", []string{"fsm.ingress.tls.enabled=true", "fsm.fsmIngress.enabled=false"},
			"enabled: false\nserviceName: fsm-ingress-pipy-controller\ntls:\n  enabled: true", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := render(t, test.sets...)
			if err != nil {
				t.Fatal(err)
			}
			got, roles, classes := "", 0, 0
			for _, one := range strings.Split(text, "\n---\n") {
				var o struct {
					Kind     string
					Metadata struct{ Name string }
					Spec     struct{ Ingress map[string]any }
				}
				if err := yaml.Unmarshal([]byte(one), &o); err != nil {
					t.Fatal(err)
				}
				switch {
				case o.Kind == "MeshConfig" && o.Spec.Ingress != nil:
					ingress, err := yaml.Marshal(o.Spec.Ingress)
					if err != nil {
						t.Fatal(err)
					}
					got = strings.TrimSpace(string(ingress))
				case o.Kind == "ClusterRole" && o.Metadata.Name == "fsm-controller-ingress", o.Kind == "ClusterRole" && o.Metadata.Name == "fsm-controller-secrets":
					roles++
				case o.Kind == "IngressClass":
					classes++
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("mesh configuration (-want +got):\n%s", diff)
			}
			if want := map[bool]int{true: 2}[test.served]; roles != want || classes != want {
				t.Errorf("%d roles and %d classes", roles, classes)
			}
		})
	}
}

// TestLint: Helm finds nothing to say about the chart.
func TestLint(t *testing.T) {
	for _, m := range lint.All("../../charts/fsm", nil, "fsm-system", true).Messages {
		if m.Severity > support.InfoSev {
			t.Errorf("%s: %v", m.Path, m.Err)
		}
	}
}

// TestValues: what users of FSM write for --set is understood, and the values of
// earlier versions are accepted.
func TestValues(t *testing.T) {
	for _, set := range []string{
		"fsm.enablePermissiveTrafficPolicy=true", "fsm.enableEgress=false", "fsm.outboundIPRangeExclusionList={1.1.1.1/32,2.2.2.2/24}",
		"fsm.outboundIPRangeInclusionList=[1.1.1.1/32,2.2.2.2/24]", "fsm.inboundPortExclusionList=[6379,7070]", "fsm.outboundPortExclusionList={6379,7070}",
		"fsm.fsmIngress.enabled=true", "fsm.fsmGateway.enabled=true", "fsm.fsmIngress.tls.sslPassthrough.enabled=true,fsm.inboundPortExclusionList=[1,2]",
		"fsm.egressGateway.enabled=true", "fsm.trafficInterceptionMode=ebpf", "fsm.fsmInterceptor.debug=true", "fsm.serviceLB.enabled=true",
		"fsm.ingress.tls.enabled=true,fsm.version=0.2.1-alpha.2", "fsm.certificateProvider.kind=tresor", "fsm.localDNSProxy.enable=true",
		"fsm.featureFlags.enableRetryPolicy=true", "fsm.sidecarLogLevel=debug", "fsm.gatewayAPI.install=false", "fsm.secretNamespaces=[]",
	} {
		if _, err := render(t, set); err != nil {
			t.Errorf("%s: %v", set, err)
		}
	}
	values, err := install.Values(nil, []string{"fsm.inboundPortExclusionList=[6379,7070],fsm.enableEgress=false", "fsm.secretNamespaces={}"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"fsm": map[string]any{
		"inboundPortExclusionList": []any{int64(6379), int64(7070)}, "enableEgress": false, "secretNamespaces": []any{},
	}}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("values differ (-want +got):\n%s", diff)
	}
}

// TestValueFiles: a later file counts more than an earlier one, and --set most.
func TestValueFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for path, text := range map[string]string{a: "fsm: {trustDomain: a, meshName: a, image: {tag: a}}", b: "fsm: {trustDomain: b, meshName: b}"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := install.Values([]string{a, b}, []string{"fsm.trustDomain=set"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"fsm": map[string]any{"trustDomain": "set", "meshName": "b", "image": map[string]any{"tag": "a"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values differ (-want +got):\n%s", diff)
	}
	if _, err := install.Values([]string{filepath.Join(dir, "absent")}, nil); err == nil {
		t.Error("an absent file is accepted")
	}
	if _, err := install.Values(nil, []string{"no value"}); err == nil || !strings.Contains(err.Error(), "want KEY=VALUE") {
		t.Errorf("got %v", err)
	}
}

// TestRefusals: the schema refuses what would have no effect or a wrong one, and
// says where it stands.
func TestRefusals(t *testing.T) {
	for _, test := range []struct{ set, want string }{
		{"fsm.fsmGatway.enabled=true", "fsm: additional properties 'fsmGatway' not allowed"},
		{"fsmGateway.enabled=true", "additional properties 'fsmGateway' not allowed"},
		{"fsm.fsmGateway.enabled=maybe", "fsm.fsmGateway.enabled: got string, want boolean"},
		{"fsm.image.pullPolicy=Sometimes", "fsm.image.pullPolicy: value must be one of"},
		{"fsm.controllerLogLevel=loud", "fsm.controllerLogLevel: value must be one of"},
		{"fsm.inboundPortExclusionList=[70000]", "fsm.inboundPortExclusionList.0: maximum"},
		{"fsm.fsmController.replicaCount=-1", "fsm.fsmController.replicaCount: minimum"},
		{"fsm.secretNamespaces={Shop}", "fsm.secretNamespaces.0: 'Shop' does not match pattern"},
		{"fsm.certificateProvider.ingressGateway.secret.name=client", "fsm.certificateProvider.ingressGateway.secret: missing property 'namespace'"},
		{"fsm.certificateProvider.ingressGateway.subjectAltNames={a.example}", "fsm.certificateProvider.ingressGateway: missing property 'secret'"},
		{"fsm=nothing", "fsm: got string, want object"},
	} {
		t.Run(test.set, func(t *testing.T) {
			if _, err := render(t, test.set); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestDocument: docs/install.md has the values of the chart with their defaults.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(fsm\\.[A-Za-z.]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = strings.Trim(m[2], "`")
	}
	// The only default that a cell cannot show as it is.
	if _, ok := documented["fsm.fsmController.resource"]; !ok {
		t.Error("fsm.fsmController.resource is not documented")
	}
	delete(documented, "fsm.fsmController.resource")
	values := map[string]any{}
	defaults, err := os.ReadFile("../../charts/fsm/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(defaults, &values); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	flatten(values, "", got)
	if diff := cmp.Diff(documented, got); diff != "" {
		t.Errorf("docs/install.md and values.yaml differ (-document +values):\n%s", diff)
	}
}

// flatten makes texts of values, as the document writes them.
func flatten(table map[string]any, prefix string, into map[string]string) {
	for key, value := range table {
		path := prefix + key
		inner, ok := value.(map[string]any)
		switch {
		case path == "fsm.fsmController.resource":
		case ok && len(inner) > 0:
			flatten(inner, path+".", into)
		case ok, fmt.Sprint(value) == "", fmt.Sprint(value) == "[]":
			into[path] = "none"
		default:
			into[path] = fmt.Sprint(value)
		}
	}
}
