package cli_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fsm/test/cluster"
)

// TestLive reads a cluster that has never heard of FSM and the Gateway API, as those are
// that ingress-nginx runs in.
func TestLive(t *testing.T) {
	started, err := cluster.Start(t.Context(), cluster.Options{Dir: filepath.Join(t.TempDir(), "cluster")})
	if errors.Is(err, cluster.ErrNotBuilt) && os.Getenv(cluster.Required) == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(started.Stop)
	s := started.Session(t)
	s.Check(s.Apply(s.Ctx, `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: site
  namespace: default
  annotations: {nginx.ingress.kubernetes.io/custom-headers: default/headers}
spec:
  ingressClassName: nginx
  rules:
  - host: example.com
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]
  tls: [{hosts: [example.com], secretName: site}]
`))
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	s.Check(started.WriteKubeconfig(kubeconfig, "admin"))

	got := fsm(t, "", "migrate", "ingress-nginx", "--live", "--kubeconfig", kubeconfig)
	if got.code != 1 || !strings.Contains(got.out, "    - name: web\n      port: 80\n") || !strings.Contains(got.out, "https-example.com") {
		t.Errorf("migrate: got %d\n%s\n%s", got.code, got.out, got.err)
	}
	for _, want := range []string{"Secret default/site was not read", "ConfigMap default/headers was not read"} {
		if !strings.Contains(got.err, want) {
			t.Errorf("migrate does not say %q:\n%s", want, got.err)
		}
	}
	got = fsm(t, "", "verify", "ingress", "--kubeconfig", kubeconfig)
	if got.code != 1 || !strings.Contains(got.err, "there is no Ingress of ours") {
		t.Errorf("verify: got %d\n%s\n%s", got.code, got.out, got.err)
	}
	got = fsm(t, "", "policy", "check-conflicts", "--kubeconfig", kubeconfig)
	if got.code != 0 {
		t.Errorf("check-conflicts: got %d\n%s\n%s", got.code, got.out, got.err)
	}
}
