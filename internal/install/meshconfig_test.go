package install_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"fsm/api/config/v1alpha3"
	"fsm/internal/install"
)

// meshConfigs is where mesh configurations of a version are.
func (l *lab) meshConfigs(version string) dynamic.ResourceInterface {
	l.T.Helper()
	client, err := dynamic.NewForConfig(l.admin)
	l.Check(err)
	return client.Resource(schema.GroupVersionResource{Group: v1alpha3.GroupName, Version: version, Resource: "meshconfigs"}).Namespace("config")
}

// meshConfig is what the cluster has.
func (l *lab) meshConfig() v1alpha3.MeshConfigSpec {
	l.T.Helper()
	o, err := l.meshConfigs("v1alpha3").Get(l.Ctx, v1alpha3.Name, metav1.GetOptions{})
	l.Check(err)
	text, err := json.Marshal(o.Object)
	l.Check(err)
	var mc v1alpha3.MeshConfig
	l.Check(json.Unmarshal(text, &mc))
	return mc.Spec
}

// patches are those that the documentation of FSM has, and one of an older version.
var patches = []struct{ version, patch string }{
	{"v1alpha3", `{"spec":{"featureFlags":{"enableEgressPolicy":true},"traffic":{"enableEgress":false}}}`},
	{"v1alpha3", `{"spec":{"traffic":{"enablePermissiveTrafficPolicyMode":false}}}`},
	{"v1alpha3", `{"spec":{"traffic":{"outboundIPRangeExclusionList":["1.1.1.1/32", "2.2.2.2/24"]}}}`},
	{"v1alpha3", `{"spec":{"traffic":{"outboundIPRangeInclusionList":["1.1.1.1/32", "2.2.2.2/24"]}}}`},
	{"v1alpha3", `{"spec":{"traffic":{"outboundPortExclusionList":[6379, 7070]}}}`},
	{"v1alpha3", `{"spec":{"traffic":{"inboundPortExclusionList":[6379, 7070]}}}`},
	{"v1alpha3", `{"spec":{"traffic":{"useHTTPSIngress":true},"featureFlags":{"enableWASMStats":false}}}`},
	{"v1alpha1", `{"spec":{"sidecar":{"sidecarClass":"pipy","logLevel":"debug"}}}`},
}

// TestMeshConfig: the mesh configuration has what values say; what users change in it
// survives upgrades, and what an upgrade changes acts; it goes with the mesh, and its
// definition when asked.
func TestMeshConfig(t *testing.T) {
	l := newLab(t)
	const none = "fsm.fsmController.replicaCount=0"
	l.Check(l.install(l.options("config", none, "fsm.fsmGateway.enabled=true", "fsm.image.registry=first", "fsm.certificateProvider.serviceCertValidityDuration=2h")))
	if mc := l.meshConfig(); !mc.GatewayAPI.Enabled || mc.Image.Registry != "first" || mc.Certificate.ServiceCertValidityDuration != "2h" ||
		!mc.Traffic.EnableEgress || mc.Ingress.Enabled || mc.Ingress.HTTP.NodePort != 30508 || mc.Sidecar.TLSMaxProtocolVersion != "TLSv1_3" {
		t.Errorf("after the installation: %+v", mc)
	}
	for _, p := range patches {
		if _, err := l.meshConfigs(p.version).Patch(l.Ctx, v1alpha3.Name, types.MergePatchType, []byte(p.patch), metav1.PatchOptions{}); err != nil {
			t.Errorf("%s: %v", p.patch, err)
		}
	}
	for _, bad := range []string{
		`{"spec":{"observability":{"fsmLogLevel":"loud"}}}`, `{"spec":{"traffic":{"inboundPortExclusionList":[70000]}}}`,
		`{"spec":{"traffic":{"outboundIPRangeExclusionList":["everywhere"]}}}`, `{"spec":{"certificate":{"serviceCertValidityDuration":"a day"}}}`,
	} {
		if _, err := l.meshConfigs("v1alpha3").Patch(l.Ctx, v1alpha3.Name, types.MergePatchType, []byte(bad), metav1.PatchOptions{}); !apierrors.IsInvalid(err) {
			t.Errorf("%s: got %v", bad, err)
		}
	}

	l.Check(l.fsm.Upgrade(l.Ctx, l.options("config", none, "fsm.image.registry=second")))
	mc := l.meshConfig()
	if mc.Image.Registry != "second" || mc.Traffic.EnableEgress || mc.Sidecar.LogLevel != "debug" || len(mc.Traffic.InboundPortExclusionList) != 2 {
		t.Errorf("after the upgrade: %+v", mc)
	}
	old, err := l.meshConfigs("v1alpha2").Get(l.Ctx, v1alpha3.Name, metav1.GetOptions{})
	l.Check(err)
	if text, err := json.Marshal(old.Object); err != nil || !strings.Contains(string(text), `"sidecarClass":"pipy"`) || !strings.Contains(string(text), `"enableWASMStats":false`) {
		t.Errorf("what this version does not know is lost: %s, %v", text, err)
	}

	removal := install.Removal{Mesh: "fsm", Namespace: "config", Say: l.say}
	l.Check(l.fsm.Uninstall(l.Ctx, removal))
	if _, err := l.meshConfigs("v1alpha3").Get(l.Ctx, v1alpha3.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the mesh configuration after the mesh: %v", err)
	}
	definition := "meshconfigs." + v1alpha3.GroupName
	_, err = l.definitions().Get(l.Ctx, definition, metav1.GetOptions{})
	l.Check(err)
	removal.Definitions = true
	l.Check(l.fsm.Uninstall(l.Ctx, removal))
	l.Eventually("the definition goes", func() error {
		_, err := l.definitions().Get(l.Ctx, definition, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is there"), err)
	})
}

// row is one of the table of the chart that says where values go.
var row = regexp.MustCompile(`(?m)^- \[(\S+), (\S+)\]$`)

// fields are what a schema says about the names of an object's fields.
type fields struct {
	Properties map[string]fields
}

// has tells whether there is a path.
func (f fields) has(path string) bool {
	for name := range strings.SplitSeq(path, ".") {
		next, ok := f.Properties[name]
		if !ok {
			return false
		}
		f = next
	}
	return true
}

// read reads a file of YAML or JSON.
func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestMeshConfigFields: every value that the chart puts into the mesh configuration is
// one of the chart, and every place is one that the mesh configuration has.
func TestMeshConfigFields(t *testing.T) {
	table, err := os.ReadFile("../../charts/fsm/templates/_meshconfig.tpl")
	if err != nil {
		t.Fatal(err)
	}
	var values fields
	read(t, "../../charts/fsm/values.schema.json", &values)
	var definition struct {
		Spec struct {
			Versions []struct {
				Storage bool
				Schema  struct{ OpenAPIV3Schema fields }
			}
		}
	}
	read(t, "../../charts/fsm/crds/config.flomesh.io_meshconfigs.yaml", &definition)
	newest := definition.Spec.Versions[len(definition.Spec.Versions)-1]
	rows := row.FindAllStringSubmatch(string(table), -1)
	if len(rows) == 0 || len(rows) != bytes.Count(table, []byte("\n- [")) || !newest.Storage {
		t.Fatalf("read %d rows", len(rows))
	}
	for _, r := range rows {
		if !values.has("fsm." + r[1]) {
			t.Errorf("the chart has no value fsm.%s", r[1])
		}
		if !newest.Schema.OpenAPIV3Schema.has("spec." + r[2]) {
			t.Errorf("the mesh configuration has no %s", r[2])
		}
	}
}
