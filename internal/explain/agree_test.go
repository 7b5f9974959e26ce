package explain_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/explain"
	"fsm/internal/project"
	"fsm/internal/proxy"
	"fsm/internal/proxy/proxytest"
	"fsm/internal/resource"
	"fsm/internal/translate"
)

// address is a loopback address of this test's own, since ports are fixed in
// manifests.
const address = "127.0.71.1"

// TestAgreesWithProxy asks the package and a running proxy the same questions.
func TestAgreesWithProxy(t *testing.T) {
	model := serveExample(t)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	answers := map[string]int{}
	for range 1500 {
		q := randomQuestion(r)
		e, err := model.Explain(q)
		if err != nil {
			t.Fatalf("seed %d: explain %+v: %v", seed, q, err)
		}
		got := ask(q)
		if err := agrees(e, got); err != nil {
			t.Fatalf("seed %d: %+v\n%v\nproxy: %+v\nexplained: %s", seed, q, err, got, text(t, e))
		}
		answers[e.Answer.Reason]++
	}
	// Random questions must not all be of one kind.
	for _, reason := range []string{"", "no_route", "redirect", "misdirected", "backend_not_found", "no_endpoints", "no_backends", "cors_preflight", "bad_path", "not_tls", "no_server_name"} {
		if answers[reason] == 0 {
			t.Errorf("no question had the answer %q: %v", reason, answers)
		}
	}
}

// serveExample runs a proxy with the manifests of agree.yaml.
func serveExample(t *testing.T) *explain.Model {
	manifest, err := os.ReadFile("testdata/agree.yaml")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"ADDRESS", address}
	for _, name := range []string{"blue", "green"} {
		_, port, _ := net.SplitHostPort(echo(t, name))
		words = append(words, strings.ToUpper(name), port)
	}
	objects, problems := resource.Decode("agree.yaml", []byte(strings.NewReplacer(words...).Replace(string(manifest))))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	cert, key := proxytest.NewAuthority(t, "ca").Issue(proxytest.Names{CommonName: "example.com"})
	objects = append(objects, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "cert"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: []byte(cert), corev1.TLSPrivateKeyKey: []byte(key)},
	})
	set, config, node := resource.NewSet(objects), translate.Config{Standalone: true}, project.Node{Role: project.RoleGateway}
	mesh, _ := translate.Translate(set, config)
	proxytest.Start(t, proxy.Config{}).MustApply(project.Project(mesh, node))
	return explain.NewModel(set, explain.Options{Translate: config, Node: node})
}

