package cli_test

import (
	"strings"
	"testing"
)

const ingress = `
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: site
  annotations: {nginx.ingress.kubernetes.io/configuration-snippet: "return 403;"}
spec:
  ingressClassName: pipy
  defaultBackend: {service: {name: web, port: {number: 80}}}
`

func TestVerifyIngress(t *testing.T) {
	tests := []struct {
		name, input string
		code        int
		out, err    string
	}{
		{"served", backend + ingress, 0, "Ingress default/site  class=pipy  hosts=*  Accepted=True  ResolvedRefs=True\n" +
			"Ingress default/site  warning: annotation nginx.ingress.kubernetes.io/configuration-snippet is never honoured\n" +
			"---------------------------------------------\n[+] Context: Verify that requests for Ingresses get through\nStatus: Success\n---------------------------------------------\n", ""},
		{"a backend that is not there", ingress, 1, "ResolvedRefs=False/BackendNotFound: Service default/web does not exist", "requests of 1 of the Ingresses would fail"},
		{"an annotation that protects", backend + strings.Replace(ingress, "configuration-snippet", "auth-url", 1), 1, "Accepted=False/UnsupportedAnnotation", "would fail"},
		{"a class of others", backend + strings.Replace(ingress, "pipy", "other", 1), 1, `there is no IngressClass "other"`, "there is no Ingress of ours"},
		{"no Ingress", backend, 1, "Status: Failure", "there is no Ingress of ours"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := fsm(t, test.input, "verify", "ingress", "-f", "-")
			if got.code != test.code || !strings.Contains(got.out, test.out) || !strings.Contains(got.err, test.err) {
				t.Errorf("got %d\n%s\n%s", got.code, got.out, got.err)
			}
		})
	}
}
