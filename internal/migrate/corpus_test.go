package migrate_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"fsm/internal/explain"
	"fsm/internal/golden"
	"fsm/internal/migrate"
	"fsm/internal/project"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

// TestCorpus converts whatever the translation of Ingresses is tested with. What comes
// out is accepted, and decides about requests as the Ingresses do.
func TestCorpus(t *testing.T) {
	cases, err := golden.Load("../translate/testdata")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, c := range cases {
		if !strings.HasPrefix(c.Name, "ingress/") {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			objects, problems := resource.Decode("input.yaml", c.Input)
			set := resource.NewSet(objects, problems...)
			result, err := migrate.Convert(set, migrate.Options{Classes: []string{"pipy", "fsm", "nginx"}})
			if errors.Is(err, migrate.ErrNone) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var manifests, findings strings.Builder
			if err := errors.Join(result.WriteYAML(&manifests), result.WriteFindings(&findings)); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(findings.String(), "not valid") || strings.Contains(findings.String(), " is False: ") {
				t.Error(findings.String())
			}
			checkAccepted(t, set, manifests.String())
			if !strings.Contains(findings.String(), "has an address of its own") {
				compared += newComparison(set, result).run(t)
			}
		})
	}
	if t.Logf("%d answers compared", compared); compared < 500 {
		t.Errorf("%d answers were compared, which is hardly anything", compared)
	}
}

// comparison asks what becomes of requests with Ingresses, and with what they come to.
type comparison struct {
	set           *resource.Set
	before, after *explain.Model
	result        *migrate.Result
}

func newComparison(set *resource.Set, result *migrate.Result) *comparison {
	c := &comparison{set: set, result: result}
	common := slices.Concat(objectsOf[*corev1.Service](set), objectsOf[*discoveryv1.EndpointSlice](set), objectsOf[*corev1.Secret](set),
		objectsOf[*corev1.ConfigMap](set), objectsOf[*gatewayv1.ReferenceGrant](set))
	options := explain.Options{
		Translate: translate.Config{Standalone: true, Ingress: translate.Ingress{NGINX: true}},
		Node:      project.Node{Name: "test", Role: project.RoleGateway, Bind: []string{"127.0.0.1"}},
	}
	var ours []resource.Object
	for _, o := range resource.List[*networkingv1.Ingress](set) {
		if !slices.ContainsFunc(result.Findings, func(f migrate.Finding) bool {
			return f.Object == resource.KeyOf(o) && strings.Contains(f.Message, "is not among those to convert")
		}) {
			ours = append(ours, o)
		}
	}
	c.before = explain.NewModel(resource.NewSet(slices.Concat(common, ours)), options)
	c.after = explain.NewModel(resource.NewSet(slices.Concat(common, result.Objects)), options)
	return c
}

func objectsOf[T resource.Object](set *resource.Set) []resource.Object {
	var list []resource.Object
	for _, o := range resource.List[T](set) {
		list = append(list, o)
	}
	return list
}

// run asks about each path of each host, about paths around it and about none that is
// known, with and without TLS, for clients some of which may be kept out. It returns how
// often it asked.
func (c *comparison) run(t *testing.T) int {
	clients := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	hosts, paths := []string{"nobody.example.net"}, []string{"/", "/no-such-path"}
	for _, o := range resource.List[*networkingv1.Ingress](c.set) {
		for _, rule := range o.Spec.Rules {
			hosts = append(hosts, strings.Replace(rule.Host, "*", "label", 1), "www."+rule.Host)
			if rule.HTTP == nil {
				continue
			}
			for _, p := range rule.HTTP.Paths {
				path := strings.NewReplacer("(/|$)(.*)", "/some/thing", "(.*)", "some", `\d+`, "7", "[a-z]+", "word").Replace(p.Path)
				paths = append(paths, path, strings.TrimSuffix(path, "/")+"/below", path+"beside", strings.ToUpper(path))
			}
		}
	}
	asked := 0
	for _, host := range hosts {
		if host == "" || strings.Contains(host, "*") {
			continue
		}
		for _, path := range paths {
			for _, scheme := range []string{"http", "https"} {
				q := explain.Question{Method: "GET", URL: scheme + "://127.0.0.1" + path, Headers: []string{"Host: " + host}, ServerName: host}
				q.Client = clients[asked%len(clients)]
				before, after := decision(c.before, q), decision(c.after, q)
				if asked++; before != after && !c.said(before, after) {
					t.Errorf("%s of %s:\nIngress: %s\nGateway: %s", q.URL, host, before, after)
				}
			}
		}
	}
	return asked
}

// decision is what becomes of a request, in a line.
func decision(m *explain.Model, q explain.Question) string {
	e, err := m.Explain(q)
	if err != nil {
		return "refused"
	}
	var words []string
	for _, d := range e.Destinations {
		if d.Object != nil && d.Answer == nil {
			words = append(words, fmt.Sprintf("%d/%d %s %s", d.Weight, d.Of, d.Sent, d.Object.Name))
		}
	}
	for _, h := range e.Answer.Headers {
		if strings.HasPrefix(strings.ToLower(h), "location") {
			words = append(words, h)
		}
	}
	if e.Answer.From != explain.FromBackend {
		words = append(words, fmt.Sprint(e.Answer.From, " ", e.Answer.Status))
	}
	return strings.Join(words, ", ")
}

// said tells whether a difference is one of which there is a finding.
func (c *comparison) said(before, after string) bool {
	found := func(text string) bool {
		return slices.ContainsFunc(c.result.Findings, func(f migrate.Finding) bool { return strings.Contains(f.Message, text) })
	}
	switch {
	case strings.HasSuffix(before, "proxy 404") && found("stands for any number of labels"):
		return true
	case strings.HasSuffix(after, "proxy 500"), strings.HasSuffix(after, "proxy 503"):
		return c.result.Lossy()
	case strings.HasSuffix(after, "proxy 404"):
		return found("with regard to case")
	}
	return false
}
