package translate_test

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	istiov1 "fsm/api/istio/v1"
	policyv1alpha1 "fsm/api/policy/v1alpha1"
	"fsm/internal/golden"
	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/translate"
	"fsm/internal/translate/core"
	"fsm/internal/translate/report"
)

// inputs are those of all golden cases.
func inputs(t testing.TB) [][]byte {
	t.Helper()
	cases, err := golden.Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, c := range cases {
		all = append(all, c.Input)
	}
	return all
}

// FuzzTranslate feeds any text through the whole control plane, once as decoding
// admits it and once without the defaults and rules of the CRDs. Nothing panics,
// the result can travel, and every object that is ours has its say.
func FuzzTranslate(f *testing.F) {
	for _, input := range inputs(f) {
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, set := range []*resource.Set{decode(data), decodeUnchecked(data)} {
			mesh, rep := translate.Translate(set, translate.Config{Standalone: true})
			snapshot := project.Project(mesh, everything)
			if _, err := ir.Marshal(snapshot); err != nil {
				t.Fatal(err)
			}
			_ = ir.Format(snapshot)
			_ = rep.Apply(snapshot.Conflicts).String()
			checkComplete(t, set, rep)
		}
	})
}

// decodeUnchecked reads objects into their types and does nothing else to them.
func decodeUnchecked(data []byte) *resource.Set {
	var objects []resource.Object
	for document := range bytes.SplitSeq(data, []byte("\n---")) {
		var head metav1.TypeMeta
		if yaml.Unmarshal(document, &head) != nil {
			continue
		}
		for _, kind := range resource.Kinds() {
			if kind.Name != head.Kind || kind.Group != head.GroupVersionKind().Group {
				continue
			}
			o := kind.New()
			if yaml.Unmarshal(document, o) != nil {
				continue
			}
			if !kind.Cluster && o.GetNamespace() == "" {
				o.SetNamespace(metav1.NamespaceDefault)
			}
			objects = append(objects, o)
		}
	}
	return resource.NewSet(objects)
}

// checkComplete looks for objects that nothing was said about.
func checkComplete(t *testing.T, set *resource.Set, rep *report.Report) {
	t.Helper()
	ours := map[resource.Key]bool{}
	for _, g := range resource.List[*gatewayv1.Gateway](set) {
		if _, declared := resource.Get[*gatewayv1.GatewayClass](set, "", string(g.Spec.GatewayClassName)); declared {
			continue
		}
		if name := string(g.Spec.GatewayClassName); name == core.BuiltinClasses()[0] || name == core.BuiltinClasses()[1] {
			key := resource.KeyOf(g)
			ours[key] = true
			if rep.Gateways[key] == nil {
				t.Errorf("%s has no status", key)
			}
		}
	}
	for _, r := range resource.List[*gatewayv1.HTTPRoute](set) {
		checkRoute(t, ours, rep, resource.KeyOf(r), r.Spec.ParentRefs)
	}
	for _, r := range resource.List[*gatewayv1.GRPCRoute](set) {
		checkRoute(t, ours, rep, resource.KeyOf(r), r.Spec.ParentRefs)
	}
	for _, r := range resource.List[*gatewayv1.TLSRoute](set) {
		checkRoute(t, ours, rep, resource.KeyOf(r), r.Spec.ParentRefs)
	}
	for _, r := range resource.List[*gatewayv1.TCPRoute](set) {
		checkRoute(t, ours, rep, resource.KeyOf(r), r.Spec.ParentRefs)
	}
	for _, r := range resource.List[*gatewayv1.UDPRoute](set) {
		checkRoute(t, ours, rep, resource.KeyOf(r), r.Spec.ParentRefs)
	}
	for _, g := range resource.List[*istiov1.Gateway](set) {
		if key := resource.KeyOf(g); len(rep.Conditions[key]) == 0 {
			t.Errorf("%s has no conditions", key)
		}
	}
	for _, v := range resource.List[*istiov1.VirtualService](set) {
		if key := resource.KeyOf(v); len(rep.Conditions[key]) == 0 {
			t.Errorf("%s has no conditions", key)
		}
	}
	for _, b := range resource.List[*policyv1alpha1.IngressBackend](set) {
		if key := resource.KeyOf(b); rep.Commits[key].Reason == "" {
			t.Errorf("%s has no state", key)
		}
	}
}

func checkRoute(t *testing.T, ours map[resource.Key]bool, rep *report.Report, key resource.Key, refs []gatewayv1.ParentReference) {
	t.Helper()
	want := 0
	for _, ref := range refs {
		gateway := resource.Key{Group: gatewayv1.GroupName, Kind: "Gateway", Namespace: key.Namespace, Name: string(ref.Name)}
		if ref.Group != nil {
			gateway.Group = string(*ref.Group)
		}
		if ref.Kind != nil {
			gateway.Kind = string(*ref.Kind)
		}
		if ref.Namespace != nil {
			gateway.Namespace = string(*ref.Namespace)
		}
		if ours[gateway] {
			want++
		}
	}
	if want == 0 {
		return
	}
	status := rep.Routes[key]
	if status == nil || len(status.Parents) < want {
		t.Errorf("%s: %d parents are ours, but its status is %+v", key, want, status)
		return
	}
	for _, p := range status.Parents {
		if len(p.Conditions) < 2 || p.ParentRef.Group == nil || p.ParentRef.Kind == nil {
			t.Errorf("%s: the status of parent %q is incomplete: %+v", key, p.ParentRef.Name, p)
		}
	}
}

// objectsOf lists all objects of a set by key.
func objectsOf(set *resource.Set) map[resource.Key]resource.Object {
	all := map[resource.Key]resource.Object{}
	collect[*corev1.Namespace](set, all)
	collect[*corev1.Service](set, all)
	collect[*corev1.Secret](set, all)
	collect[*corev1.ConfigMap](set, all)
	collect[*discoveryv1.EndpointSlice](set, all)
	collect[*gatewayv1.GatewayClass](set, all)
	collect[*gatewayv1.Gateway](set, all)
	collect[*gatewayv1.ListenerSet](set, all)
	collect[*gatewayv1.HTTPRoute](set, all)
	collect[*gatewayv1.GRPCRoute](set, all)
	collect[*gatewayv1.TLSRoute](set, all)
	collect[*gatewayv1.TCPRoute](set, all)
	collect[*gatewayv1.UDPRoute](set, all)
	collect[*gatewayv1.ReferenceGrant](set, all)
	collect[*gatewayv1.BackendTLSPolicy](set, all)
	return all
}

func collect[T resource.Object](set *resource.Set, all map[resource.Key]resource.Object) {
	for _, o := range resource.List[T](set) {
		all[resource.KeyOf(o)] = o
	}
}
