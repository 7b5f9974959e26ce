package operator_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"fsm/internal/operator"
	"fsm/internal/provision"
	"fsm/internal/proxy/proxytest"
)

const judged = `
apiVersion: v1
kind: Namespace
metadata: {name: judged}
---
apiVersion: v1
kind: Service
metadata: {name: fsm-controller, namespace: judged}
spec: {ports: [{name: webhook, port: 9443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: fsm-controller-1, namespace: judged, labels: {kubernetes.io/service-name: fsm-controller}}
addressType: IPv4
ports: [{name: webhook, port: WEBHOOK_PORT}]
endpoints: [{addresses: [WEBHOOK_IP], conditions: {ready: true}}]
---
` + registration

// registration is what the chart has.
const registration = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: judged-validator}
webhooks:
- name: meshconfigs.config.flomesh.io
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  clientConfig: {service: {name: fsm-controller, namespace: judged, port: 9443, path: /validate}}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: judged}}
  rules: [{apiGroups: [config.flomesh.io], apiVersions: [v1alpha3], resources: [meshconfigs], operations: [CREATE, UPDATE]}]
- name: ingresses.networking.k8s.io
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  clientConfig: {service: {name: fsm-controller, namespace: judged, port: 9443, path: /validate}}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: judged}}
  rules: [{apiGroups: [networking.k8s.io], apiVersions: [v1], resources: [ingresses], operations: [CREATE, UPDATE]}]
- name: policies.gateway.flomesh.io
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  clientConfig: {service: {name: fsm-controller, namespace: judged, port: 9443, path: /validate}}
  rules: [{apiGroups: [gateway.flomesh.io], apiVersions: [v1alpha1], resources: ["*"], operations: [CREATE, UPDATE]}]
`

const judgedClasses = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: judged}
spec: {controller: flomesh.io/ingress-pipy}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: theirs}
spec: {controller: example.com/theirs}
`

// TestIngressWebhook: an Ingress that would not be served is refused when it is written,
// what is not honoured is warned about, and those of others may be what they like; so
// may ours while Ingresses are not served.
func TestIngressWebhook(t *testing.T) {
	l := newLab(t)
	l.Check(l.ApplyFiles(l.Ctx, "../../charts/fsm/crds/*.yaml"))
	ln, err := net.Listen("tcp", net.JoinHostPort(outside(t), "0"))
	l.Check(err)
	ip, port, _ := net.SplitHostPort(ln.Addr().String())
	objects := strings.NewReplacer("WEBHOOK_PORT", port, "WEBHOOK_IP", ip).Replace(judged) + "---" + judgedClasses
	l.Put(objects)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(l.Ctx)
		l.Check(l.Delete(ctx, objects))
		l.Check(l.DeleteFiles(ctx, "../../charts/fsm/crds/*.yaml"))
	})
	var mu sync.Mutex
	var warnings []string
	config := rest.CopyConfig(shared.Admin())
	config.WarningHandler = warned(func(text string) {
		mu.Lock()
		defer mu.Unlock()
		warnings = append(warnings, text)
	})
	client, err := kubernetes.NewForConfig(config)
	l.Check(err)
	n := 0
	write := func(class, annotation, value string) error {
		n++
		_, err := client.NetworkingV1().Ingresses("judged").Create(l.Ctx, &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("i%d", n), Annotations: map[string]string{annotation: value}},
			Spec: networkingv1.IngressSpec{
				IngressClassName: &class, Rules: []networkingv1.IngressRule{{Host: fmt.Sprintf("i%d.example", n)}},
				DefaultBackend: &networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: "absent", Port: networkingv1.ServiceBackendPort{Number: 80}},
				},
			},
		}, metav1.CreateOptions{})
		return err
	}
	const protects = "nginx.ingress.kubernetes.io/auth-url"
	l.judge(ln)
	l.Eventually("registration is complete", l.registered)
	l.Check(write("judged", protects, "http://auth.example"))
	l.Put(ingressConfig("judged", "{enabled: true, http: {nodePort: 0}}"))
	l.Eventually("an Ingress is refused", func() error {
		if err := write("judged", protects, "http://auth.example"); err == nil || !strings.Contains(err.Error(), "auth-url") {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
	l.Check(write("theirs", protects, "http://auth.example"))
	l.Check(write("judged", "nginx.ingress.kubernetes.io/server-snippet", "return 200;"))
	mu.Lock()
	defer mu.Unlock()
	if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "server-snippet is never honoured") }) {
		t.Errorf("warnings are %q", warnings)
	}
}

// warned is told of each warning of the API server.
type warned func(text string)

func (w warned) HandleWarningHeader(_ int, _, text string) { w(text) }

