package translate_test

import (
	"encoding/json"
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	istiov1 "fsm/api/istio/v1"
	"fsm/internal/golden"
	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestGolden is the specification of the translation, case by case. A case may
// have a section "config" with lines such as "restricted-dns"; "unchecked" means
// that the input goes past the defaults and rules of the CRDs.
func TestGolden(t *testing.T) {
	cases, err := golden.Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			set := withFiles(c, decode(c.Input))
			if configured(c, "unchecked") {
				set = decodeUnchecked(c.Input)
			}
			var sessionKey ir.Private
			if configured(c, "session-key") {
				sessionKey = "key"
			}
			var certificate types.NamespacedName
			if configured(c, "ingress-certificate") {
				certificate = types.NamespacedName{Namespace: "fsm-system", Name: "client"}
			}
			mesh, rep := translate.Translate(set, translate.Config{
				SessionKey: sessionKey,
				Standalone: !configured(c, "cluster"),
				DNS:        translate.DNS{Restricted: configured(c, "restricted-dns")},
				NoGateways: configured(c, "no-gateways"),
				Ingress: translate.Ingress{
					HTTP:    translate.IngressPort{Enabled: !configured(c, "ingress-no-http")},
					TLS:     translate.IngressPort{Enabled: !configured(c, "ingress-no-tls")},
					Enabled: configured(c, "ingress"), Namespaced: configured(c, "namespaced"), Passthrough: configured(c, "ingress-passthrough"), NGINX: configured(c, "ingress-nginx"), Certificate: certificate,
				},
			})
			snapshot := project.Project(mesh, everything)
			c.Check(t, *update, append(formatAuthorizations(mesh),
				golden.Section{Name: "node", Text: formatSnapshot(t, snapshot)},
				golden.Section{Name: "conditions", Text: rep.Apply(snapshot.Conflicts).String()},
			)...)
			checkMarshal(t, snapshot)
		})
	}
}

// everything is a node that serves all Gateways.
var everything = project.Node{Name: "test", Role: project.RoleGateway}

func decode(data []byte) *resource.Set {
	objects, problems := resource.Decode("input.yaml", data)
	return resource.NewSet(objects, problems...)
}

// withFiles adds the files that Gateways name, as a source of files does. The cases
// have them as sections.
func withFiles(c *golden.Case, set *resource.Set) *resource.Set {
	var files []resource.Object
	for _, gateway := range resource.List[*istiov1.Gateway](set) {
		for _, path := range resource.FilesOf(gateway) {
			text, ok := c.Section(path)
			problem := ""
			if !ok {
				problem = "cannot be read: no such file or directory"
			}
			files = append(files, resource.NewFile(path, []byte(text), problem))
		}
	}
	return resource.Union(set, resource.NewSet(files))
}

// formatAuthorizations is a section of its own where there are any.
func formatAuthorizations(mesh *ir.Mesh) []golden.Section {
	if len(mesh.Authorizations) == 0 {
		return nil
	}
	text := ""
	for _, name := range slices.Sorted(maps.Keys(mesh.Authorizations)) {
		text += ir.FormatAuthorization(mesh.Authorizations[name]) + "\n"
	}
	return []golden.Section{{Name: "authorizations", Text: text}}
}

func configured(c *golden.Case, setting string) bool {
	text, _ := c.Section("config")
	return slices.Contains(strings.Fields(text), setting)
}

// formatSnapshot adds the options of listeners, which the format leaves out.
func formatSnapshot(t *testing.T, s *ir.Snapshot) string {
	text := ir.Format(s)
	for _, l := range s.Listeners {
		if l.Options != nil {
			options, err := json.Marshal(l.Options)
			if err != nil {
				t.Fatal(err)
			}
			text += "options  " + string(l.Name) + "  " + string(options) + "\n"
		}
	}
	return text
}

// checkMarshal makes sure that what was translated can travel.
func checkMarshal(t *testing.T, s *ir.Snapshot) {
	t.Helper()
	data, err := ir.MarshalSecrets(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ir.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if back.Version != s.Version {
		t.Errorf("version %s became %s on the way", s.Version, back.Version)
	}
}
