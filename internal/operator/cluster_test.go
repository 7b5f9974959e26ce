package operator_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/operator"
	"fsm/internal/provision"
	"fsm/internal/proxy"
	"fsm/internal/proxy/process"
	"fsm/internal/proxy/proxytest"
	"fsm/test/cluster"
)

// shared is the cluster of all tests of this package; nil where there is none.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, &shared, cluster.Options{ControllerManager: true}))
}

const (
	audience = "fsm-controller"
	domain   = "cluster.local"
)

// lab is a cluster without nodes, in which the test does what a kubelet would.
type lab struct {
	*cluster.Session
	// requested, if it is set, is told of each request of a control plane, and answered
	// of each answer.
	requested func(*http.Request)
	answered  func(q *http.Request, status int)
	// begun, if it is set, is told of each proxy.
	begun func(*proxytest.Proxy)
	// set, if it is set, changes the options of control planes.
	set func(*operator.Options)
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{Session: shared.Session(t)}
	l.Check(l.ApplyFiles(l.Ctx, "../resource/crds/gateway*.yaml"))
	return l
}

// operate runs a control plane on a listener until stop is called.
func (l *lab) operate(ln net.Listener) (stop func()) { return l.operateAs("test", ln) }

// operateAs runs one of several.
func (l *lab) operateAs(pod string, ln net.Listener) (stop func()) {
	config := shared.Admin()
	if l.requested != nil || l.answered != nil {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return tap{l, next} })
	}
	o := operator.Options{
		Config: config, ControllerName: "flomesh.io/gateway-controller", Namespace: "fsm-system", Pod: pod, Address: ln.Addr().String(), TrustDomain: domain,
		Proxies: provision.Settings{Image: "fsm-proxy", Controller: "https://fsm-controller", TrustMap: "fsm-trust", Audience: audience},
		Log:     slog.New(slog.NewTextHandler(testLog{l.T}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if l.set != nil {
		l.set(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- operator.Run(ctx, o, ln) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				l.T.Error(err)
			}
		})
	}
	l.T.Cleanup(stop)
	return stop
}

// tap is between a control plane and the API server.
type tap struct {
	*lab
	next http.RoundTripper
}

func (t tap) RoundTrip(q *http.Request) (*http.Response, error) {
	if t.requested != nil {
		t.requested(q)
	}
	res, err := t.next.RoundTrip(q)
	if err == nil && t.answered != nil {
		t.answered(q, res.StatusCode)
	}
	return res, err
}

type testLog struct{ t testing.TB }

func (t testLog) Write(b []byte) (int, error) {
	t.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// proxy runs one as the pod of a Gateway would, with the token of its service
// account, until stop is called.
func (l *lab) proxy(controller, namespace, account, gateway string) (stop func()) {
	l.T.Helper()
	return l.proxyAs("gateway/"+gateway, controller, namespace, account)
}

// proxyAs runs one with another role.
func (l *lab) proxyAs(role, controller, namespace, account string) (stop func()) {
	l.T.Helper()
	token, err := l.Kube.CoreV1().ServiceAccounts(namespace).CreateToken(l.Ctx, account, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}},
	}, metav1.CreateOptions{})
	l.Check(err)
	trust, err := l.Kube.CoreV1().ConfigMaps(namespace).Get(l.Ctx, "fsm-trust", metav1.GetOptions{})
	l.Check(err)
	dir := l.T.TempDir()
	files := map[string]string{"token": token.Status.Token, "ca.crt": trust.Data["ca.crt"]}
	for name, content := range files {
		l.Check(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	feed, err := process.Controller{
		URL: "https://" + controller, Identity: "spiffe://" + domain + "/ns/" + namespace + "/" + role,
		TokenFile: filepath.Join(dir, "token"), TrustFile: filepath.Join(dir, "ca.crt"), Node: "pod",
	}.Feed()
	l.Check(err)
	p := proxytest.Start(l.T, proxy.Config{})
	if l.begun != nil {
		l.begun(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- feed(ctx, p.Proxy) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			l.T.Error(err)
		}
	})
	l.T.Cleanup(stop)
	return stop
}

// outside is an address of this machine that endpoints may have: Kubernetes wants
// none of the loopback network.
func outside(t testing.TB) string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback ones")
	return ""
}

// backend answers with a text, and returns its address and port.
func backend(t testing.TB, text string) (ip, port string) {
	t.Helper()
	ip = outside(t)
	ln, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	_ = s.Listener.Close()
	s.Listener = ln
	s.Start()
	t.Cleanup(s.Close)
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	return ip, port
}

