package policy_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/ir"
	"fsm/internal/project"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

// world is a Gateway with routes and a Service, and the proxy that serves it.
type world struct {
	t          testing.TB
	proxy      *proxytest.Proxy
	translator *translate.Translator
	base       *resource.Set
	authority  *proxytest.Authority
	snapshot   *ir.Snapshot
	// accepted are the conditions of policies, by kind and name.
	accepted map[string]metav1.Condition
	// flaky counts requests for paths that end so, of which every other one fails.
	flaky atomic.Int64
	// plain and calls speak HTTP/1.1 and HTTP/2 to port 8000, and secure to port 8443
	// without a certificate.
	plain, calls, secure *http.Client
}

const objects = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: fsm
  listeners:
  - {name: http, port: 8000, protocol: HTTP}
  - {name: https, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: gw-cert}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gw}]
  hostnames: [foo.example.com, bar.example.com]
  rules:
  - matches: [{path: {value: /a}}, {path: {value: /}}]
    backendRefs: [{name: web, port: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls}
spec:
  parentRefs: [{name: gw, sectionName: http}]
  hostnames: [calls.example.com]
  rules:
  - matches: [{method: {service: test.Greeter}}]
    backendRefs: [{name: web, port: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 8080, appProtocol: APP_PROTOCOL}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: ENDPOINT_PORT}]
endpoints: [{addresses: [127.0.0.1]}, {addresses: [127.0.0.2]}]
`

// protocol is what the Service of a world speaks.
type protocol string

const (
	http1    protocol = "http"
	http2    protocol = "kubernetes.io/h2c"
	overTLS  protocol = "https"
	noBundle protocol = "http without authority" // of the Gateway
)

// newWorld makes a world without policies.
func newWorld(t testing.TB, speaks protocol) *world {
	t.Helper()
	w := &world{
		t: t, proxy: proxytest.Start(t, proxy.Config{}), authority: proxytest.NewAuthority(t, "good"),
		translator: translate.New(translate.Config{Standalone: true}),
	}
	appProtocol := speaks
	if speaks == overTLS || speaks == noBundle {
		appProtocol = http1
	}
	bundle := w.authority.PEM
	if speaks == noBundle {
		bundle = ""
	}
	text := strings.NewReplacer("ENDPOINT_PORT", w.serve(speaks), "APP_PROTOCOL", string(appProtocol)).Replace(objects) +
		w.secret("gw-cert", bundle) + w.secret("ca-good", w.authority.PEM) + w.secret("ca-bad", proxytest.NewAuthority(t, "bad").PEM) +
		strings.Replace(w.secret("ca-good", w.authority.PEM), "name:", "namespace: far, name:", 1)
	w.base = w.decode(text)
	w.plain = w.client(&http.Transport{}, "tcp/:8000")
	w.calls = w.client(&http.Transport{Protocols: &http.Protocols{}}, "tcp/:8000")
	w.calls.Transport.(*http.Transport).Protocols.SetUnencryptedHTTP2(true)
	w.secure = w.client(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.authority.Pool()}}, "tcp/:8443")
	return w
}

func (w *world) decode(text string) *resource.Set {
	w.t.Helper()
	decoded, problems := resource.Decode("test.yaml", []byte(text))
	if len(problems) > 0 {
		w.t.Fatal(problems)
	}
	return resource.NewSet(decoded)
}

// secret has a certificate of the good authority, and a bundle if it is not empty.
func (w *world) secret(name, bundle string) string {
	cert, key := w.authority.Issue(proxytest.Names{DNS: []string{"foo.example.com"}})
	data := fmt.Sprintf("tls.crt: %s, tls.key: %s", encode(cert), encode(key))
	if bundle != "" {
		data += ", ca.crt: " + encode(bundle)
	}
	return fmt.Sprintf("---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s}\ntype: kubernetes.io/tls\ndata: {%s}\n", name, data)
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// client connects to a listener, whatever the host.
func (w *world) client(transport *http.Transport, listener ir.ListenerName) *http.Client {
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		addr := w.proxy.Sockets().Addr(listener)
		if addr == nil {
			return nil, fmt.Errorf("listener %s does not listen", listener)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr.String())
	}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// serve runs the endpoints of the Service, on all addresses of one port.
func (w *world) serve(speaks protocol) (port string) {
	w.t.Helper()
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		w.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(w.answer), ErrorLog: log.New(io.Discard, "", 0), Protocols: &http.Protocols{}}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	if speaks == overTLS {
		cert, key := w.authority.Issue(proxytest.Names{CommonName: "endpoint"})
		pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
		if err != nil {
			w.t.Fatal(err)
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
		go func() { _ = server.ServeTLS(ln, "", "") }()
	} else {
		go func() { _ = server.Serve(ln) }()
	}
	w.t.Cleanup(func() { _ = server.Close() })
	_, port, err = net.SplitHostPort(ln.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	return port
}

// answer is what endpoints do.
func (w *world) answer(out http.ResponseWriter, q *http.Request) {
	out.Header().Set("X-Endpoint", fmt.Sprint(q.Context().Value(http.LocalAddrContextKey)))
	switch {
	case strings.HasSuffix(q.URL.Path, "/fail"):
		out.WriteHeader(http.StatusInternalServerError)
	case strings.HasSuffix(q.URL.Path, "/flaky") && w.flaky.Add(1)%2 == 1:
		out.WriteHeader(http.StatusServiceUnavailable)
	case strings.HasPrefix(q.Header.Get("Content-Type"), "application/grpc"):
		out.Header().Set("Content-Type", "application/grpc")
		out.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		out.WriteHeader(http.StatusOK)
	default:
		_, _ = io.WriteString(out, strings.Repeat("x", 1000))
	}
}

// apply makes these policies the ones that there are.
func (w *world) apply(policies ...string) {
	w.t.Helper()
	mesh, rep := w.translator.Translate(resource.Union(w.base, w.decode(strings.Join(policies, "---\n"))))
	w.accepted = map[string]metav1.Condition{}
	for key, status := range rep.Attachments {
		if c := meta.FindStatusCondition(status.Conditions, "Accepted"); c != nil {
			w.accepted[key.Kind+" "+key.Name] = *c
		}
	}
	w.snapshot = project.Project(mesh, project.Node{Name: "test", Role: project.RoleGateway})
	for i, l := range w.snapshot.Listeners {
		here := *l
		here.Address, here.Port = "127.0.0.1", 0
		w.snapshot.Listeners[i] = &here
	}
	w.proxy.MustApply(w.snapshot)
}

// reply is an answer, or the lack of one.
type reply struct {
	err            error
	status         int
	header         http.Header
	reason, cookie string
}

func (w *world) do(client *http.Client, method, url string, header http.Header) reply {
	w.t.Helper()
	q, err := http.NewRequestWithContext(w.t.Context(), method, url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if header != nil {
		q.Header = header
	}
	res, err := client.Do(q)
	if err != nil {
		return reply{err: err}
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return reply{err, res.StatusCode, res.Header, res.Header.Get("Fsm-Reason"), res.Header.Get("Set-Cookie")}
}

// get asks the HTTPRoute.
func (w *world) get(path string) reply {
	w.t.Helper()
	return w.do(w.plain, "GET", "http://foo.example.com"+path, nil)
}

// call asks the GRPCRoute.
func (w *world) call() reply {
	w.t.Helper()
	return w.do(w.calls, "POST", "http://calls.example.com/test.Greeter/Hello", http.Header{"Content-Type": {"application/grpc"}})
}
