package migrate_test

import (
	"flag"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"fsm/internal/golden"
	"fsm/internal/migrate"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestGolden is what Ingresses come to, case by case. What is written must be what
// FSM itself accepts.
func TestGolden(t *testing.T) {
	cases, err := golden.Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			objects, problems := resource.Decode("input.yaml", c.Input)
			set := resource.NewSet(objects, problems...)
			result, err := migrate.Convert(set, migrate.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var manifests, findings strings.Builder
			if err := result.WriteYAML(&manifests); err != nil {
				t.Fatal(err)
			}
			if err := result.WriteFindings(&findings); err != nil {
				t.Fatal(err)
			}
			c.Check(t, *update, golden.Section{Name: "output.yaml", Text: manifests.String()}, golden.Section{Name: "findings", Text: findings.String()})
			if !strings.Contains(findings.String(), "the result is not valid") {
				checkAccepted(t, set, manifests.String())
			}
		})
	}
}

// checkAccepted reads the output as a user's files would be, beside the Services and
// Secrets that the input has.
func checkAccepted(t *testing.T, set *resource.Set, manifests string) {
	t.Helper()
	objects, problems := resource.Decode("output.yaml", []byte(manifests))
	for _, p := range problems {
		t.Errorf("%s: %s", p.Key, p.Message)
	}
	for _, s := range resource.List[*corev1.Service](set) {
		objects = append(objects, s)
	}
	for _, s := range resource.List[*corev1.Secret](set) {
		objects = append(objects, s)
	}
	_, rep := translate.Translate(resource.NewSet(objects), translate.Config{Standalone: true})
	for _, e := range rep.Entries() {
		// What the input refers to and does not have is missing here, too.
		missing := strings.Contains(e.Text, "InvalidCertificateRef") || strings.Contains(e.Text, "NoValidCACertificate") || strings.Contains(e.Text, "TargetNotFound: targetRef: Service")
		if strings.Contains(e.Text, "Accepted=False") && !missing {
			t.Errorf("not accepted: %s", e.Text)
		}
	}
	if len(resource.List[*networkingv1.Ingress](resource.NewSet(objects))) > 0 {
		t.Error("the output has an Ingress")
	}
}
