package install_test

import (
	"context"
	crypto "crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/install"
	"fsm/internal/operator"
	"fsm/internal/provision"
	"fsm/internal/proxy"
	"fsm/internal/proxy/process"
	"fsm/internal/proxy/proxytest"
)

// controllerAccount is what the pods of the control plane are to the API server.
func controllerAccount(namespace string) rest.ImpersonationConfig {
	return rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + namespace + ":" + operator.Name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
}

// denials are the log of a control plane, of which only what it was not allowed to
// do matters.
type denials struct {
	t testing.TB
	// but is in the lines about what it is meant not to be allowed to; empty for none.
	but string
}

func (d denials) Write(b []byte) (int, error) {
	if line := strings.TrimSpace(string(b)); strings.Contains(line, "forbidden") && (d.but == "" || !strings.Contains(line, d.but)) {
		d.t.Errorf("not allowed: %s", line)
	} else {
		d.t.Log(line)
	}
	return len(b), nil
}

// operate runs the control plane with the rights that the chart gives it.
func (l *lab) operate(namespace string, secretNamespaces ...string) (address string) {
	l.T.Helper()
	return l.operateWith(namespace, denials{t: l.T}, func(o *operator.Options) { o.SecretNamespaces = secretNamespaces })
}

// operateWith runs it with other options.
func (l *lab) operateWith(namespace string, log denials, set func(*operator.Options)) (address string) {
	l.T.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	l.Check(err)
	webhook, err := net.Listen("tcp", "127.0.0.1:0")
	l.Check(err)
	config := rest.CopyConfig(l.admin)
	config.Impersonate = controllerAccount(namespace)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	o := operator.Options{
		Config: config, ControllerName: "flomesh.io/gateway-controller", Namespace: namespace, Pod: "test", TrustDomain: "cluster.local",
		Proxies: provision.Settings{Image: "fsm-proxy", Controller: "https://fsm-controller", TrustMap: "fsm-trust", Audience: operator.Name},
		Webhook: operator.Webhook{Listener: webhook, Registration: "fsm-validator"},
		Log:     slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	set(&o)
	go func() { done <- operator.Run(ctx, o, ln) }()
	l.T.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.T.Error(err)
		}
	})
	return ln.Addr().String()
}

const namespace = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
`

const shop = `
apiVersion: v1
kind: Secret
metadata: {name: certificate, namespace: shop}
type: kubernetes.io/tls
stringData: {tls.crt: CERTIFICATE, tls.key: KEY}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: gw
  namespace: shop
  annotations:
    gateway.flomesh.io/auto-scaling: "true"
    gateway.flomesh.io/enable-pod-disruption-budget: "true"
