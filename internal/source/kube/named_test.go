package kube_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/resource"
	"fsm/internal/source/kube"
)

// waitFor waits for something that makes no signal.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}

// requests records what a client asks for.
type requests struct {
	mu   sync.Mutex
	urls []*url.URL
}

func (r *requests) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(q *http.Request) (*http.Response, error) {
		r.mu.Lock()
		r.urls = append(r.urls, q.URL)
		r.mu.Unlock()
		return next.RoundTrip(q)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// secrets lists the Secrets that were asked for, "namespace/name" each.
func (r *requests) secrets() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, u := range r.urls {
		if where, ok := strings.CutSuffix(u.Path, "/secrets"); ok {
			name := strings.TrimPrefix(u.Query().Get("fieldSelector"), "metadata.name=")
			found = append(found, where[strings.LastIndex(where, "/")+1:]+"/"+name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

const ourClass = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: ours}\nspec: {controllerName: " + controller + "}\n"

func secret(namespace, name, text string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nstringData: {text: '" + text + "'}\n"
}

func https(secret string) string {
	return "{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [" + secret + "]}}"
}

func TestSecretsAreReadWhenReferredTo(t *testing.T) {
	l := newLab(t)
	l.Lend(ourClass)
	l.namespace("vault")
	for _, name := range []string{"first", "second", "unused"} {
		l.Lend(secret("default", name, "1"))
	}
	l.Lend(secret("vault", "granted", "1"))
	asked := &requests{}
	config := shared.Admin()
	config.Wrap(asked.wrap)
	s := l.open(kube.Options{Config: config})
	if got := asked.secrets(); len(got) > 0 {
		t.Errorf("asked for Secrets %q before anything referred to one", got)
	}

	l.Lend(gateway("other", "theirs", https("{name: unused}")))
	l.Lend(gateway("gw", "ours", https("{name: first}")))
	s.await("the first Secret", has[*corev1.Secret]("default", "first"))

	// The set never has the Gateway with its new reference and without the Secret.
	l.Check(l.Apply(l.Ctx, gateway("gw", "ours", https("{name: second}"))))
	s.await("the second Secret in place of the first", and(has[*corev1.Secret]("default", "second"), hasNot[*corev1.Secret]("default", "first")))

	l.Check(l.Apply(l.Ctx, secret("default", "second", "2")))
	s.await("the new content", where("default", "second", func(s *corev1.Secret) bool { return string(s.Data["text"]) == "2" }))

	// A reference into another namespace is not followed before it is granted.
	l.Check(l.Apply(l.Ctx, gateway("gw", "ours", https("{name: granted, namespace: vault}"))))
	s.await("the second Secret to go", hasNot[*corev1.Secret]("default", "second"))
	grant := "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: vault}\n" +
		"spec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}], to: [{group: '', kind: Secret}]}\n"
	if slices.Contains(asked.secrets(), "vault/granted") {
		t.Error("asked for a Secret of another namespace without a grant")
	}
	l.Lend(grant)
	s.await("the granted Secret", has[*corev1.Secret]("vault", "granted"))
	l.remove(grant)
	s.await("the Secret to go with the grant", hasNot[*corev1.Secret]("vault", "granted"))

	want := []string{"default/first", "default/second", "vault/granted"}
	if got := asked.secrets(); !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

func TestMissingSecretAppearsLater(t *testing.T) {
	l := newLab(t)
	l.Lend(ourClass)
	l.Lend(gateway("gw", "ours", https("{name: late}")))
	s := l.open(kube.Options{})
	l.Lend(secret("default", "late", "1"))
	s.await("the Secret", has[*corev1.Secret]("default", "late"))
	l.remove(secret("default", "late", "1"))
	s.await("the removal", hasNot[*corev1.Secret]("default", "late"))
}

func TestSecretNamespaces(t *testing.T) {
	l := newLab(t)
	l.Lend(ourClass)
	l.namespace("allowed")
	l.Lend(secret("default", "cert", "1"))
	l.Lend(secret("allowed", "cert", "1"))
	l.Lend(gateway("gw", "ours", https("{name: cert}")))
	l.Lend(strings.Replace(gateway("gw", "ours", https("{name: cert}")), "name: gw", "name: gw, namespace: allowed", 1))
	s := l.open(kube.Options{SecretNamespaces: []string{"allowed"}})
	if !and(has[*corev1.Secret]("allowed", "cert"), hasNot[*corev1.Secret]("default", "cert"))(s.Set()) {
		t.Error("not exactly the Secret of the allowed namespace was read")
	}
	problems := s.Set().Problems()
	want := resource.Key{Kind: "Secret", Namespace: "default", Name: "cert"}
	if len(problems) != 1 || problems[0].Key != want || !strings.Contains(problems[0].Message, "fsm.secretNamespaces") {
		t.Errorf("problems are %v", problems)
	}
}

// TestReferred: what the configuration of the control plane refers to is read wherever it
// is, while it does, and nothing besides.
func TestReferred(t *testing.T) {
	l := newLab(t)
	l.namespace("configured")
	l.Lend(secret("configured", "wanted", "1"))
	l.Lend(secret("configured", "other", "1"))
	s := l.open(kube.Options{SecretNamespaces: []string{"allowed"}, Referred: func(set *resource.Set) []resource.Key {
		if has[*gatewayv1.HTTPRoute]("default", "over")(set) {
			return nil
		}
		return []resource.Key{{Kind: "Secret", Namespace: "configured", Name: "wanted"}}
	}})
	if !and(has[*corev1.Secret]("configured", "wanted"), hasNot[*corev1.Secret]("configured", "other"))(s.Set()) || len(s.Set().Problems()) > 0 {
		t.Errorf("not exactly the Secret that is referred to was read, or there are problems: %v", s.Set().Problems())
	}
	l.Lend(route("over", "/x"))
	s.await("the Secret to go", hasNot[*corev1.Secret]("configured", "wanted"))
}

// A Secret that must not be read counts as missing and holds nothing up. Nothing
// but the Secrets of one namespace is asked for, so that roles may be as narrow.
func TestForbiddenSecret(t *testing.T) {
	l := newLab(t)
	l.Lend(ourClass)
	l.Lend(narrowRole)
	l.namespace("closed")
	l.Lend(secret("default", "cert", "1"))
	l.Lend(secret("closed", "cert", "1"))
	l.Lend(gateway("gw", "ours", https("{name: cert}")))
	l.Lend(strings.Replace(gateway("gw", "ours", https("{name: cert}")), "name: gw", "name: gw, namespace: closed", 1))
	config, err := shared.User("narrow")
	l.Check(err)
	s := l.open(kube.Options{Config: config})
	if !and(has[*corev1.Secret]("default", "cert"), hasNot[*corev1.Secret]("closed", "cert"))(s.Set()) {
		t.Error("not exactly the Secret that may be read is in the set")
	}
	l.Lend(route("later", "/x"))
	s.await("a route", func(set *resource.Set) bool { return set.Len() > 0 })
}

const narrowRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: narrow}
rules:
- {apiGroups: [""], resources: [namespaces, services], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
- {apiGroups: [gateway.networking.k8s.io], resources: ["*"], verbs: [list, watch]}
- {apiGroups: [networking.k8s.io], resources: [ingressclasses, ingresses], verbs: [list, watch]}
- {apiGroups: [gateway.flomesh.io], resources: ["*"], verbs: [list, watch]}
- {apiGroups: [config.flomesh.io], resources: [meshconfigs], verbs: [list, watch]}
- {apiGroups: [flomesh.io], resources: [namespacedingresses], verbs: [list, watch]}
- {apiGroups: [networking.istio.io, policy.flomesh.io], resources: ["*"], verbs: [list, watch]}
- {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: narrow}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: narrow}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: narrow}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: narrow, namespace: default}
rules:
- {apiGroups: [""], resources: [secrets], resourceNames: [cert], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: narrow, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: narrow}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: narrow}]
`

func TestOpenSaysWhatFailed(t *testing.T) {
	shared.Need(t)
	l := newLab(t)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, context.DeadlineExceeded)
	defer cancel()
	config, err := shared.User("nobody")
	l.Check(err)
	_, err = kube.Open(ctx, kube.Options{Config: config, ControllerName: controller})
	if err == nil || !strings.Contains(err.Error(), "forbidden") || !strings.Contains(err.Error(), "HTTPRoute") {
		t.Errorf("error is %v", err)
	}
	_, err = kube.Open(ctx, kube.Options{Config: &rest.Config{Host: "https://127.0.0.1:1"}, ControllerName: controller})
	if err == nil || !strings.Contains(err.Error(), "https://127.0.0.1:1") {
		t.Errorf("error is %v", err)
	}
}
