package operator_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/identity"
	"fsm/internal/operator"
	"fsm/internal/proxy/admin"
	"fsm/internal/proxy/proxytest"
)

const issuingObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: issuing}
---
apiVersion: v1
kind: Namespace
metadata: {name: vault}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: pipy}
spec: {controller: flomesh.io/ingress-pipy}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: vault
  annotations: {nginx.ingress.kubernetes.io/backend-protocol: HTTPS}
spec:
  ingressClassName: pipy
  rules: [{host: vault.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 443}}}}]}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: vault}
spec: {ports: [{name: https, port: 443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: vault, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: https, port: BACKEND_PORT}]
endpoints: [{addresses: [BACKEND_IP]}]
---
apiVersion: v1
kind: Secret
metadata: {name: theirs, namespace: vault}
stringData: {password: p}
`

// vault is a backend for those whom the authority of the mesh has certified a name.
type vault struct {
	mu    sync.Mutex
	roots *x509.CertPool
	name  string
}

// admit lets in who has a name from one of the authorities.
func (v *vault) admit(authorities []byte, name string) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authorities)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.roots, v.name = pool, name
}

// serve answers 200 to clients with the name, and 403 to those with another; who has no
// certificate from the authorities gets no connection.
func (v *vault) serve(t testing.TB) (ip, port string) {
	ip = outside(t)
	ln, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := proxytest.NewAuthority(t, "backends").Issue(proxytest.Names{DNS: []string{"web.vault"}})
	own, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		w.Header().Set("Connection", "close") // so that each request shows the certificate of its time
		if !slices.Contains(r.TLS.PeerCertificates[0].DNSNames, v.name) {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	_ = s.Listener.Close()
	s.Listener = ln
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		return &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: v.roots}, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	return ip, port
}

// issuing is the lab of a control plane that issues a certificate.
type issuing struct {
	*lab
	gateway string
	log     logged
}

// logged is a log that is kept.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// want puts a mesh configuration that asks for a certificate; empty for none.
func (l *issuing) want(certificate string) {
	l.T.Helper()
	l.Put("apiVersion: config.flomesh.io/v1alpha3\nkind: MeshConfig\nmetadata: {name: fsm-mesh-config, namespace: issuing}\n" +
		"spec: {ingress: {enabled: true, http: {listen: " + l.gateway + ", nodePort: 0}}" + certificate + "}\n")
}

// secret waits until the Secret is as it should be.
func (l *issuing) secret(what string, check func(*corev1.Secret, *x509.Certificate) error) (s *corev1.Secret) {
	l.T.Helper()
	l.Eventually(what, func() (err error) {
		if s, err = l.Kube.CoreV1().Secrets("vault").Get(l.Ctx, "client", metav1.GetOptions{}); err != nil {
			return err
		}
		pair, err := tls.X509KeyPair(s.Data["tls.crt"], s.Data["tls.key"])
		if err != nil {
			return err
		}
		return check(s, pair.Leaf)
	})
	return s
}

// store is the authority of the control plane.
type store struct{ *issuing }

func (s store) Load(ctx context.Context) (identity.Material, error) {
	kept, err := s.Kube.CoreV1().Secrets("issuing").Get(ctx, "fsm-ca-bundle", metav1.GetOptions{})
	if err != nil {
		return identity.Material{}, err
	}
	return identity.Material{Certificate: kept.Data["ca.crt"], Key: kept.Data["ca.key"]}, nil
}

func (store) Create(context.Context, identity.Material) error { return errors.New("there is one") }

const clientOf = ", certificate: {ingressGateway: {secret: {name: client, namespace: vault}, subjectAltNames: [NAME], validityDuration: 1h}}"

// TestIngressCertificate: the certificate that the mesh configuration asks for is made,
// shown to backends, replaced when another is wanted, when it is half over and when it is
// gone, and deleted when none is wanted any longer. Its key is nowhere but in the Secret.
func TestIngressCertificate(t *testing.T) {
	l := &issuing{lab: ingressLab(t, "issuing")}
	l.gateway = l.FreePort()
	in := l.set
	l.set = func(o *operator.Options) {
		in(o)
		o.Log = slog.New(slog.NewTextHandler(io.MultiWriter(&l.log, testLog{t}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	var proxies []*proxytest.Proxy
	l.begun = func(p *proxytest.Proxy) { proxies = append(proxies, p) }
	v := &vault{roots: x509.NewCertPool()}
	ip, port := v.serve(t)
	objects := strings.NewReplacer("BACKEND_PORT", port, "BACKEND_IP", ip).Replace(issuingObjects)
	l.Put(objects)
	t.Cleanup(func() { l.Check(l.Delete(context.WithoutCancel(l.Ctx), objects)) })
	l.want(strings.ReplaceAll(clientOf, "NAME", "first.example"))
	controller := l.listen()

	first := l.secret("certificate", func(s *corev1.Secret, leaf *x509.Certificate) error {
		if life := time.Until(leaf.NotAfter); s.Type != corev1.SecretTypeTLS || life > time.Hour || life < 50*time.Minute {
			return fmt.Errorf("type %s, good for %s", s.Type, life)
		}
		return nil
	})
	v.admit(first.Data["ca.crt"], "first.example")
	l.Eventually("service account of the proxies", func() error {
		_, err := l.Kube.CoreV1().ServiceAccounts("issuing").Get(l.Ctx, "fsm-ingress", metav1.GetOptions{})
		return err
	})
	l.proxyAs("ingress/fsm-ingress", controller, "issuing", "fsm-ingress")
	l.Eventually("backend lets the ingress in", func() error { return asks(l.gateway, "vault.example", http.StatusOK) })

	l.want(strings.ReplaceAll(clientOf, "NAME", "second.example"))
	l.Eventually("backend sees another name", func() error { return asks(l.gateway, "vault.example", http.StatusForbidden) })
	v.admit(first.Data["ca.crt"], "second.example")
	l.Eventually("backend lets the other name in", func() error { return asks(l.gateway, "vault.example", http.StatusOK) })

	l.Check(l.Kube.CoreV1().Secrets("vault").Delete(l.Ctx, "client", metav1.DeleteOptions{}))
	again := l.secret("certificate after it was deleted", func(_ *corev1.Secret, leaf *x509.Certificate) error {
		return is(leaf.DNSNames[0], "second.example")
	})
	if bytes.Equal(again.Data["tls.key"], first.Data["tls.key"]) {
		t.Error("the key is the same as before")
	}
	l.renews(again)
	l.Eventually("backend lets the renewed one in", func() error { return asks(l.gateway, "vault.example", http.StatusOK) })
	l.hides(proxies[0])
	l.withoutCertificate()
}

// renews plants a certificate that is half over.
func (l *issuing) renews(s *corev1.Secret) {
	l.T.Helper()
	ca, err := identity.OpenCA(l.Ctx, identity.CAConfig{TrustDomain: domain, Store: store{l}})
	l.Check(err)
	old := s.DeepCopy()
	old.Data["tls.crt"], old.Data["tls.key"], err = ca.IssueClient(identity.Client{Names: []string{"second.example"}, Lifetime: 5 * time.Second})
	l.Check(err)
	_, err = l.Kube.CoreV1().Secrets("vault").Update(l.Ctx, old, metav1.UpdateOptions{})
	l.Check(err)
	l.secret("renewed certificate", func(_ *corev1.Secret, leaf *x509.Certificate) error {
		if left := time.Until(leaf.NotAfter); left < 50*time.Minute {
			return fmt.Errorf("good for %s", left)
		}
		return nil
	})
}

// hides looks for the key where it must not be.
func (l *issuing) hides(p *proxytest.Proxy) {
	l.T.Helper()
	s, err := l.Kube.CoreV1().Secrets("vault").Get(l.Ctx, "client", metav1.GetOptions{})
	l.Check(err)
	block, _ := pem.Decode(s.Data["tls.key"])
	key := strings.SplitN(string(pem.EncodeToMemory(block)), "\n", 3)[1] // a line of it
	l.log.mu.Lock()
	defer l.log.mu.Unlock()
	if text := l.log.text.String(); strings.Contains(text, key) || !strings.Contains(text, "certificate of the ingress issued") {
		l.T.Error("the key is in the log, or nothing is")
	}
	h := admin.Handler(admin.Config{Proxy: p.Proxy, Level: new(slog.LevelVar)})
	for _, page := range []string{"/config_dump", "/config_dump?format=snapshot", "/config_dump?format=text", "/certs"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, page, nil))
		if text := w.Body.String(); strings.Contains(text, key) || !strings.Contains(text, "vault/client") {
			l.T.Errorf("%s has the key, or not the certificate: %s", page, text)
		}
	}
}

// withoutCertificate: somebody else's Secret is left alone, and where none is wanted none
// is left.
func (l *issuing) withoutCertificate() {
	l.T.Helper()
	l.want(", certificate: {ingressGateway: {secret: {name: theirs, namespace: vault}, subjectAltNames: [a.example]}}")
	l.Eventually("event about the Secret of others", func() error { return l.told("issuing", "fsm-mesh-config", "vault/theirs is there already") })
	theirs, err := l.Kube.CoreV1().Secrets("vault").Get(l.Ctx, "theirs", metav1.GetOptions{})
	l.Check(err)
	if len(theirs.Data) != 1 || len(theirs.Labels) > 0 {
		l.T.Errorf("the Secret of others has %d keys and labels %v", len(theirs.Data), theirs.Labels)
	}
	gone := func() error {
		_, err := l.Kube.CoreV1().Secrets("vault").Get(l.Ctx, "client", metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("got %w", err)
		}
		return nil
	}
	l.Eventually("the one of before is gone", gone)
	l.want(strings.ReplaceAll(clientOf, "NAME", "third.example"))
	l.secret("certificate once more", func(*corev1.Secret, *x509.Certificate) error { return nil })
	l.want("")
	l.Eventually("none is left", gone)
	l.Eventually("backend lets nobody in", func() error { return asks(l.gateway, "vault.example", http.StatusBadGateway) })
}