const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: fsm-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: fsm-gateway-cls}
spec: {controllerName: flomesh.io/gateway-controller}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: BACKEND_PORT}]
endpoints: [{addresses: [BACKEND_IP]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: fsm-gateway-cls
  listeners: [{name: http, port: GATEWAY_PORT, protocol: HTTP}]
`

const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: gw}]
  rules:
  - filters:
    - type: ResponseHeaderModifier
      responseHeaderModifier: {set: [{name: version, value: "VERSION"}]}
    backendRefs: [{name: web, port: 80}]
`

// TestGateway: a Gateway gets its workload; once a proxy of it serves, its status
// says so; routes arrive, and traffic goes on without a control plane.
func TestGateway(t *testing.T) {
	l := newLab(t)
	ip, port := backend(t, "hello")
	gateway := l.FreePort()
	l.Put(strings.NewReplacer("BACKEND_PORT", port, "BACKEND_IP", ip, "GATEWAY_PORT", gateway).Replace(objects))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	l.Check(err)
	controller := ln.Addr().String()
	stop := l.operate(ln)

	l.Eventually("Deployment of the Gateway", func() error {
		_, err := l.Kube.AppsV1().Deployments("shop").Get(l.Ctx, "fsm-gateway-shop", metav1.GetOptions{})
		return err
	})
	var service *corev1.Service
	l.Eventually("Service of the Gateway", func() (err error) {
		service, err = l.Kube.CoreV1().Services("shop").Get(l.Ctx, "fsm-gateway-shop", metav1.GetOptions{})
		return err
	})
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.7"}}
	_, err = l.Kube.CoreV1().Services("shop").UpdateStatus(l.Ctx, service, metav1.UpdateOptions{})
	l.Check(err)

	l.proxy(controller, "shop", "fsm-gateway-shop", "gw")
	l.Eventually("Gateway is programmed", func() error { return l.programmed("192.0.2.7") })
	l.Put(strings.ReplaceAll(route, "VERSION", "1"))
	l.Eventually("route serves", func() error { return answers(gateway, "1") })
	l.Eventually("route is accepted", l.accepted)

	stop()
	if err := answers(gateway, "1"); err != nil {
		t.Errorf("without a control plane: %v", err)
	}
	l.Put(strings.ReplaceAll(route, "VERSION", "2"))
	ln, err = net.Listen("tcp", controller)
	l.Check(err)
	l.operate(ln)
	l.Eventually("change that was made meanwhile", func() error { return answers(gateway, "2") })
}

// programmed reports what the Gateway's status lacks.
func (l *lab) programmed(address string) error {
	var g gatewayv1.Gateway
	if err := l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: gw, namespace: shop}\n", &g); err != nil {
		return err
	}
	if !meta.IsStatusConditionTrue(g.Status.Conditions, "Programmed") || len(g.Status.Addresses) != 1 || g.Status.Addresses[0].Value != address {
		return fmt.Errorf("status is %+v", g.Status)
	}
	return nil
}

// accepted reports what the route's status lacks.
func (l *lab) accepted() error { return l.acceptedIn("shop") }

func (l *lab) acceptedIn(namespace string) error {
	var r gatewayv1.HTTPRoute
	if err := l.Get(l.Ctx, "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web, namespace: "+namespace+"}\n", &r); err != nil {
		return err
	}
	for _, p := range r.Status.Parents {
		if meta.IsStatusConditionTrue(p.Conditions, "Accepted") && meta.IsStatusConditionTrue(p.Conditions, "ResolvedRefs") {
			return nil
		}
	}
	return fmt.Errorf("status is %+v", r.Status)
}

// answers asks the gateway.
func answers(port, version string) error {
	res, err := http.Get("http://127.0.0.1:" + port + "/")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || string(body) != "hello" || res.Header.Get("version") != version {
		return fmt.Errorf("got %d %v %q, %v", res.StatusCode, res.Header, body, err)
	}
	return nil
}

// TestForeignTokens: a service account that is no Gateway's gets no certificate.
func TestForeignTokens(t *testing.T) {
	l := newLab(t)
	l.Put("apiVersion: v1\nkind: Namespace\nmetadata: {name: fsm-system}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n" +
		"---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: mine, namespace: other}\n")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	l.Check(err)
	l.operate(ln)
	token, err := l.Kube.CoreV1().ServiceAccounts("other").CreateToken(l.Ctx, "mine", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}},
	}, metav1.CreateOptions{})
	l.Check(err)
	client := &http.Client{Transport: insecure()}
	request, err := http.NewRequestWithContext(l.Ctx, "POST", "https://"+ln.Addr().String()+"/v1/certificates", strings.NewReader("request"))
	l.Check(err)
	request.Header.Set("Authorization", "Bearer "+token.Status.Token)
	res, err := client.Do(request)
	l.Check(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d", res.StatusCode)
	}
}

// insecure is a client's transport for a test that is not about who the server is.
func insecure() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
}