// echo is a backend that answers with its name and what it was asked.
func echo(t *testing.T, name string) string {
	return proxytest.Serve(t, func(c *proxytest.Conn) {
		for {
			r, err := http.ReadRequest(c.R)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			body := fmt.Sprintf("%s %s %s, host %s", name, r.Method, r.RequestURI, r.Host)
			if r.Method == http.MethodHead {
				body = ""
			}
			c.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nEcho: %s\r\n\r\n%s", len(body), body, body))
		}
	}).Addr
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func randomQuestion(r *rand.Rand) explain.Question {
	q := explain.Question{Method: pick(r, "GET", "GET", "POST", "OPTIONS", "DELETE", "get")}
	scheme := pick(r, "http", "http", "https")
	port := "8000"
	if r.IntN(10) == 0 || scheme == "https" {
		port = pick(r, "8443", "8443", "8443", "8443", "8000", "8444", "8999")
	}
	target := pick(r, "/", "/exact", "/exact/", "/re12", "/rex", "/p", "/p/q", "/p/q/r?x=%20", "/pq", "/split", "/missing/x", "/idle",
		"/nothing", "/redirect", "/redirect/a/b?c=d", "/cors", "/p/../q", "/p//q", "/p%2fq", "/%zz", "/?q=green", "/p?q=g&q=x", "/p?x=y#z")
	q.URL = scheme + "://" + address + ":" + port + target
	host := pick(r, "m.example.com", "x.example.com", "a.b.example.com", "own.example.com", "a.example.com", "A.Example.COM", "a.example.com:8443",
		"x.example.org", "y.example.org", "other.example", "nobody.example", "bad host", "127.0.0.1")
	q.Headers = []string{"Host: " + host, "Connection: close"}
	q.ServerName = pick(r, host, host, "a.example.com", "x.example.org", "nobody.example")
	for _, h := range []string{"X-Colour: green", "X-Colour: red", "Origin: http://my.page.example", "Access-Control-Request-Method: PUT", "X-Forwarded-For: 1.2.3.4", "Content-Length: 0"} {
		if r.IntN(3) == 0 {
			q.Headers = append(q.Headers, h)
		}
	}
	if r.IntN(20) == 0 {
		q.Method, q.URL = "OPTIONS", "http://"+address+":8000/cors"
		q.Headers = []string{"Host: m.example.com", "Connection: close", "Origin: http://my.page.example", "Access-Control-Request-Method: PUT"}
	}
	return q
}

// seen is what came of a question that was really asked.
type seen struct {
	status               int
	reason, echo, header string
	err                  error
}

// ask sends the request of a question.
func ask(q explain.Question) (s seen) {
	scheme, rest, _ := strings.Cut(q.URL, "://")
	authority, target, _ := strings.Cut(rest, "/")
	target, _, _ = strings.Cut(target, "#")
	c, err := net.DialTimeout("tcp", authority, 5*time.Second)
	if err != nil {
		return seen{err: err}
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if scheme == "https" {
		c = tls.Client(c, &tls.Config{ServerName: q.ServerName, InsecureSkipVerify: true})
	}
	if _, err := io.WriteString(c, q.Method+" /"+target+" HTTP/1.1\r\n"+strings.Join(q.Headers, "\r\n")+"\r\n\r\n"); err != nil {
		return seen{err: err}
	}
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: q.Method})
	if err != nil {
		return seen{err: err}
	}
	defer r.Body.Close()
	s = seen{status: r.StatusCode, reason: r.Header.Get("Fsm-Reason"), echo: r.Header.Get("Echo")}
	for name, values := range r.Header {
		s.header += strings.ToLower(name) + ": " + strings.Join(values, ", ") + "\n"
	}
	return s
}

// agrees compares an explanation with what was seen.
func agrees(e *explain.Explanation, s seen) error {
	switch e.Answer.From {
	case explain.FromNobody:
		if s.err == nil {
			return fmt.Errorf("nobody should have answered")
		}
		return nil
	case explain.FromProxy:
		return agreesWith(e.Answer, s)
	}
	if s.err != nil {
		return s.err
	}
	var possible []string
	for _, d := range e.Destinations {
		if d.Answer != nil {
			if s.echo == "" && agreesWith(*d.Answer, s) == nil {
				return nil
			}
			continue
		}
		name := strings.TrimSuffix(strings.TrimPrefix(d.Backend, "local/default/"), ":80")
		possible = append(possible, name+" "+d.Sent)
	}
	if s.status != 200 || !slices.Contains(possible, s.echo) {
		return fmt.Errorf("backend saw %q, want one of %q", s.echo, possible)
	}
	return nil
}

func agreesWith(a explain.Answer, s seen) error {
	switch {
	case isCleartext(s.err) && a.Status == 400:
		return nil // the answer to a TLS handshake, which the TLS client does not show
	case s.err != nil:
		return s.err
	case s.status != a.Status || s.reason != a.Reason:
		return fmt.Errorf("answer %d %s, want %d %s", s.status, s.reason, a.Status, a.Reason)
	}
	for _, line := range a.Headers {
		name, value, _ := strings.Cut(line, ": ")
		if want := strings.ToLower(name) + ": " + value + "\n"; !strings.Contains(s.header, want) {
			return fmt.Errorf("answer has no header %q", line)
		}
	}
	return nil
}

// isCleartext recognises "HTTP/" in place of a TLS record.
func isCleartext(err error) bool {
	record, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok && string(record.RecordHeader[:]) == "HTTP/"
}

func text(t *testing.T, e *explain.Explanation) string {
	var s strings.Builder
	if err := e.WriteText(&s); err != nil {
		t.Fatal(err)
	}
	return s.String()
}
