package explain_test

import (
	"strings"
	"testing"

	"fsm/internal/explain"
	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

// TestPortOfPod: in a cluster a Service stands before the proxy. What the proxy listens on
// in its pod is no port for clients, and the answer says which one is.
func TestPortOfPod(t *testing.T) {
	objects, problems := resource.Decode("input.yaml", []byte(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  ingressClassName: pipy
  defaultBackend: {service: {name: web, port: {number: 80}}}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: pipy}
spec: {controller: flomesh.io/ingress-pipy}
`))
	config := translate.Config{}
	config.Ingress.Enabled, config.Ingress.HTTP.Enabled = true, true
	model := explain.NewModel(resource.NewSet(objects, problems...), explain.Options{Translate: config, Node: project.Node{Role: project.RoleGateway, Pod: true}})
	for url, want := range map[string]string{
		"http://shop.example.com/":      "backend_not_found",
		"http://shop.example.com:8000/": "nothing listens on shop.example.com:8000; there is tcp/:8000 (IngressClass pipy port http, which clients reach at port 80)",
	} {
		e, err := model.Explain(explain.Question{Method: "GET", URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Answer.Reason + " " + e.Answer.Message; !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
}
