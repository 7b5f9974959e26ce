package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"fsm/test/behavior/standin"
)

const headersOfFoo = `{
  "headers": {
    "Accept": "*/*",
    "Host": "foo.example.com",
    "User-Agent": "curl/7.68.0"
  }
}
`

func TestHttpbin(t *testing.T) {
	curl := newContainer(t, "curl")
	newContainer(t, "httpbin").start(t, nil)
	reachable(t, 80)
	got := curl.run(t, "curl", "-s", "-A", "curl/7.68.0", "-H", "host:foo.example.com", "http://127.0.0.1/headers")
	if diff := cmp.Diff(headersOfFoo, got); diff != "" {
		t.Error(diff)
	}
	got = curl.run(t, "sh", "-c", "seq 2000 > /tmp/payload && curl -s -w '%{http_code}' -X POST -T /tmp/payload http://127.0.0.1/status/200")
	if got != "200" {
		t.Errorf("got %q after an upload", got)
	}
}

// TestHttpbinTLS: the page on TLS to backends starts httpbin with a certificate.
func TestHttpbinTLS(t *testing.T) {
	curl, httpbin := newContainer(t, "curl"), newContainer(t, "httpbin")
	certificate, key := selfSigned(t, "foo.example.com")
	httpbin.mount(t, "etc/httpbin/certs/server-cert.pem", certificate)
	httpbin.mount(t, "etc/httpbin/certs/server-key.pem", key)
	curl.mount(t, "tmp/ca-cert.pem", certificate)
	httpbin.start(t, nil, "gunicorn", "-b", "0.0.0.0:443", "httpbin:app", "-k", "gevent",
		"--certfile", "/etc/httpbin/certs/server-cert.pem", "--keyfile", "/etc/httpbin/certs/server-key.pem")
	reachable(t, 443)
	got := curl.run(t, "curl", "-s", "-A", "curl/7.68.0", "--cacert", "/tmp/ca-cert.pem", "https://foo.example.com/headers", "--connect-to", "foo.example.com:443:127.0.0.1:443")
	if diff := cmp.Diff(headersOfFoo, got); diff != "" {
		t.Error(diff)
	}
}

// TestPipy: the servers of one line, of different pages.
func TestPipy(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"pipy().listen(8080).serveHTTP(new Message({status: 503},'Service unavailable'))", "Service unavailable503"},
		{"pipy()\n.listen(8080)\n.serveHTTP(new Message('Response from pod ' + os.env[\"HOSTNAME\"]))\n", "Response from pod httpbin-1200"},
		{"pipy().listen(8080).serveHTTP(msg=>(console.log(msg.head),msg))", "Hello world200"},
	} {
		t.Run(c.want, func(t *testing.T) {
			curl := newContainer(t, "curl")
			newContainer(t, "pipy").start(t, []string{"HOSTNAME=httpbin-1"}, "pipy", "-e", c.script)
			reachable(t, 8080)
			if got := curl.run(t, "curl", "-s", "-w", "%{http_code}", "http://127.0.0.1:8080/", "-d", "Hello world"); got != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestTutorial: the backend of the pages on Ingress.
func TestTutorial(t *testing.T) {
	curl, pipy := newContainer(t, "curl"), newContainer(t, "pipy")
	certificate, key := selfSigned(t, "example.com")
	pipy.mount(t, "etc/pipy/tutorial/gateway/secret/server-cert.pem", certificate)
	pipy.mount(t, "etc/pipy/tutorial/gateway/secret/server-key.pem", key)
	pipy.start(t, []string{"PIPY_CONFIG_FILE=/etc/pipy/tutorial/gateway/main.js"})
	reachable(t, 8000)
	reachable(t, 8443)
	for _, url := range []string{"http://example.com:8000/hi", "https://example.com:8443/hi"} {
		if got := curl.run(t, "curl", "-sk", url, "--connect-to", "example.com::127.0.0.1:"); got != "Hi, there!\n" {
			t.Errorf("%s: got %q", url, got)
		}
	}
	if got := curl.run(t, "curl", "-s", "http://127.0.0.1:8000/"); !strings.Contains(got, "<h1>Hi, Pipy!</h1>") {
		t.Errorf("got %q", got)
	}
}

func TestGrpcbin(t *testing.T) {
	newContainer(t, "grpcbin").start(t, nil)
	reachable(t, 9000)
	var out strings.Builder
	err := standin.Grpcurl(t.Context(), []string{"-plaintext", "-d", `{"greeting":"Flomesh"}`, "127.0.0.1:9000", "hello.HelloService/SayHello"}, &out)
	if want := "{\n  \"reply\": \"hello Flomesh\"\n}\n"; err != nil || out.String() != want {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestFortio(t *testing.T) {
	curl, fortio := newContainer(t, "curl"), newContainer(t, "fortio")
	fortio.start(t, nil)
	reachable(t, 8080)
	if got := exchange(t, "127.0.0.1:8078", "fsm\n"); got != "fsm\n" {
		t.Errorf("the UDP server sent %q back", got)
	}
	if got := curl.run(t, "curl", "-s", "-w", "%{http_code} %{size_download}", "http://127.0.0.1:8080/echo"); got != "200 0" {
		t.Errorf("got %q", got)
	}
	if got := curl.run(t, "sh", "-c", "echo hello | nc -w 1 127.0.0.1 8078"); got != "hello\n" {
		t.Errorf("the TCP server sent %q back", got)
	}
	load := fortio.command(t, nil, "fortio", "load", "-quiet", "-c", "1", "-n", "20", "-qps", "0", `http://127.0.0.1:8080/echo?status=503:100`)
	if out, err := load.CombinedOutput(); err != nil || !strings.Contains(string(out), "Code 503 : 20 (100.0 %)") {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestEchoBasic(t *testing.T) {
	curl, echo := newContainer(t, "curl"), newContainer(t, "echo-basic")
	pod := []string{"POD_NAME=infra-backend-v1-1", "NAMESPACE=gateway-conformance-infra"}
	echo.start(t, pod)
	reachable(t, 3000)
	if got := curl.run(t, "curl", "-s", "http://127.0.0.1:3000/path"); !strings.Contains(got, `"path": "/path"`) || !strings.Contains(got, `"pod": "infra-backend-v1-1"`) {
		t.Errorf("got %s", got)
	}
	echo.start(t, append(pod, "UDP_ECHO_SERVER=1", "SERVICE_NAME=udp-echo"))
	if got := exchange(t, "127.0.0.1:8080", "hello"); !strings.Contains(got, `"request":"hello"`) || !strings.Contains(got, `"service":"udp-echo"`) {
		t.Errorf("got %s", got)
	}
}

// TestCurl: a pod that sleeps, and what is called in it.
func TestCurl(t *testing.T) {
	curl := newContainer(t, "curl")
	curl.start(t, nil, "/bin/sleep", "365d")
	for want, words := range map[string][]string{
		"curl":    {"curl", "--version"},
		"uid=100": {"id"},
		"hello":   {"/bin/sh", "-c", "echo hello > /tmp/f && cat /tmp/f"},
	} {
		if got := curl.run(t, words...); !strings.Contains(got, want) {
			t.Errorf("%s: got %q", words, got)
		}
	}
}
