package operator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/deliver"
	"fsm/internal/identity"
)

// token is one of a service account.
func (l *lab) token(namespace, account, audience string) string {
	l.T.Helper()
	token, err := l.Kube.CoreV1().ServiceAccounts(namespace).CreateToken(l.Ctx, account, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}},
	}, metav1.CreateOptions{})
	l.Check(err)
	return token.Status.Token
}

// certify asks a control plane for a certificate; the error says why there is none.
// The authorities are the same everywhere, and these stay when the Gateway goes.
func (l *lab) certify(controller, token string, id identity.ID) error {
	l.T.Helper()
	trust, err := l.Kube.CoreV1().ConfigMaps("neighbours").Get(l.Ctx, "fsm-trust", metav1.GetOptions{})
	l.Check(err)
	authority := deliver.Authority{
		URL: "https://" + controller, Token: func() (string, error) { return token, nil },
		TLS: identity.ClientTLS(identity.Side{
			Trust: identity.TrustBundle([]byte(trust.Data["ca.crt"])), Accept: identity.Has(domain, identity.Controller),
		}),
	}
	refused := make(chan error, 1)
	r := identity.NewRenewer(identity.RenewerConfig{ID: id, Request: authority.Request, Failed: func(err error, _ time.Duration) {
		select {
		case refused <- err:
		default:
		}
	}})
	ctx, cancel := context.WithCancel(l.Ctx)
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	defer func() { cancel(); <-done }()
	select {
	case <-r.Ready():
		return nil
	case err := <-refused:
		return err
	case <-l.Ctx.Done():
		return l.Ctx.Err()
	}
}

// TestIdentities: a proxy gets a certificate for the Gateway whose service account it
// runs as, and for no other name, in its own namespace or elsewhere; a token that is
// meant for others, or whose service account is gone, gets none.
func TestIdentities(t *testing.T) {
	l := newLab(t)
	l.namespace("identities")
	l.namespace("neighbours")
	controller := l.listen()
	l.Put(gatewayWith("identities", "gw", ""))
	l.Put(gatewayWith("neighbours", "gw", ""))
	l.Put("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: identities}\n")
	const own, theirs = "fsm-gateway-identities", "fsm-gateway-neighbours"
	l.workload("identities", own)
	l.workload("neighbours", theirs)
	gateway := func(namespace, name string) identity.ID {
		return identity.ID{TrustDomain: domain, Role: identity.Gateway, Namespace: namespace, Name: name}
	}
	id := gateway("identities", "gw")
	tests := []struct {
		name, token string
		id          identity.ID
		want        string
	}{
		{"its own name", l.token("identities", own, audience), id, ""},
		{"another Gateway's of its namespace", l.token("identities", own, audience), gateway("identities", "other"), "403"},
		{"another namespace's", l.token("identities", own, audience), gateway("neighbours", "gw"), "403"},
		{"its name, by another's token", l.token("neighbours", theirs, audience), id, "403"},
		{"the controller's", l.token("identities", own, audience),
			identity.ID{TrustDomain: domain, Role: identity.Controller, Namespace: "fsm-system", Name: "fsm-controller"}, "403"},
		{"another trust domain's", l.token("identities", own, audience),
			identity.ID{TrustDomain: "example.org", Role: identity.Gateway, Namespace: "identities", Name: "gw"}, "403"},
		{"a token for others", l.token("identities", own, "https://kubernetes.default.svc"), id, "401"},
		{"a token of a service account of users", l.token("identities", "default", audience), id, "401"},
		{"no token", "x", id, "401"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := l.certify(controller, test.token, test.id)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	l.Check(l.Delete(l.Ctx, gatewayWith("identities", "gw", "")))
	l.Eventually("the Gateway is gone for the control plane", func() error {
		if err := l.certify(controller, tests[0].token, id); err == nil || !strings.Contains(err.Error(), "401") {
			return fmt.Errorf("got %v", err)
		}
		return nil
	})
}