spec:
  gatewayClassName: fsm-gateway-cls
  listeners:
  - {name: https, port: HTTPS_PORT, protocol: HTTPS, tls: {certificateRefs: [{name: certificate}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
`

// TestRights: with the rights that the chart gives it, and no others, the control
// plane makes everything that a Gateway needs, reads its certificate, lets its proxy
// in, and writes statuses.
func TestRights(t *testing.T) {
	for _, test := range []struct {
		name             string
		secretNamespaces []string
	}{{"all Secrets", nil}, {"Secrets of some namespaces", []string{"shop", "fsm-system"}}} {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t)
			l.kubelet("fsm-system")
			l.Check(l.Apply(l.Ctx, namespace+"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: fsm-system}\n"))
			t.Cleanup(func() { l.delete(namespace) })
			l.Check(l.install(l.options("fsm-system", "fsm.fsmGateway.enabled=true",
				"fsm.secretNamespaces={"+strings.Join(test.secretNamespaces, ",")+"}")))
			certificate, key := proxytest.NewAuthority(t, "authority").Issue(proxytest.Names{DNS: []string{"shop.example"}})
			l.Check(l.Apply(l.Ctx, strings.NewReplacer(
				"HTTPS_PORT", l.FreePort(), "CERTIFICATE", strconv.Quote(certificate), "KEY", strconv.Quote(key)).Replace(shop)))
			l.serves(l.operate("fsm-system", test.secretNamespaces...))
		})
	}
}

// serves waits until everything is there that the Gateway of the shop needs, and it
// serves.
func (l *lab) serves(controller string) {
	l.T.Helper()
	const name = "fsm-gateway-shop"
	for what, get := range map[string]func() error{
		"Deployment": func() error {
			_, err := l.Kube.AppsV1().Deployments("shop").Get(l.Ctx, name, metav1.GetOptions{})
			return err
		},
		"Service": func() error {
			_, err := l.Kube.CoreV1().Services("shop").Get(l.Ctx, name, metav1.GetOptions{})
			return err
		},
		"HorizontalPodAutoscaler": func() error {
			_, err := l.Kube.AutoscalingV2().HorizontalPodAutoscalers("shop").Get(l.Ctx, name, metav1.GetOptions{})
			return err
		},
		"PodDisruptionBudget": func() error {
			_, err := l.Kube.PolicyV1().PodDisruptionBudgets("shop").Get(l.Ctx, name, metav1.GetOptions{})
			return err
		},
		"webhook": func() error {
			r, err := l.Kube.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(l.Ctx, "fsm-validator", metav1.GetOptions{})
			if err == nil && len(r.Webhooks[0].ClientConfig.CABundle) == 0 {
				return fmt.Errorf("nobody to trust: %v", r.Webhooks)
			}
			return err
		},
	} {
		l.Eventually(what, get)
	}
	l.proxy(controller, "shop", name)
	l.Eventually("proxy of the Gateway serves", func() error {
		var g gatewayv1.Gateway
		err := l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: shop}\n", &g)
		if err == nil && (len(g.Status.Listeners) != 1 || !meta.IsStatusConditionTrue(g.Status.Listeners[0].Conditions, "Programmed")) {
			return fmt.Errorf("status is %+v", g.Status)
		}
		return err
	})
	l.Eventually("route is accepted", func() error {
		var r gatewayv1.HTTPRoute
		err := l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web, namespace: shop}\n", &r)
		if err == nil && (len(r.Status.Parents) != 1 || !meta.IsStatusConditionTrue(r.Status.Parents[0].Conditions, "Accepted")) {
			return fmt.Errorf("status is %+v", r.Status)
		}
		return err
	})
}

const store = `
apiVersion: v1
kind: Namespace
metadata: {name: store}
---
apiVersion: v1
kind: Secret
metadata: {name: certificate, namespace: store}
type: kubernetes.io/tls
stringData: {tls.crt: CERTIFICATE, tls.key: KEY}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: store
  annotations: {kubernetes.io/ingress.class: pipy}
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
  tls: [{hosts: [store.example], secretName: certificate}]
`

// TestIngressRights: with the rights that the chart gives it for Ingresses, and none for
// Gateways, the control plane makes the proxies, lets them in, reads the certificate,
// writes addresses and events, and takes all of it away again.
func TestIngressRights(t *testing.T) {
	for _, test := range []struct {
		name             string
		secretNamespaces []string
	}{{"all Secrets", nil}, {"Secrets of some namespaces", []string{"store"}}} {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t)
			l.kubelet("fsm-system")
			certificate, key := proxytest.NewAuthority(t, "authority").Issue(proxytest.Names{DNS: []string{"store.example"}})
			l.Check(l.Apply(l.Ctx, strings.NewReplacer("CERTIFICATE", strconv.Quote(certificate), "KEY", strconv.Quote(key)).Replace(store)))
			t.Cleanup(func() { l.delete(store) })
			tls := l.FreePort()
			l.Check(l.install(l.options("fsm-system", "fsm.fsmIngress.enabled=true", "fsm.fsmIngress.tls.enabled=true", "fsm.fsmIngress.tls.containerPort="+tls,
				"fsm.fsmIngress.http.containerPort="+l.FreePort(), "fsm.secretNamespaces={"+strings.Join(test.secretNamespaces, ",")+"}")))
			controller := l.operate("fsm-system", test.secretNamespaces...)
			var service *corev1.Service
			l.Eventually("Service", func() (err error) {
				service, err = l.Kube.CoreV1().Services("fsm-system").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{})
				return err
			})
			service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "lb.example"}}
			_, err := l.Kube.CoreV1().Services("fsm-system").UpdateStatus(l.Ctx, service, metav1.UpdateOptions{})
			l.Check(err)
			l.proxyAs("ingress/fsm-ingress", controller, "fsm-system", "fsm-ingress")
			l.Eventually("certificate", func() error {
				c, err := crypto.Dial("tcp", "127.0.0.1:"+tls, &crypto.Config{ServerName: "store.example", InsecureSkipVerify: true})
				if err != nil {
					return err
				}
				return c.Close()
			})
			l.Eventually("address", func() error {
				i, err := l.Kube.NetworkingV1().Ingresses("store").Get(l.Ctx, "web", metav1.GetOptions{})
				if err == nil && (len(i.Status.LoadBalancer.Ingress) != 1 || i.Status.LoadBalancer.Ingress[0].Hostname != "lb.example") {
					return fmt.Errorf("status is %+v", i.Status)
				}
				return err
			})
			l.Eventually("event about the Service that is not there", func() error {
				events, err := l.Kube.CoreV1().Events("store").List(l.Ctx, metav1.ListOptions{})
				if err == nil && !slices.ContainsFunc(events.Items, func(e corev1.Event) bool { return e.Reason == "BackendNotFound" && e.InvolvedObject.Name == "web" }) {
					return fmt.Errorf("%d events", len(events.Items))
				}
				return err
			})
			rights := []struct{ verb, resource, namespace string }{
				{"patch", "networking.k8s.io/ingresses/status", "store"}, {"patch", "networking.istio.io/gateways/status", "store"},
				{"patch", "networking.istio.io/virtualservices/status", "store"}, {"create", "events", "store"},
				{"create", "apps/deployments", "fsm-system"}, {"get", "secrets", "store"},
			}
			for _, right := range rights {
				if !l.may(right.verb, right.resource, right.namespace, "") {
					t.Errorf("may not %s %s in %s", right.verb, right.resource, right.namespace)
				}
			}
			l.Check(l.fsm.Switch(l.Ctx, install.Ingress, false, l.options("fsm-system")))
			if _, err := l.Kube.CoreV1().Services("fsm-system").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("after switching off: %v", err)
			}
			for _, right := range rights {
				if l.may(right.verb, right.resource, right.namespace, "") {
					t.Errorf("may still %s %s in %s", right.verb, right.resource, right.namespace)
				}
			}
		})
	}
}

// TestNamespacedIngressRights: only where namespaces may have proxies of their own may the
// control plane run any outside of its own namespace.
func TestNamespacedIngressRights(t *testing.T) {
	l := newLab(t)
	const none = "fsm.fsmController.replicaCount=0"
	l.Check(l.install(l.options("fsm-system", "fsm.fsmIngress.enabled=true", none)))
	for _, namespaced := range []bool{false, true} {
		for _, right := range []struct{ verb, resource, name string }{
			{"create", "apps/deployments", ""}, {"delete", "services", ""}, {"patch", "serviceaccounts", ""}, {"patch", "configmaps", "fsm-trust"},
		} {
			if !l.may(right.verb, right.resource, "fsm-system", right.name) {
				t.Errorf("may not %s %s in its own namespace", right.verb, right.resource)
			}
			if got := l.may(right.verb, right.resource, "store", right.name); got != namespaced {
				t.Errorf("namespaced %v: %s %s elsewhere: %v", namespaced, right.verb, right.resource, got)
			}
		}
		if l.may("patch", "configmaps", "store", "somebody-else's") {
			t.Error("may patch any ConfigMap")
		}
		if !namespaced {
			l.Check(l.fsm.Upgrade(l.Ctx, l.options("fsm-system", "fsm.fsmIngress.namespaced=true", none)))
		}
	}
}

// proxy runs one as the pod of the Gateway would, with the token of its service
// account.
func (l *lab) proxy(controller, namespace, account string) {
	l.T.Helper()
	l.proxyAs("gateway/gw", controller, namespace, account)
}

// proxyAs runs one with another role.
func (l *lab) proxyAs(role, controller, namespace, account string) {
	l.T.Helper()
	token, err := l.Kube.CoreV1().ServiceAccounts(namespace).CreateToken(l.Ctx, account, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{operator.Name}},
	}, metav1.CreateOptions{})
	l.Check(err)
	trust, err := l.Kube.CoreV1().ConfigMaps(namespace).Get(l.Ctx, "fsm-trust", metav1.GetOptions{})
	l.Check(err)
	dir := l.T.TempDir()
	l.Check(os.WriteFile(filepath.Join(dir, "token"), []byte(token.Status.Token), 0o600))
	l.Check(os.WriteFile(filepath.Join(dir, "ca.crt"), []byte(trust.Data["ca.crt"]), 0o600))
	feed, err := process.Controller{
		URL: "https://" + controller, Identity: "spiffe://cluster.local/ns/" + namespace + "/" + role,
		TokenFile: filepath.Join(dir, "token"), TrustFile: filepath.Join(dir, "ca.crt"), Node: "pod",
	}.Feed()
	l.Check(err)
	p := proxytest.Start(l.T, proxy.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- feed(ctx, p.Proxy) }()
	l.T.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			l.T.Error(err)
		}
	})
}

// may asks the API server whether the control plane in namespace fsm-system has a
// right.
func (l *lab) may(verb, resource, namespace, name string) bool {
	l.T.Helper()
	group, plural, ok := strings.Cut(resource, "/")
	if !ok || !strings.Contains(group, ".") && !slices.Contains([]string{"apps", "autoscaling", "policy"}, group) {
		group, plural = "", resource // of the core group
	}
	plural, subresource, _ := strings.Cut(plural, "/")
	as := controllerAccount("fsm-system")
	review, err := l.Kube.AuthorizationV1().SubjectAccessReviews().Create(l.Ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{User: as.UserName, Groups: as.Groups, ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Group: group, Resource: plural, Subresource: subresource, Namespace: namespace, Name: name,
		}},
	}, metav1.CreateOptions{})
	l.Check(err)
	return review.Status.Allowed
}

// TestSecretRights: which Secrets the control plane may read is what
// fsm.secretNamespaces says, and without Gateways none but its own.
func TestSecretRights(t *testing.T) {
	for _, test := range []struct {
		name     string
		sets     []string
		readable map[string]bool // by namespace
	}{
		{"gateways off", []string{"fsm.serviceLB.enabled=true"}, map[string]bool{}},
		{"everywhere", []string{"fsm.fsmGateway.enabled=true"}, map[string]bool{"": true, "certs": true, "other": true, "fsm-system": true}},
		{"everywhere for Ingresses", []string{"fsm.fsmIngress.enabled=true"}, map[string]bool{"": true, "certs": true, "other": true, "fsm-system": true}},
		{"some namespaces for Ingresses", []string{"fsm.ingress.tls.enabled=true", "fsm.secretNamespaces={certs}"}, map[string]bool{"certs": true}},
		{"some namespaces", []string{"fsm.fsmGateway.enabled=true", "fsm.secretNamespaces={certs}"}, map[string]bool{"certs": true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t)
			l.Check(l.Apply(l.Ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: certs}\n"))
			o := l.options("fsm-system", append(test.sets, "fsm.fsmController.replicaCount=0")...)
			l.Check(l.install(o))
			for _, namespace := range []string{"", "certs", "other", "fsm-system", "kube-system"} {
				want := test.readable[namespace] || test.readable[""]
				for _, verb := range []string{"get", "list", "watch"} {
					if got := l.may(verb, "secrets", namespace, ""); got != want {
						t.Errorf("%s secrets in namespace %q: %v", verb, namespace, got)
					}
				}
			}
			for _, namespace := range []string{"", "certs", "fsm-system"} {
				for _, verb := range []string{"update", "patch", "delete", "deletecollection"} {
					if l.may(verb, "secrets", namespace, "") {
						t.Errorf("%s secrets in namespace %q", verb, namespace)
					}
				}
			}
			if !l.may("get", "secrets", "fsm-system", "fsm-ca-bundle") {
				t.Error("its own Secret cannot be read")
			}
		})
	}
}

// TestSecretRightsGo: rights that an installation no longer gives are gone after an
// upgrade, and after Gateways are switched off.
func TestSecretRightsGo(t *testing.T) {
	l := newLab(t)
	l.Check(l.Apply(l.Ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: certs}\n"))
	const none = "fsm.fsmController.replicaCount=0"
	l.Check(l.install(l.options("fsm-system", "fsm.fsmGateway.enabled=true", none)))
	if !l.may("list", "secrets", "", "") {
		t.Fatal("Secrets cannot be listed")
	}
	l.Check(l.fsm.Upgrade(l.Ctx, l.options("fsm-system", "fsm.secretNamespaces={certs}", none)))
	if l.may("list", "secrets", "", "") || l.may("get", "secrets", "other", "") || !l.may("get", "secrets", "certs", "") {
		t.Error("after the upgrade rights are others than those for namespace certs")
	}
	l.Check(l.fsm.Switch(l.Ctx, install.Gateway, false, l.options("fsm-system")))
	if l.may("get", "secrets", "certs", "") {
		t.Error("rights are left")
	}
}

// TestNoMoreRights: what a control plane never needs it must not do.
func TestNoMoreRights(t *testing.T) {
	l := newLab(t)
	l.Check(l.install(l.options("fsm-system", "fsm.fsmGateway.enabled=true", "fsm.fsmController.replicaCount=0")))
	for _, right := range []struct{ verb, resource, namespace, name string }{
		{"create", "pods", "shop", ""}, {"create", "pods/exec", "shop", ""}, {"get", "pods", "shop", ""},
		{"delete", "namespaces", "", "shop"}, {"delete", "configmaps", "shop", ""}, {"delete", "configmaps", "shop", "fsm-trust"}, {"delete", "secrets", "shop", ""},
		{"deletecollection", "services", "shop", ""}, {"deletecollection", "apps/deployments", "shop", ""}, {"update", "services", "shop", ""},
		{"patch", "services/status", "shop", ""}, {"create", "apps/daemonsets", "shop", ""}, {"create", "apps/daemonsets", "fsm-servicelb", ""},
		{"create", "events", "shop", ""}, {"delete", "gateway.networking.k8s.io/gateways", "shop", "gw"},
		{"patch", "gateway.flomesh.io/retrypolicies", "shop", "r"}, {"delete", "gateway.flomesh.io/retrypolicies", "shop", "r"},
		{"create", "secrets", "shop", ""}, {"patch", "secrets", "fsm-system", "fsm-ca-bundle"}, {"delete", "secrets", "fsm-system", "fsm-ca-bundle"},
		{"create", "serviceaccounts/token", "shop", ""}, {"patch", "configmaps", "shop", "someone-else's"}, {"patch", "configmaps", "kube-system", "coredns"},
		{"patch", "gateway.networking.k8s.io/gateways", "shop", "gw"}, {"patch", "networking.istio.io/gateways", "shop", "gw"},
		{"patch", "networking.istio.io/virtualservices", "shop", "v"}, {"delete", "policy.flomesh.io/ingressbackends", "shop", "b"},
		{"patch", "rbac.authorization.k8s.io/clusterroles", "", ""},
		{"bind", "rbac.authorization.k8s.io/clusterroles", "", ""}, {"impersonate", "users", "", ""}, {"get", "nodes/proxy", "", ""}, {"patch", "nodes", "", ""},
		{"patch", "apiextensions.k8s.io/customresourcedefinitions", "", ""}, {"patch", "config.flomesh.io/meshconfigs", "fsm-system", "fsm-mesh-config"},
		{"update", "admissionregistration.k8s.io/validatingwebhookconfigurations", "", "somebody-else's"},
		{"create", "admissionregistration.k8s.io/validatingwebhookconfigurations", "", ""}, {"update", "coordination.k8s.io/leases", "kube-system", "kube-scheduler"},
	} {
		if l.may(right.verb, right.resource, right.namespace, right.name) {
			t.Errorf("may %s %s %s/%s", right.verb, right.resource, right.namespace, right.name)
		}
	}
	// What it needs only after some seconds, on some clusters, or when a Gateway asks for
	// less than before.
	for _, right := range []struct{ verb, resource, namespace, name string }{
		{"delete", "serviceaccounts", "shop", ""}, {"delete", "services", "shop", ""}, {"delete", "apps/deployments", "shop", ""},
		{"delete", "policy/poddisruptionbudgets", "shop", ""}, {"delete", "autoscaling/horizontalpodautoscalers", "shop", ""},
		{"update", "coordination.k8s.io/leases", "fsm-system", "fsm-controller"},
		{"update", "gateway.networking.k8s.io/gateways/finalizers", "shop", "gw"},
		{"patch", "policy.flomesh.io/ingressbackends", "shop", "b"}, {"patch", "gateway.flomesh.io/retrypolicies/status", "shop", "r"},
	} {
		if !l.may(right.verb, right.resource, right.namespace, right.name) {
			t.Errorf("may not %s %s %s/%s", right.verb, right.resource, right.namespace, right.name)
		}
	}
}
