package resource

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzDecode looks for text that makes Decode panic or let an object through that
// the rest of the program cannot rely on. The corpus is the files of testdata.
// (Give it -fuzzminimizetime 10x: the first objects of a kind compile its rules,
// which looks like new coverage that nothing can reproduce.)
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/pages/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{
		"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n- 1\n",
		"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {type: ExternalName, externalName: a.b., ports: [{port: 80, targetPort: http}]}\n",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: YQ==}\nstringData: {b: x}\n",
		"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\naddressType: IPv6\nendpoints: [{addresses: ['::1']}]\nports: [{port: 80}]\n",
		"apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: a}\nspec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: b}], to: [{group: '', kind: Service}]}\n",
		"apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {name: a}\nspec: {targetRefs: [{group: '', kind: Service, name: a}], validation: {hostname: a.b, wellKnownCACertificates: System}}\n",
		"{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"a\"}, \"data\": {\"a\": null}} {}",
		"a: &a [x, *a]\n--- *b\n...\n%YAML 1.1\n---\n<<: {kind: List}\nkind: List\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		objects, problems := Decode("in.yaml", text)
		for _, o := range objects {
			kind, ok := KindOf(o)
			if !ok {
				t.Fatalf("%T is of no kind", o)
			}
			if o.GetName() == "" || (o.GetNamespace() == "") != kind.Cluster || o.GetGeneration() < 1 {
				t.Errorf("%s %q in namespace %q, generation %d", kind.Name, o.GetName(), o.GetNamespace(), o.GetGeneration())
			}
			if got := o.GetObjectKind().GroupVersionKind(); got != kind.newest() {
				t.Errorf("object says it is %v, want %v", got, kind.newest())
			}
		}
		for _, p := range problems {
			if p.Message == "" || p.Source == "" || len(p.Message) > maxMessage+10 || printable(p.Message) != p.Message {
				t.Errorf("bad problem: %+v", p)
			}
		}
	})
}