// TestWebhook: a mesh configuration with a mistake is refused when it is written, in
// whatever version; a control plane that is not there refuses nothing, and what
// somebody does to the registration is undone.
func TestWebhook(t *testing.T) {
	l := newLab(t)
	l.Check(l.ApplyFiles(l.Ctx, "../../charts/fsm/crds/*.yaml"))
	ln, err := net.Listen("tcp", net.JoinHostPort(outside(t), "0"))
	l.Check(err)
	ip, port, _ := net.SplitHostPort(ln.Addr().String())
	objects := strings.NewReplacer("WEBHOOK_PORT", port, "WEBHOOK_IP", ip).Replace(judged)
	l.Put(objects)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(l.Ctx)
		l.Check(l.Delete(ctx, objects))
		l.Check(l.DeleteFiles(ctx, "../../charts/fsm/crds/*.yaml"))
	})
	write := func(version, life string) error {
		return l.Apply(l.Ctx, "apiVersion: config.flomesh.io/"+version+"\nkind: MeshConfig\nmetadata: {name: fsm-mesh-config, namespace: judged}\n"+
			"spec: {certificate: {serviceCertValidityDuration: "+life+"}}\n")
	}
	l.Check(write("v1alpha3", "1h"))

	stop := l.judge(ln)
	l.Eventually("registration is complete", l.registered)
	l.Check(write("v1alpha3", "2h"))
	for _, version := range []string{"v1alpha3", "v1alpha1"} {
		if err := write(version, "1s"); err == nil || !strings.Contains(err.Error(), `want a duration from "10m"`) {
			t.Errorf("%s: got %v", version, err)
		}
	}
	l.Put(strings.Replace(registration, "Ignore", "Fail", 1))
	l.Eventually("registration is complete again", l.registered)

	// Whom the API server is to trust is nobody else's to say.
	l.Put(strings.Replace(registration, "path: /validate}", "path: /validate}, caBundle: "+base64.StdEncoding.EncodeToString(foreign(t)), 1))
	l.Eventually("a foreign authority is replaced", func() error {
		if err := write("v1alpha3", "1s"); err == nil {
			return errors.New("nobody is asked")
		} else if !strings.Contains(err.Error(), `want a duration from "10m"`) {
			t.Fatal(err)
		}
		return nil
	})

	l.judgesPolicies()
	l.judgesAsServed()
	stop()
	l.Check(write("v1alpha3", "1s"))
	l.Check(l.Delete(l.Ctx, addressPolicy))
}

// addressPolicy is one that is good but for its target, which is not there.
const addressPolicy = `
apiVersion: gateway.flomesh.io/v1alpha1
kind: AccessControlPolicy
metadata: {name: p, namespace: judged}
spec: {targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: none}, config: {blacklist: [192.0.2.1]}}
`

// judgesPolicies: a value that can never be used is refused, and nothing else is.
func (l *lab) judgesPolicies() {
	l.T.Helper()
	l.Check(l.Apply(l.Ctx, addressPolicy))
	if err := l.Apply(l.Ctx, strings.Replace(addressPolicy, "192.0.2.1", "192.0.2", 1)); err == nil || !strings.Contains(err.Error(), "neither an IP address nor a network") {
		l.T.Errorf("a policy with a bad address: got %v", err)
	}
}

// judgesAsServed: a policy of a Gateway is judged while Gateways are served, which they
// are not without being asked for.
func (l *lab) judgesAsServed() {
	l.T.Helper()
	l.Put(judgedGateway)
	l.T.Cleanup(func() { l.Check(l.Delete(context.WithoutCancel(l.Ctx), judgedGateway)) })
	write := func() error {
		return l.Apply(l.Ctx, strings.NewReplacer("kind: HTTPRoute, name: none}", "kind: Gateway, name: gw}, ports: [{port: 80}]", "192.0.2.1", "192.0.2", "name: p,", "name: q,").Replace(addressPolicy))
	}
	l.Check(write())
	l.Check(l.Apply(l.Ctx, "apiVersion: config.flomesh.io/v1alpha3\nkind: MeshConfig\nmetadata: {name: fsm-mesh-config, namespace: judged}\nspec: {gatewayAPI: {enabled: true}}\n"))
	l.Eventually("policy of a Gateway is refused", func() error {
		if err := write(); err == nil || !strings.Contains(err.Error(), "neither an IP address nor a network") {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
}

const judgedGateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: judged}
spec: {controllerName: flomesh.io/judged}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: judged}
spec: {gatewayClassName: judged, listeners: [{name: http, port: 80, protocol: HTTP}]}
`

// foreign is an authority that is not the control plane's, in PEM.
func foreign(t *testing.T) []byte {
	pool, _ := proxytest.NewAuthority(t, "foreign").Issue(proxytest.Names{DNS: []string{"fsm-controller.judged.svc"}})
	return []byte(pool)
}

// judge runs a control plane that answers the API server on a listener.
func (l *lab) judge(ln net.Listener) (stop func()) {
	l.T.Helper()
	delivery, err := net.Listen("tcp", "127.0.0.1:0")
	l.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- operator.Run(ctx, operator.Options{
			Config: shared.Admin(), ControllerName: "flomesh.io/judged", Namespace: "judged", Pod: "test", TrustDomain: domain,
			Proxies: provision.Settings{TrustMap: "fsm-trust", Audience: audience},
			Webhook: operator.Webhook{Listener: ln, Registration: "judged-validator"},
			Log:     slog.New(slog.NewTextHandler(testLog{l.T}, &slog.HandlerOptions{Level: slog.LevelWarn})),
		}, delivery)
	}()
	stopped := false
	stop = func() {
		if cancel(); stopped {
			return
		}
		stopped = true
		if err := <-done; err != nil {
			l.T.Error(err)
		}
	}
	l.T.Cleanup(stop)
	return stop
}

// registered reports what the registration lacks.
func (l *lab) registered() error {
	r, err := l.Kube.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(l.Ctx, "judged-validator", metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, w := range r.Webhooks {
		if len(w.ClientConfig.CABundle) == 0 || *w.FailurePolicy != admissionregistrationv1.Ignore {
			return errors.New(fmt.Sprint("it is ", w))
		}
	}
	return nil
}
