package install_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/operator"
)

// tenants are two Gateways of two tenants, and accounts that have none.
const tenants = `
apiVersion: v1
kind: Namespace
metadata: {name: red}
---
apiVersion: v1
kind: Namespace
metadata: {name: blue}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: mine, namespace: red, labels: {app: fsm-gateway, gateway.networking.k8s.io/gateway-name: gw, app.kubernetes.io/managed-by: fsm-controller}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: red}
spec: {gatewayClassName: fsm, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: blue}
spec: {gatewayClassName: fsm, listeners: [{name: http, port: 80, protocol: HTTP}]}
`

// TestTokens: a certificate is for who has the token of the Gateway's own account, made
// for the control plane; and for the name of that Gateway and no other.
func TestTokens(t *testing.T) {
	l := newLab(t)
	l.kubelet("fsm-system")
	l.Check(l.Apply(l.Ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: fsm-system}\n"))
	l.Check(l.install(l.options("fsm-system", "fsm.fsmGateway.enabled=true")))
	l.Check(l.Apply(l.Ctx, tenants))
	t.Cleanup(func() { l.delete(tenants) })
	controller := l.operate("fsm-system")
	for _, namespace := range []string{"red", "blue"} {
		l.Eventually("account of the Gateway in "+namespace, func() error {
			_, err := l.Kube.CoreV1().ServiceAccounts(namespace).Get(l.Ctx, "fsm-gateway-"+namespace, metav1.GetOptions{})
			return err
		})
	}
	const (
		own  = "spiffe://cluster.local/ns/red/gateway/gw"
		ours = operator.Name
	)
	for _, test := range []struct {
		name                         string
		namespace, account, audience string
		identity                     string
		want                         int
	}{
		{"as it should be", "red", "fsm-gateway-red", ours, own, http.StatusOK},
		{"token for the API server", "red", "fsm-gateway-red", "", own, http.StatusUnauthorized},
		{"token for somebody else", "red", "fsm-gateway-red", "vault", own, http.StatusUnauthorized},
		{"another account of the namespace", "red", "default", ours, own, http.StatusUnauthorized},
		{"an account labelled like a Gateway's", "red", "mine", ours, own, http.StatusUnauthorized},
		{"the control plane's account", "fsm-system", operator.Name, ours, own, http.StatusUnauthorized},
		{"another tenant", "blue", "fsm-gateway-blue", ours, own, http.StatusForbidden},
		{"another Gateway", "red", "fsm-gateway-red", ours, "spiffe://cluster.local/ns/red/gateway/other", http.StatusForbidden},
		{"another namespace", "red", "fsm-gateway-red", ours, "spiffe://cluster.local/ns/blue/gateway/gw", http.StatusForbidden},
		{"another role", "red", "fsm-gateway-red", ours, "spiffe://cluster.local/ns/red/sa/gw", http.StatusForbidden},
		{"another trust domain", "red", "fsm-gateway-red", ours, "spiffe://example.com/ns/red/gateway/gw", http.StatusForbidden},
		{"the control plane", "red", "fsm-gateway-red", ours, "spiffe://cluster.local/ns/fsm-system/controller/fsm-controller", http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := &authenticationv1.TokenRequest{}
			if test.audience != "" {
				request.Spec.Audiences = []string{test.audience}
			}
			token, err := l.Kube.CoreV1().ServiceAccounts(test.namespace).CreateToken(l.Ctx, test.account, request, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := l.certificate(controller, token.Status.Token, test.identity); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
	for _, token := range []string{"", "x", "a.b.c"} {
		if got := l.certificate(controller, token, own); got != http.StatusUnauthorized {
			t.Errorf("token %q: got %d", token, got)
		}
	}
}

// certificate asks the control plane for one for an identity, and returns the status.
func (l *lab) certificate(controller, token, identity string) int {
	l.T.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	l.Check(err)
	uri, err := url.Parse(identity)
	l.Check(err)
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{URIs: []*url.URL{uri}}, key)
	l.Check(err)
	q, err := http.NewRequestWithContext(l.Ctx, "POST", "https://"+controller+"/v1/certificates", bytes.NewReader(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request})))
	l.Check(err)
	q.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // it is not about who the server is
	defer client.CloseIdleConnections()
	res, err := client.Do(q)
	l.Check(err)
	_ = res.Body.Close()
	return res.StatusCode
}
