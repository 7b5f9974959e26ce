package inspect_test

import (
	"archive/zip"
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"fsm/internal/cli"
	"fsm/internal/deliver"
	"fsm/internal/identity"
	"fsm/internal/inspect"
	"fsm/internal/ir"
)

// result is what a command did.
type result struct {
	code     int
	out, err string
}

func (l *lab) fsm(args ...string) result {
	l.T.Helper()
	var out, errs bytes.Buffer
	code := cli.Main(l.Ctx, args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return result{code, out.String(), errs.String()}
}

// wants fails the test if a command has another code, or prints something else.
func (r result) wants(t *testing.T, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("code %d, want %d: %s", r.code, code, r.err)
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.err, text) {
			t.Errorf("%q is not in\n%s%s", text, r.out, r.err)
		}
	}
}

// commandLab is a lab whose cluster commands are about.
func commandLab(t *testing.T, namespace string) *lab {
	l := newLab(t, namespace)
	kubeconfig := filepath.Join(t.TempDir(), "config")
	l.Check(shared.WriteKubeconfig(kubeconfig, "admin"))
	t.Setenv("KUBECONFIG", kubeconfig)
	t.Setenv("KUBECACHEDIR", t.TempDir())
	return l
}

// TestStatus: each proxy stands in a line, with what keeps it from being in order.
func TestStatus(t *testing.T) {
	l := commandLab(t, "status")
	l.fsm("status", "--fsm-namespace", "status").wants(t, 1, "fsm: there is no controller in namespace status: install with 'fsm install'")
	id := identity.ID{TrustDomain: "cluster.local", Role: identity.Gateway, Namespace: "status", Name: "web"}
	l.controller("status", "controller", deliver.Proxy{
		Peer: deliver.Peer{ID: id, Node: "web-1"}, Acked: "0123456789abcdef", State: deliver.Rejected, Why: "does not parse",
		Failures: []ir.Failure{{
			Resource: "tcp/:80", Reason: "PortUnavailable", Message: "address already in use",
			Origins: []ir.Origin{{Kind: "Gateway", Namespace: "status", Name: "web", Part: "listener http"}},
		}},
		Report: deliver.Report{Ready: true, Connections: 7},
	})
	l.fsm("status", "--fsm-namespace", "status").wants(t, 0,
		"NAMESPACE  GATEWAY  PROXY  VERSION       READY  CONNECTIONS  STATE     WHY\n",
		"status     web      web-1  0123456789ab  true   7            REJECTED  does not parse\n",
		"\nstatus/web-1: tcp/:80: PortUnavailable: address already in use\n    because of Gateway status/web listener http\n")
	l.fsm("status", "--fsm-namespace", "status", "-o", "json").wants(t, 0, `"version": "0123456789abcdef"`, `"state": "REJECTED"`)
	l.fsm("status", "--fsm-namespace", "status", "-o", "yaml").wants(t, 0, "  gateway: web\n")
	l.fsm("status", "-o", "xml").wants(t, 2, "want text or json or yaml")
}

// TestProxyGet: what a proxy answers is printed, or written to a file.
func TestProxyGet(t *testing.T) {
	l := commandLab(t, "asked")
	l.node.Pod(pod("asked", "web-1", "fsm-gateway"), map[uint16]string{inspect.ProxyPort: l.serve(map[string]string{"/stats": "a: 1\n", "/config_dump?format=text": "listener\n"})})
	if r := l.fsm("proxy", "get", "stats", "web-1", "-n", "asked"); r.out != "a: 1\n" || r.code != 0 {
		t.Errorf("got %+v", r)
	}
	if r := l.fsm("proxy", "get", "config_dump?format=text", "web-1", "-n", "asked", "-p", "15000"); r.out != "listener\n" {
		t.Errorf("got %+v", r)
	}
	file := filepath.Join(t.TempDir(), "stats")
	if r := l.fsm("proxy", "get", "stats", "web-1", "-n", "asked", "-f", file); r.out != "" || r.code != 0 {
		t.Errorf("got %+v", r)
	}
	l.fsm("proxy", "get", "nothing", "web-1", "-n", "asked").wants(t, 1, `fsm: pod asked/web-1 does not know the query "nothing"`)
	l.fsm("proxy", "get", "stats", "none", "-n", "asked").wants(t, 1, `fsm: ask pod asked/none for stats: pods "none" not found`)
	l.fsm("proxy", "get", "stats").wants(t, 2, "accepts 2 arg(s)")
	// And a shell offers queries and pods.
	l.fsm("__complete", "proxy", "get", "").wants(t, 0, "config_dump\t", "certs\t")
	l.fsm("__complete", "proxy", "get", "-n", "asked", "stats", "").wants(t, 0, "web-1\n")
}

// TestBugReport: the report has what there is, without Secrets and what looks like
// them, and says what it could not collect.
func TestBugReport(t *testing.T) {
	l := commandLab(t, "report")
	const key, password = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----", "correct-horse"
	_, err := l.Kube.CoreV1().Secrets("report").Create(l.Ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "credentials"}, StringData: map[string]string{"key": "a-secret-value"},
	}, metav1.CreateOptions{})
	l.Check(err)
	l.controller("report", "controller")
	proxy := pod("report", "web-1", "fsm-gateway")
	proxy.Annotations = map[string]string{"note": "password=" + password}
	l.node.Pod(proxy, map[uint16]string{inspect.ProxyPort: l.serve(map[string]string{
		"/config_dump?format=snapshot": `{"filters": [{"name": "Authorization", "value": "Basic YWxhZGRpbjpvcGVu"}], "version": "v7"}`,
		"/stats":                       "requests: 1\n" + key + "\nAuthorization: Bearer abcdefghijkl\n",
	})})
	file := filepath.Join(t.TempDir(), "report.zip")
	l.fsm("support", "bug-report", "--fsm-namespace", "report", "-o", file).wants(t, 0,
		"collecting the control plane\n", "things could not be collected; problems.txt", "The report is "+file+"\n")
	l.fsm("support", "bug-report", "--fsm-namespace", "report", "-o", file).wants(t, 1, "file exists")
	l.fsm("support", "bug-report", "-o", "report.tar").wants(t, 2, "want a name that ends in .zip")
	l.fsm("support", "bug-report", "--app-pods", "web").wants(t, 2, "want NAMESPACE/NAME")

	files := l.unzip(file)
	for name, want := range map[string]string{
		"version.txt": "\n", "cluster/nodes.yaml": "name: report", "control-plane/controller/pod.yaml": "app: fsm-controller",
		"control-plane/proxies.yaml": "pod: web-1", "proxies/report/web-1/config_dump.yaml": "version: v7",
		"proxies/report/web-1/stats.txt": "requests: 1", "configuration/services.yaml": "name: kubernetes",
		"problems.txt": "proxies/report/web-1/clusters: ask pod report/web-1 for clusters: status 404",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s: %q is not in\n%s", name, want, files[name])
		}
	}
	for name, text := range files {
		for _, leak := range []string{"MIIEvQ", password, "YWxhZGRpbjpvcGVu", "abcdefghijkl", "a-secret-value", "managedFields"} {
			if strings.Contains(text, leak) {
				t.Errorf("%s contains %q:\n%s", name, leak, text)
			}
		}
	}
}

func (l *lab) unzip(path string) map[string]string {
	l.T.Helper()
	r, err := zip.OpenReader(path)
	l.Check(err)
	defer r.Close()
	files := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		l.Check(err)
		text, err := io.ReadAll(in)
		l.Check(err)
		l.Check(in.Close())
		files[f.Name] = string(text)
	}
	return files
}
